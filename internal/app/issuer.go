package app

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"symbolon.dev"
	"symbolon.dev/internal/account"
	"symbolon.dev/internal/admin"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/directory"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/event"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/ledger"
	"symbolon.dev/internal/login"
	"symbolon.dev/internal/logout"
	"symbolon.dev/internal/oauth"
	"symbolon.dev/internal/outbound"
	"symbolon.dev/internal/page"
	"symbolon.dev/internal/policy"
	"symbolon.dev/internal/session"
	"symbolon.dev/internal/signals"
	"symbolon.dev/internal/store"
	"symbolon.dev/token"
)

// issuerSide is everything that stands over the store.
type issuerSide struct {
	app *App

	db     *store.DB
	vault  *key.Vault
	keys   *key.Ring
	events *event.Log
	ledger *ledger.Ledger

	catalog   *catalog.Catalog
	clients   *client.Authenticator
	directory *directory.Directory
	authn     *authn.Authn
	sessions  *session.Sessions
	tokens    *issuer.Issuer
	courier   *grant.Courier
	logouts   *logout.Herald
	grants    *grant.Grants
	signals   *signals.Transmitter

	outbound *http.Client // to addresses that others name

	certificates *door.Certificates // of requests

	handler http.Handler
}

func newIssuerSide(ctx context.Context, a *App) (*issuerSide, error) {
	s := &issuerSide{app: a}
	if err := s.mechanisms(ctx); err != nil {
		return nil, err
	}
	err := s.rules(ctx)
	if err == nil {
		err = s.bootstrapBroker(ctx)
	}
	if err == nil {
		err = s.doors()
	}
	if err != nil {
		_ = s.db.Close()
		return nil, err
	}
	return s, nil
}

func (s *issuerSide) mechanisms(ctx context.Context) error {
	c := s.app.Config
	var err error
	if s.vault, err = openVault(c); err != nil {
		return err
	}
	var tokens atomic.Pointer[issuer.Issuer] // the hook is needed before there is an issuer to call
	s.db, err = store.Open(ctx, store.Options{URL: c.Store, Clock: symbolon.Now, Log: s.app.Log,
		Committed: func(changes []symbolon.Change) {
			if i := tokens.Load(); i != nil {
				i.Committed(changes)
			}
		}})
	if err != nil {
		return err
	}
	s.keys, err = key.Open(ctx, s.db, s.vault, key.Options{Algorithms: []string{"ES256", "RS256"},
		Period: time.Duration(c.Keys.Period), Prepublish: time.Duration(c.Keys.Prepublish), Overlap: time.Duration(c.Keys.Overlap), Clock: symbolon.Now})
	if err != nil {
		_ = s.db.Close()
		return fmt.Errorf("signing keys: %w", err)
	}
	if s.certificates, err = door.NewCertificates(c.TLS.ClientCertProxies, c.TLS.ClientCertHeader); err != nil {
		_ = s.db.Close()
		return fmt.Errorf("tls.client_cert_proxies and tls.client_cert_header: %w", err)
	}
	s.outbound, err = outbound.New(outbound.Options{Allow: c.Outbound.Allow, CAFile: c.Outbound.CAFile})
	if err != nil {
		_ = s.db.Close()
		return err
	}
	s.events = event.New(s.db, s.app.Log)
	s.ledger = ledger.New(s.db.AddLedger, symbolon.Now, s.app.Log)
	s.catalog, err = catalog.Open(ctx, s.db, catalog.Options{Issuer: c.Issuer, Clock: symbolon.Now, Outbound: s.outbound})
	if err == nil {
		s.tokens, err = issuer.New(ctx, issuer.Config{Issuer: c.Issuer, Store: s.db, Catalog: s.catalog, Keys: s.keys,
			Vault: s.vault, Clock: symbolon.Now, Shared: s.db.Shared(), Ledger: s.ledger, Outbound: s.outbound, Certificate: s.certificates.ThumbprintOf})
	}
	if err != nil {
		_ = s.db.Close()
		return err
	}
	tokens.Store(s.tokens)
	return nil
}

func (s *issuerSide) rules(context.Context) error {
	c := s.app.Config
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return err
	}
	s.clients = s.authenticator(s.certificates, s.outbound)
	s.directory = directory.New(s.db, symbolon.Now)
	s.sessions = session.New(s.db, s.vault, session.Options{Lifetime: time.Duration(c.Session.Lifetime),
		Idle: time.Duration(c.Session.Idle), Secure: !c.Plain(), Clock: symbolon.Now})
	s.authn, err = authn.New(s.db, s.vault, authn.Options{RPID: u.Hostname(), Origins: []string{c.Issuer}, Clock: symbolon.Now})
	s.courier = grant.NewCourier(grant.Courier{HTTP: s.outbound, Webhook: c.CIBA.Webhook, Log: s.app.Log,
		Signer: func() (token.Signer, error) { return s.keys.Signer("ES256") }})
	s.grants = grant.New(grant.Config{Issuer: c.Issuer, Store: s.db, Catalog: s.catalog, Tokens: s.tokens, Vault: s.vault,
		Clock: symbolon.Now, Ledger: s.ledger, Keys: s.clients, Courier: s.courier, Enabled: c.Drafts})
	s.logouts = logout.New(logout.Config{Issuer: c.Issuer, Store: s.db, Client: s.client, Subject: s.tokens.SubjectFor, Session: s.tokens.SessionFor,
		Signer: func(alg string) (token.Signer, error) { return s.keys.Signer(alg) }, HTTP: s.outbound, Clock: symbolon.Now, Log: s.app.Log})
	s.signals = signals.New(signals.Config{Issuer: c.Issuer, Store: s.db, Log: s.events,
		Signer: func() (token.Signer, error) { return s.keys.Signer("ES256") },
		Bearer: s.tokens.Bearer, Heard: s.tokens.Heard, Catalog: s.catalog.Current, Door: s.app.door, Clock: symbolon.Now})
	return err
}

