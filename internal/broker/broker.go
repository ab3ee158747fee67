package broker

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/ledger"
	"symbolon.dev/verify"
)

// Config is what a broker needs. Issuer, ClientID and Secret must be given; zero values of the
// rest are the defaults.
type Config struct {
	Issuer   string // its identifier, a URL
	ClientID string // of a client declared with broker: true
	Secret   symbolon.Secret
	HTTP     *http.Client // to the issuer; its Transport is used
	Secure   bool         // served over TLS: cookies are Secure and __Host-

	Staleness time.Duration // how long the issuer may be silent, default 15 s
	Rejudge   time.Duration // how long a permit holds for what stays open, default 30 s

	// Certificate gives the thumbprint (RFC 8705 §3.1) of the client certificate that a request was
	// sent with, "" for none; default that of its TLS connection.
	Certificate func(*http.Request) string

	Door  *door.Door
	Log   *slog.Logger
	Clock symbolon.Clock
}

const (
	defaultStaleness = 15 * time.Second
	defaultRejudge   = 30 * time.Second
)

func (c *Config) fill() {
	if c.HTTP == nil {
		c.HTTP = http.DefaultClient
	}
	if c.Staleness <= 0 {
		c.Staleness = defaultStaleness
	}
	if c.Rejudge <= 0 {
		c.Rejudge = defaultRejudge
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Certificate == nil {
		c.Certificate = ofConnection
	}
	if c.Door == nil {
		c.Door = &door.Door{Log: c.Log}
	}
	if c.Clock == nil {
		c.Clock = symbolon.Now
	}
}

// Broker serves the applications that the issuer's catalog declares.
type Broker struct {
	Config
	cookies     cookies
	scheme      []string // X-Forwarded-Proto
	crossOrigin *http.CrossOriginProtection
	sealer      sealer
	proofs      proofs
	issuer      *issuer
	admin       *verify.TokenSource // for snapshot and ledger
	feed        *verify.Receiver
	ledger      *ledger.Ledger
	trust       *trust
	buffers     buffers
	upstreams   upstreams

	table   atomic.Pointer[table] // nil until the first snapshot
	version snapshotVersion
}

// New makes a broker. It does no I/O; the error is of kind Invalid. Somebody must call
// [Broker.Run], until then every request is refused.
func New(c Config) (*Broker, error) {
	c.fill()
	as := verify.Client{Issuer: c.Issuer, ID: c.ClientID, Secret: c.Secret, HTTP: c.HTTP, Clock: c.Clock}
	introspector, err := verify.NewIntrospector(verify.IntrospectorOptions{Client: as, Size: 1})
	if err != nil {
		return nil, err
	}
	signals, err := verify.NewTokenSource(as, c.Issuer+"/ssf", "ssf.manage", "ssf.read")
	if err != nil {
		return nil, err
	}
	b := &Broker{Config: c, cookies: cookies{c.Secure}, scheme: []string{"http"}, crossOrigin: http.NewCrossOriginProtection(),
		upstreams: upstreams{ways: map[string]*upstream{}}, version: newSnapshotVersion()}
	if c.Secure {
		b.scheme = []string{"https"}
	}
	if b.admin, err = verify.NewTokenSource(as, c.Issuer+"/admin", "snapshot", "ledger"); err != nil {
		return nil, err
	}
	if b.sealer, err = newSealer(c.Secret, c.ClientID); err != nil {
		return nil, err
	}
	if b.proofs, err = newProofs(&c); err != nil {
		return nil, err
	}
	b.issuer = newIssuer(&c)
	b.trust = newTrust(introspector.Ask, c.Clock)
	b.ledger = ledger.New(b.report, c.Clock, c.Log)
	b.feed, err = verify.NewReceiver(verify.ReceiverOptions{Issuer: c.Issuer, Tokens: signals, Description: "broker " + c.ClientID,
		Staleness: c.Staleness, On: b.hear, OnGap: b.lost, HTTP: c.HTTP, Log: c.Log, Clock: c.Clock})
	return b, err
}

// Run follows the issuer until ctx ends: signals, snapshots, and the ledger back to it. It
// survives every failure of the issuer; the broker then fails closed after Staleness.
func (b *Broker) Run(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return b.feed.Run(ctx) })
	work.Go(func() error { return b.follow(ctx) })
	work.Go(func() error { return b.watch(ctx) })
	work.Go(func() error { return b.ledger.Run(ctx) })
	return work.Wait()
}

var errStale = errors.New("the broker has not heard of the issuer for too long")

// fresh reports whether the broker may rely on what it knows: the feed is alive, and the snapshot
// is no older than the last thing that the feed said about it, give or take Staleness.
func (b *Broker) fresh() bool {
	now := b.Clock()
	return b.table.Load() != nil && b.feed.Fresh(now) && b.version.current(now, b.Staleness)
}

// Ready is nil if the broker can serve. The error is of kind Unavailable.
func (b *Broker) Ready() error {
	if b.fresh() {
		return nil
	}
	return unavailable(errStale)
}
