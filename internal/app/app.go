// Package app is where everything is wired, in plain sight: no registry, no container, no magic.
//
//	issuer side:  store → key ring, event log, ledger → catalog → directory, authn, sessions,
//	              tokens, grants → doors (oauth, login, account, signals, admin)
//	broker side:  a client credential and a way to the issuer → broker
//
// One process may be either or both. With both, the broker reaches the issuer through memory,
// by the same requests as over the network.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"symbolon.dev/internal/broker"
	"symbolon.dev/internal/config"
	"symbolon.dev/internal/declare"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/telemetry"
)

// Options of one process.
type Options struct {
	Config   *config.Config
	Version  string
	Log      *slog.Logger
	Listener net.Listener     // nil = listen where the configuration says
	Reload   <-chan os.Signal // read certificates and declared files again
}

// Ready is what a process says of itself once it serves.
type Ready struct {
	Issuer string   `json:"issuer"`
	Listen string   `json:"listen"`
	Roles  []string `json:"roles"`
}

// App is one process, built and not yet running.
type App struct {
	Options
	metrics *telemetry.Metrics
	tracer  *telemetry.Tracer
	door    *door.Door
	issuer  *issuerSide    // nil without the role
	broker  *broker.Broker // nil without the role
	pair    *certificate   // nil without TLS
}