// doors mounts everything that answers on the issuer's host.
func (s *issuerSide) doors() error {
	c, d := s.app.Config, s.app.door
	loginPages, err := login.New(login.Config{Issuer: c.Issuer, Door: d, Authn: s.authn, Sessions: s.sessions, Directory: s.directory,
		Store: s.db, Keys: s.keys, Grants: s.grants, Logouts: s.logouts, Clock: symbolon.Now, Decide: s.decideLogin,
		Client:   s.client,
		Resource: func(id symbolon.ResourceID) (*symbolon.Resource, bool) { return s.grants.ByID(s.catalog.Current(), id) }})
	if err != nil {
		return err
	}
	accountPages, err := account.New(account.Config{Issuer: c.Issuer, Door: d, Authn: s.authn, Sessions: s.sessions,
		Directory: s.directory})
	if err != nil {
		return err
	}
	endpoints := oauth.Handler(oauth.Config{Issuer: c.Issuer, Door: d, Catalog: s.catalog, Sessions: s.sessions, Grants: s.grants,
		Clients: s.clients,
		Tokens:  s.tokens, Keys: s.keys, Vault: s.vault, Consents: s.db, Clock: symbolon.Now, Registration: s.registration(), HTTP: s.outbound})
	administration := admin.New(admin.Config{Issuer: c.Issuer, Version: s.app.Version, Door: d, Store: s.db, Catalog: s.catalog,
		Directory: s.directory, Sessions: s.sessions, Tokens: s.tokens, Keys: s.keys, Ledger: s.ledger,
		Metrics: s.app.metrics.Page(), Clock: symbolon.Now, Log: s.app.Log})

	mux := http.NewServeMux()
	for _, path := range oauth.Paths {
		mux.Handle(path, endpoints)
	}
	for _, path := range []string{"/login", "/login/", "/enrol", "/enrol/", "/consent", "/device", "/device/", "/approve", "/logout", "/logged-out"} {
		mux.Handle(path, loginPages)
	}
	mux.Handle("/account", accountPages)
	mux.Handle("/account/", accountPages)
	mux.Handle("/.well-known/ssf-configuration", s.signals.Handler())
	mux.Handle("/ssf/", s.signals.Handler())
	mux.Handle(admin.Prefix+"/", administration.Handler())
	mux.Handle("/.symbolon/assets/", page.Assets())
	mux.Handle("/{$}", http.RedirectHandler("/account", http.StatusSeeOther))
	s.handler = mux
	return nil
}

// decideLogin asks the policy whether this person may log in to this client; the account page
// stands for itself.
func (s *issuerSide) decideLogin(user *symbolon.User, into symbolon.ClientID, acr symbolon.ACR, amr []string) policy.Decision {
	snapshot := s.catalog.Current()
	target := policy.Entity{UID: policy.UID{Type: "Service", ID: "account"}}
	if known, ok := s.client(into); ok {
		target = snapshot.ServiceEntity(known)
	}
	return snapshot.Policy.Decide(policy.Request{Principal: snapshot.UserEntity(user), Action: "login", Resource: target,
		Context: map[string]any{"acr": string(acr), "level": acr.Level(), "phishing_resistant": acr.Meets(symbolon.ACRPhishing),
			"auth_age": int64(0), "amr": amr}})
}

func (s *issuerSide) applier() admin.Applier {
	return admin.Applier{Store: s.db, Catalog: s.catalog, Directory: s.directory, Clock: symbolon.Now}
}

// start runs what works beside the requests.
func (s *issuerSide) start(ctx context.Context, group *errgroup.Group) {
	s.events.Subscribe(func(e symbolon.Event) { s.follow(ctx, e) })
	s.events.Subscribe(s.logouts.Hear)
	group.Go(func() error { return untilDone(ctx, s.events.Run(ctx)) })
	group.Go(func() error { return s.logouts.Run(ctx) })
	group.Go(func() error { return s.ledger.Run(ctx) })
	group.Go(func() error { s.janitor(ctx); return nil })
	group.Go(func() error { return s.courier.Run(ctx) })
}

// follow replaces snapshots when another replica has changed what they are made of.
func (s *issuerSide) follow(ctx context.Context, e symbolon.Event) {
	var err error
	switch e.Type {
	case symbolon.ObjectChanged, symbolon.ObjectDeleted, symbolon.ClientDisabled:
		err = s.catalog.Reload(ctx)
	case symbolon.KeyRotated:
		err = s.keys.Reload(ctx)
	}
	if err != nil {
		s.app.Log.Error("a snapshot could not be replaced; the old one stays in force", "event", e.Type, "cause", err)
	}
}

const (
	janitorInterval = time.Minute
	sweepBatch      = 500
	sweepPause      = 20 * time.Millisecond
)

// janitor deletes what has expired, rotates keys that are due, and forgets streams nobody reads.
func (s *issuerSide) janitor(ctx context.Context) {
	ticker := time.NewTicker(janitorInterval)
	defer ticker.Stop()
	for {
		if err := s.tidy(ctx); err != nil && ctx.Err() == nil {
			s.app.Log.Warn("tidying up failed; it is tried again in a minute", "cause", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *issuerSide) tidy(ctx context.Context) error {
	if err := s.keys.Rotate(ctx); err != nil {
		return err
	}
	if err := s.signals.Sweep(ctx); err != nil {
		return err
	}
	for {
		deleted, err := s.db.Sweep(ctx, symbolon.Now(), sweepBatch)
		if err != nil || deleted == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(sweepPause):
		}
	}
}
