package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// bench owns what runs while it measures.
type bench struct {
	options
	serverCore, loadCores string
	dir                   string
	bare                  map[string]*process // by what they serve
	upstream              *process
}

// server is what one server did in all rounds of a scenario.
type server struct {
	Name string        `json:"name"`
	CPU  time.Duration `json:"cpu_ns"` // per request, median
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
	Rate float64       `json:"requests_per_second"` // wall clock, median
	Busy float64       `json:"busy"`                // share of its core that it used; far below 1 the others were the limit
}

// finding is one scenario's result against one bare server.
type finding struct {
	Scenario string  `json:"scenario"`
	Store    string  `json:"store"`
	Ratio    float64 `json:"ratio"` // median over the rounds of bare CPU time ÷ product CPU time
	Aim      float64 `json:"aim,omitempty"`
	Product  server  `json:"product"`
	Bare     server  `json:"bare"`
}

const rounds = 8

func (b *bench) measure(ctx context.Context) (*findings, error) {
	if err := b.startBare(ctx); err != nil {
		return nil, err
	}
	all := &findings{}
	stores := []struct{ name, url string }{{"sqlite", ""}}
	if b.postgres != "" {
		url, drop, err := createDatabase(ctx, b.postgres)
		if err != nil {
			return nil, err
		}
		defer drop()
		stores = append(stores, struct{ name, url string }{"postgres", url})
	}
	for _, s := range stores {
		if err := b.measureOn(ctx, s.name, s.url, all); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	var err error
	all.Start, err = b.measureStart(ctx)
	return all, err
}

func (b *bench) startBare(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "symbolon-bench-"); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if b.upstream, err = start(ctx, b.loadCores, nil, os.Stderr, self, "serve", "upstream", b.socket()); err != nil {
		return err
	}
	b.bare = map[string]*process{}
	for _, kind := range []string{"plain", "sign", "proxy"} {
		if b.bare[kind], err = start(ctx, b.serverCore, []string{"GOMAXPROCS=1"}, os.Stderr, self, "serve", kind, b.socket()); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) socket() string { return filepath.Join(b.dir, "upstream.sock") }

func (b *bench) close() {
	for _, p := range b.bare {
		if p != nil {
			p.stop()
		}
	}
	if b.upstream != nil {
		b.upstream.stop()
	}
	_ = os.RemoveAll(b.dir)
}

func (b *bench) measureOn(ctx context.Context, store, url string, all *findings) error {
	product, err := b.deploy(ctx, b.socket(), url)
	if err != nil {
		return err
	}
	defer product.stop()
	scenarios, err := product.scenarios(ctx)
	if err != nil {
		return err
	}
	for _, s := range scenarios {
		if !strings.HasPrefix(s.name, b.only) {
			continue
		}
		found, err := b.compare(ctx, s, product)
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", s.name, err, product.lastWords())
		}
		for i := range found {
			found[i].Store = store
		}
		all.Findings = append(all.Findings, found...)
	}
	return nil
}

// compare lets the product and its bare counterparts take turns.
func (b *bench) compare(ctx context.Context, s scenario, product *deployment) ([]finding, error) {
	contestants := []contestant{{"symbolon", product.address, product.process, nil}}
	for _, a := range s.against {
		contestants = append(contestants, contestant{a.bare, b.bare[a.bare].ready, b.bare[a.bare], nil})
	}
	length := time.Duration(b.seconds / rounds * float64(time.Second))
	for n := -1; n < rounds; n++ { // the first one warms up
		for i := range contestants {
			c := &contestants[i]
			l := load{c.address, s.requests, b.connections, length}
			if err := c.round(ctx, l, n >= 0, b.profile != "" && i == 0); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	var found []finding
	for i, a := range s.against {
		found = append(found, finding{Scenario: s.name, Aim: a.aim, Ratio: ratio(contestants[i+1], contestants[0]),
			Product: contestants[0].sum(), Bare: contestants[i+1].sum()})
	}
	return found, nil
}

type contestant struct {
	name, address string
	process       *process
	rounds        []round
}

type round struct {
	outcome
	cpu time.Duration // of all requests
}

func (r round) each() time.Duration { return r.cpu / time.Duration(r.count) }

func (c *contestant) round(ctx context.Context, l load, counts, profiled bool) error {
	if profiled && counts {
		_ = c.process.command.Process.Signal(syscall.SIGUSR1)
		defer func() { _ = c.process.command.Process.Signal(syscall.SIGUSR1) }()
	}
	before, err := c.process.cpu()
	if err != nil {
		return err
	}
	out, err := l.run(ctx)
	if err != nil {
		return err
	}
	after, err := c.process.cpu()
	if err == nil && counts {
		c.rounds = append(c.rounds, round{out, after - before})
	}
	return err
}

func ratio(bare, product contestant) float64 {
	var all []float64
	for i := range bare.rounds {
		all = append(all, float64(bare.rounds[i].each())/float64(product.rounds[i].each()))
	}
	return median(all)
}

func (c contestant) sum() server {
	of := func(value func(round) float64) float64 {
		var all []float64
		for _, r := range c.rounds {
			all = append(all, value(r))
		}
		return median(all)
	}
	return server{Name: c.name,
		CPU:  time.Duration(of(func(r round) float64 { return float64(r.each()) })),
		P50:  time.Duration(of(func(r round) float64 { return float64(r.p50) })),
		P99:  time.Duration(of(func(r round) float64 { return float64(r.p99) })),
		Rate: of(func(r round) float64 { return float64(r.count) / r.elapsed.Seconds() }),
		Busy: of(func(r round) float64 { return r.cpu.Seconds() / r.elapsed.Seconds() })}
}

func median(all []float64) float64 {
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
