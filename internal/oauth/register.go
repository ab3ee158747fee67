package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/policy"
	"symbolon.dev/token"
)

// Registration says whether clients may register themselves (RFC 7591), and for what. The zero value
// is: they may not. Who is let in, the policy decides each time, by action clients.register.
type Registration struct {
	Mode       string        // "" or RegistrationNone, RegistrationToken, RegistrationOpen
	Scopes     []string      // what such a client may ask for
	GrantTypes []string      // likewise
	PKCE       string        // "nonce" lets confidential ones use the nonce instead
	Limit      int           // of such clients, at once
	SecretLife time.Duration // of the secrets they are given; 0 = no end
	Store      RegistrationStore
	Catalog    Registrar
}

// Modes of [Registration].
const (
	RegistrationNone  = "none"
	RegistrationToken = "token" // with an initial access token: one of ours for {issuer}/register
	RegistrationOpen  = "open"  // with or without
)

// RegistrationStore is what registration reads and writes itself.
type RegistrationStore interface {
	Commit(ctx context.Context, changes ...symbolon.Change) error
	Object(ctx context.Context, kind, id string) (*symbolon.Object, error)
	Attempts(ctx context.Context, key string) (int, error)
}

// Registrar keeps clients: *catalog.Catalog.
type Registrar interface {
	Put(ctx context.Context, actor, requestID string, edits ...catalog.Edit) error
}

func (r *Registration) enabled() bool {
	return r.Mode == RegistrationToken || r.Mode == RegistrationOpen
}

const (
	pathRegister = "/register"

	anonymous       = string(catalog.Anonymous)
	perHour         = 100 // registrations by one token's subject, or from one address
	singleUseMargin = time.Minute
)

var registerTable = []step[*registering]{
	{"initial access token", "RFC 7591 §3", (*registering).admit},
	{"limits", "RFC 7591 §5", (*registering).pace},
	{"metadata", "RFC 7591 §3.1", (*registering).read},
	{"software statement", "RFC 7591 §3.1.1", (*registering).vouch},
	{"client", "RFC 7591 §2, OpenID Connect Dynamic Client Registration 1.0 §2", (*registering).create},
	{"policy", "S5", (*registering).decide},
	{"single use", "RFC 7591 §3", (*registering).once},
	{"answer", "RFC 7591 §3.2.1", (*registering).keep},
}

// registering is one request to register, or to change a registration.
type registering struct {
	*endpoints
	w      http.ResponseWriter
	r      *http.Request
	ev     *door.Event
	claims *token.Claims // of the initial access token; nil = none was shown
	actor  string        // for the audit trail

	metadata  clientMetadata
	statement string // its issuer; "" = there is none
	vouched   symbolon.OrganisationID
	client    *symbolon.Client
	version   int64           // of the client as it was; 0 = it is new
	widens    bool            // an update asks for more than the client has
	secret    symbolon.Secret // to be shown once
	access    symbolon.Secret // the registration access token
}

// register is the client registration endpoint.
func (e *endpoints) register(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	return walk(registerTable, &registering{endpoints: e, w: w, r: r, ev: ev})
}

// admit opens the initial access token: one of ours, for this endpoint, of a scope that allows one
// registration or many.
func (c *registering) admit() error {
	if c.Registration.Mode == RegistrationOpen && len(c.r.Header["Authorization"]) == 0 {
		c.actor, c.ev.Subject = anonymous, anonymous
		return nil
	}
	claims, err := c.Tokens.Bearer(c.r.Context(), c.r, c.Issuer+pathRegister)
	if err != nil {
		return err
	}
	if !claims.HasScope(catalog.ScopeRegister) && !claims.HasScope(catalog.ScopeRegisterOnce) {
		return symbolon.Refuse(symbolon.Denied, "insufficient_scope", "the token does not let a client register")
	}
	c.claims, c.actor, c.ev.Subject = claims, claims.Subject, claims.Subject
	return nil
}

// pace bounds how many there are, and how fast they come.
func (c *registering) pace() error {
	registered := 0
	for _, one := range c.Catalog.Current().Clients() {
		if one.Registered != nil {
			registered++
		}
	}
	if registered >= c.Registration.Limit {
		return symbolon.Refuse(symbolon.TooMany, "temporarily_unavailable", "no more clients may register here; ask the operator")
	}
	who := "subject " + c.actor
	if c.claims == nil {
		who = "address " + network(c.r.RemoteAddr)
	}
	made, err := c.Registration.Store.Attempts(c.r.Context(), "register "+who)
	if err != nil {
		return err
	}
	if made >= perHour {
		c.w.Header().Set("Retry-After", "3600")
		return symbolon.Refuse(symbolon.TooMany, "temporarily_unavailable", "more than %d registrations within an hour", perHour)
	}
	now := c.Clock()
	return c.Registration.Store.Commit(c.r.Context(), symbolon.Attempt{Key: "register " + who, At: now, Expires: now.Add(time.Hour)})
}

