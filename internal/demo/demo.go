// Package demo is the whole product at work on one loopback port: issuer, broker, three apps,
// two services and three people, on an embedded database.
//
// Nothing here is a short cut. The sample deployment is declared as an operator would declare
// it, the apps are upstreams that listen on sockets only the broker reaches, and every token
// comes from the token endpoint.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"symbolon.dev/internal/app"
	"symbolon.dev/internal/config"
	"symbolon.dev/internal/outbound"
	"symbolon.dev/internal/telemetry"
	"symbolon.dev/verify"
)

// Options of one run.
type Options struct {
	Listen  string
	Data    string // "" = a temporary directory that is removed at the end
	TLS     bool
	JSON    bool
	Tour    bool
	Version string
	Out     io.Writer
	Errors  io.Writer
}

// run is one demo while it lives.
type run struct {
	Options
	data, sockets string
	scheme, port  string
	caFile        string
	listener      net.Listener
	place         place
	app           *app.App
	client        *http.Client
	lines         *telemetry.Lines
}

const startLimit = 20 * time.Second

// Run starts everything, tells the facts, and ends with ctx (or after the tour).
func Run(ctx context.Context, o Options) error {
	d := &run{Options: o, lines: telemetry.NewLines(o.Errors)}
	defer d.clean()
	if err := d.prepare(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := d.build(ctx); err != nil {
		return err
	}
	ready, ended := make(chan app.Ready, 1), make(chan error, 1)
	go func() { ended <- d.app.Run(ctx, func(r app.Ready) { ready <- r }) }()
	select {
	case err := <-ended:
		return errors.Join(errors.New("the demo did not start"), err)
	case <-time.After(startLimit):
		return errors.New("the demo did not become ready in time")
	case <-ready:
	}
	if err := d.tell(ctx); err != nil {
		return err
	}
	if o.Tour {
		err := d.tour(ctx)
		stop()
		return errors.Join(err, <-ended)
	}
	return <-ended
}

// prepare finds the directory, the port and, for TLS, the certificates.
func (d *run) prepare() error {
	host, _, err := net.SplitHostPort(d.Listen)
	if err != nil || !config.Loopback(host) {
		return fmt.Errorf("--listen %s: the demo listens on loopback alone, e.g. 127.0.0.1:8080", d.Listen)
	}
	if d.data = d.Data; d.data == "" {
		if d.data, err = os.MkdirTemp("", "symbolon-demo-"); err != nil {
			return err
		}
	}
	if d.data, err = filepath.Abs(d.data); err != nil {
		return err
	}
	if err = os.MkdirAll(d.data, 0o700); err != nil {
		return err
	}
	if d.sockets, err = os.MkdirTemp("", "symbolon-"); err != nil { // short: a socket's path has 108 bytes at most
		return err
	}
	if d.listener, err = net.Listen("tcp", d.Listen); err != nil {
		return fmt.Errorf("%w; choose another address with --listen (port 0 picks a free one)", err)
	}
	_, d.port, _ = net.SplitHostPort(d.listener.Addr().String())
	d.scheme = "http"
	if d.TLS {
		d.scheme = "https"
		d.caFile, err = developmentCA(d.data, hosts)
	}
	d.place = place{origin: d.origin, socket: d.socket, secrets: newSecrets()}
	return err
}

var hosts = []string{"id", "wiki", "payroll", "chat", "orders", "billing"}

func (d *run) origin(host string) string {
	return d.scheme + "://" + net.JoinHostPort(host+".localhost", d.port)
}
func (d *run) socket(name string) string { return filepath.Join(d.sockets, name+".sock") }

// build makes the product, declares the sample deployment and starts the sample apps.
func (d *run) build(ctx context.Context) error {
	c, err := config.Load("", d.environment())
	if err != nil {
		return err
	}
	d.app, err = app.New(ctx, app.Options{Config: c, Version: d.Version, Listener: d.listener,
		Log: telemetry.Logger(d.lines, c.Log.Format, c.Log.Level)})
	if err != nil {
		return err
	}
	set, err := d.place.set()
	if err != nil {
		return err
	}
	if err := d.app.Apply(ctx, set); err != nil {
		return fmt.Errorf("the sample deployment: %w", err)
	}
	d.client, err = outbound.New(outbound.Options{Allow: d.names(), CAFile: d.caFile})
	if err != nil {
		return err
	}
	return d.upstreams(ctx)
}

func (d *run) environment() []string {
	level := "warn"
	if d.JSON {
		level = "info"
	}
	environment := []string{"SYMBOLON_ISSUER=" + d.origin("id"), "SYMBOLON_LISTEN=" + d.listener.Addr().String(),
		"SYMBOLON_DATA=" + d.data, "SYMBOLON_LOG_LEVEL=" + level, "SYMBOLON_STOP_TIMEOUT=2s"}
	if d.TLS {
		environment = append(environment, "SYMBOLON_TLS_CERT_FILE="+filepath.Join(d.data, certFile),
			"SYMBOLON_TLS_KEY_FILE="+filepath.Join(d.data, keyFile))
	}
	return environment
}

func (d *run) names() []string {
	var names []string
	for _, h := range hosts {
		names = append(names, h+".localhost")
	}
	return names
}

func (d *run) upstreams(ctx context.Context) error {
	handlers := map[string]http.Handler{
		"wiki":    page("wiki", "Wiki", "A page for everybody employed. It was served because a policy permits it, and this app knows of you only what its own token says."),
		"payroll": page("payroll", "Payroll", "Critical: only people of finance, and only with a passkey, see this page."),
		"chat":    chat(),
		"orders": orders{issuer: d.origin("id"), billing: d.origin("billing"), clientID: "orders",
			secret: d.place.secrets["orders"], http: d.client}.handler(),
		"billing": service("billing"),
	}
	for name, handler := range handlers {
		verifier, err := verify.New(verify.Options{Issuer: d.origin("id"), Audience: d.origin(name), Presenters: []string{"broker"}, HTTP: d.client})
		if err != nil {
			return err
		}
		if err := (upstream{name, handler, verifier}).start(ctx, d.socket(name)); err != nil {
			return err
		}
	}
	return nil
}

func (d *run) clean() {
	d.lines.Close()
	if d.listener != nil {
		_ = d.listener.Close()
	}
	if d.sockets != "" {
		_ = os.RemoveAll(d.sockets)
	}
	if d.Data == "" && d.data != "" {
		_ = os.RemoveAll(d.data)
	}
}