// New builds the process: it opens the store and migrates it, but listens on nothing yet.
func New(ctx context.Context, o Options) (*App, error) {
	a := &App{Options: o, metrics: telemetry.NewMetrics()}
	a.door = &door.Door{Log: o.Log, Observe: a.metrics.Observe}
	var err error
	if a.tracer, err = telemetry.NewTracer(ctx, o.Config.Tracing.Endpoint, o.Config.Tracing.Sample); err != nil {
		return nil, err
	}
	if !o.Config.Plain() {
		a.pair = &certificate{files: o.Config.TLS}
		if err := a.pair.load(); err != nil {
			return nil, err
		}
	}
	if o.Config.Has("issuer") {
		if a.issuer, err = newIssuerSide(ctx, a); err != nil {
			return nil, err
		}
		if err := a.declared(ctx); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	if o.Config.Has("broker") {
		if a.broker, err = a.newBroker(); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// Apply makes a declared set true, as `symbolon apply` does; the actor is the system.
func (a *App) Apply(ctx context.Context, set declare.Set) error {
	_, err := a.issuer.applier().Apply(ctx, "system", "", set, false, false)
	return err
}

// Enrol makes an enrolment link for the person with a login.
func (a *App) Enrol(ctx context.Context, login string) (string, error) {
	user, err := a.issuer.directory.ByLogin(ctx, login)
	if err != nil {
		return "", err
	}
	link, err := a.issuer.directory.Enrol(ctx, user.ID, "system", "")
	return a.Config.Issuer + "/enrol?token=" + url.QueryEscape(link.Reveal()), err
}

// declared applies the directory that the configuration names.
func (a *App) declared(ctx context.Context) error {
	if a.Config.Declared == "" {
		return nil
	}
	set, err := declare.Read(a.Config.Declared, os.Getenv)
	if err != nil {
		return err
	}
	return a.Apply(ctx, set)
}

// Close gives back what New took, for a process that never ran.
func (a *App) Close() error {
	if a.issuer == nil {
		return nil
	}
	return a.issuer.db.Close()
}

// Run serves until ctx ends, then drains. Ready is called once, when requests are answered.
func (a *App) Run(ctx context.Context, ready func(Ready)) error {
	paceCollector()
	listener, err := a.listen()
	if err != nil {
		return errors.Join(err, a.Close())
	}
	group, working := errgroup.WithContext(ctx)
	serving, stopServing := context.WithCancel(working)
	defer stopServing()
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	if a.issuer != nil {
		a.issuer.start(background, group)
	}
	if a.broker != nil {
		group.Go(func() error { return untilDone(background, a.broker.Run(background)) })
	}
	group.Go(func() error {
		defer stopBackground() // the feed and the ledger outlive the last request
		return serve(serving, newServer(a.front(), a.pair, a.Log), listener, time.Duration(a.Config.StopTimeout))
	})
	group.Go(func() error { a.reload(serving); return nil })
	group.Go(func() error { a.announce(serving, listener, ready); return nil })
	err = errors.Join(group.Wait(), a.Close())
	return errors.Join(err, a.tracer.Close(context.WithoutCancel(ctx)))
}

func (a *App) listen() (net.Listener, error) {
	listener := a.Listener
	if listener == nil {
		var err error
		if listener, err = net.Listen("tcp", a.Config.Listen); err != nil {
			return nil, fmt.Errorf("listen: %w; another process has the address, or change listen in the configuration", err)
		}
	}
	return listener, nil
}

// announce waits until the process may be sent requests, then says so.
func (a *App) announce(ctx context.Context, listener net.Listener, ready func(Ready)) {
	for a.ready(ctx) != nil {
		select {
		case <-ctx.Done():
			notify("STOPPING=1")
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	settle()
	a.Log.Info("ready", "issuer", a.Config.Issuer, "listen", listener.Addr().String(), "roles", strings.Join(a.Config.Roles, ","))
	notify("READY=1")
	ready(Ready{Issuer: a.Config.Issuer, Listen: listener.Addr().String(), Roles: a.Config.Roles})
	<-ctx.Done()
	notify("STOPPING=1")
}

// ready says whether requests can be answered: the store is there, the broker has its snapshot
// and hears the feed.
func (a *App) ready(ctx context.Context) error {
	var err error
	if a.issuer != nil {
		err = a.issuer.db.Ping(ctx)
	}
	if a.broker != nil {
		err = errors.Join(err, a.broker.Ready())
	}
	return err
}

// reload follows SIGHUP: certificates and declared files, without a restart (S21).
func (a *App) reload(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.Reload:
			notify(reloading())
			if err := a.reloadOnce(ctx); err != nil {
				a.Log.Error("reload failed; what was loaded before stays in force", "cause", err)
			} else {
				a.Log.Info("reloaded")
			}
			notify("READY=1")
		}
	}
}

func (a *App) reloadOnce(ctx context.Context) error {
	var err error
	if a.pair != nil {
		err = a.pair.load()
	}
	if a.issuer != nil {
		err = errors.Join(err, a.declared(ctx))
	}
	return err
}

// front tells the issuer's host from the apps', and answers health checks on any.
func (a *App) front() http.Handler {
	hosts := issuerHosts(a.Config.Issuer)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case a.issuer != nil && slices.Contains(hosts, strings.ToLower(r.Host)):
			a.issuer.handler.ServeHTTP(w, r)
		case a.broker != nil:
			a.broker.Handler().ServeHTTP(w, r)
		default:
			a.unknownHost(w, r)
		}
	})
	return health(a.tracer.Handler(handler), a.ready)
}

// unknownHost is RFC 9110 §15.5.20: this server does not speak for that host.
func (a *App) unknownHost(w http.ResponseWriter, r *http.Request) {
	a.door.Handle("unknown-host", door.AsProblem, func(w http.ResponseWriter, _ *http.Request, ev *door.Event) error {
		door.WriteJSON(w, http.StatusMisdirectedRequest, "application/problem+json", door.Problem{
			Type: "about:blank", Title: http.StatusText(http.StatusMisdirectedRequest), Status: http.StatusMisdirectedRequest,
			Detail: "nothing is served under this host name here", RequestID: ev.RequestID})
		return nil
	}).ServeHTTP(w, r)
}

// issuerHosts is the issuer's host as requests name it: as configured, and with the scheme's own
// port, which a client may say or leave out.
func issuerHosts(issuer string) []string {
	scheme, host, _ := strings.Cut(strings.ToLower(issuer), "://")
	port := map[string]string{"http": ":80", "https": ":443"}[scheme]
	bare := strings.TrimSuffix(host, port)
	if _, _, err := net.SplitHostPort(bare); err == nil {
		return []string{host}
	}
	return []string{bare, bare + port}
}

func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return host
}

func untilDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil // it ended because it was asked to
	}
	return err
}