// network is an address, or of IPv6 the part that one site has.
func network(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	addr := at.Addr().Unmap()
	if addr.Is6() {
		if site, err := addr.Prefix(64); err == nil {
			return site.String()
		}
	}
	return addr.String()
}

// decide asks the policy.
func (c *registering) decide() error {
	snapshot := c.Catalog.Current()
	principal := policy.Entity{UID: policy.UID{Type: "Service", ID: anonymous}}
	context := map[string]any{"scopes": c.client.Scopes, "grants": c.client.GrantTypes, "statement": c.statement}
	if c.claims != nil {
		context["acr"], context["amr"], context["auth_age"] = c.claims.ACR, c.claims.AMR, int64(c.Clock().Sub(c.claims.AuthTime).Seconds())
		var err error
		if principal, err = c.principal(snapshot); err != nil {
			return err
		}
	}
	decision := snapshot.Policy.Decide(policy.Request{Principal: principal, Action: "clients.register",
		Resource: policy.Entity{UID: policy.UID{Type: "Administration", ID: "clients"}}, Context: context})
	c.ev.Decision, c.ev.Policies = decision.Effect.String(), decision.Policies
	if decision.Effect == policy.Allow {
		return nil
	}
	code := "access_denied"
	if c.statement != "" {
		code = "unapproved_software_statement"
	}
	denied := symbolon.Refuse(symbolon.Denied, code, "the policy of this service does not let this client register")
	denied.Remedies, denied.Policies = decision.Remedies, decision.Policies
	return denied
}

func (c *registering) principal(snapshot *catalog.Snapshot) (policy.Entity, error) {
	if c.claims.Kind == token.KindService {
		found, ok := snapshot.Client(symbolon.ClientID(c.claims.Subject))
		if !ok {
			return policy.Entity{}, symbolon.Refuse(symbolon.Unauthenticated, "invalid_token", "the token's client is gone")
		}
		return snapshot.ServiceEntity(found), nil
	}
	user, err := c.Tokens.User(c.r.Context(), symbolon.UserID(c.claims.Subject))
	if err != nil {
		return policy.Entity{}, err
	}
	return snapshot.UserEntity(user), nil
}

// once uses up a token that is good for one registration alone.
func (c *registering) once() error {
	if c.claims == nil || c.claims.HasScope(catalog.ScopeRegister) {
		return nil
	}
	used := symbolon.MarkOnce{Key: symbolon.HashOf("initial access token " + c.claims.ID), Expires: c.claims.Expires.Add(singleUseMargin)}
	err := c.Registration.Store.Commit(c.r.Context(), used)
	var known *symbolon.Error
	if errors.As(err, &known) && known.Kind == symbolon.Conflict {
		return symbolon.Refuse(symbolon.Unauthenticated, "invalid_token", "the token was used for a registration before").Because(err)
	}
	return err
}

// keep puts the client into the catalog and answers.
func (c *registering) keep() error {
	if err := c.put(); err != nil {
		return err
	}
	c.answer(http.StatusCreated)
	return nil
}

func (c *registering) put() error {
	doc, err := json.Marshal(c.client)
	if err != nil {
		return err
	}
	c.ev.Client = string(c.client.ID)
	edit := catalog.Edit{Kind: symbolon.KindClient, ID: string(c.client.ID), Doc: doc, Was: c.version}
	return badMetadata(c.Registration.Catalog.Put(c.r.Context(), c.actor, c.ev.RequestID, edit))
}

// badMetadata gives what is wrong with a client the codes of RFC 7591 §3.2.2.
func badMetadata(err error) error {
	var known *symbolon.Error
	if !errors.As(err, &known) || known.Kind != symbolon.Invalid || known.Code != "" {
		return err
	}
	var lines []string
	code := "invalid_client_metadata"
	for line := range strings.Lines(known.Message) {
		_, fault, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if strings.HasPrefix(fault, "redirect_uris") {
			code = "invalid_redirect_uri"
		}
		lines = append(lines, fault)
	}
	return symbolon.Refuse(symbolon.Invalid, code, "%s", strings.Join(lines, "; ")).Because(err)
}

// asRegistration is the crossing of both registration endpoints: tokens are refused as by any
// protected resource (RFC 6750 §3), metadata as by RFC 7591 §3.2.2.
func asRegistration(w http.ResponseWriter, _ *http.Request, ev *door.Event, err error) {
	known := door.Known(err)
	code, status := codeOf(known), statusOf(known)
	switch known.Kind {
	case symbolon.Unauthenticated:
		status = http.StatusUnauthorized
		if known.Code == "" {
			code = "invalid_token"
		}
	case symbolon.Denied:
		status = http.StatusForbidden
	case symbolon.Conflict:
		status = http.StatusConflict
	}
	if known.Code != "unapproved_software_statement" {
		challenge(w, issuer.BearerChallenge(known, catalog.ScopeRegister))
	} else {
		status = http.StatusBadRequest
	}
	answerJSON(w, status, failure{code, printable(known.Message), ev.RequestID})
}
