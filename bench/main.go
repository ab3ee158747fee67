// Command bench measures what the product's main paths cost, as ratios to bare programs that do
// only what nobody can do without: httputil.ReverseProxy for the broker, a net/http handler that
// signs ES256 for what issues tokens, one that writes 300 bytes of JSON for introspection.
//
//	go run ./bench                        everything, with the binary that `make build` made
//	go run ./bench --only issue --json    cases whose name begins so, as JSON
//	go run ./bench --postgres URL         the same over PostgreSQL, in a database of its own
//	go run ./bench --profile DIR          CPU profiles of the product, one per case
//
// Each server is a process of its own with one Go thread of execution, on one core if the system
// can pin it; the load comes from this process, on the others. Bare and product take turns in
// short rounds under the same load. A round's ratio is that of CPU times per request, so that
// other work on the machine hardly counts; the median of the rounds is told. Wall-clock figures
// stand beside it. Everything listens on loopback alone, and it ends by itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

type options struct {
	binary, only, postgres, profile string
	seconds                         float64
	connections                     int
	json                            bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "serve" { // as one of its own servers
		exitOn(serve(ctx, os.Args[2:]))
		return
	}
	var o options
	flag.StringVar(&o.binary, "binary", "bin/symbolon", "the product")
	flag.StringVar(&o.only, "only", "", "only cases whose name begins with this")
	flag.StringVar(&o.postgres, "postgres", os.Getenv("SYMBOLON_TEST_POSTGRES"), "measure over this PostgreSQL too; its user must be able to create databases")
	flag.StringVar(&o.profile, "profile", "", "write CPU profiles of the product to this directory")
	flag.Float64Var(&o.seconds, "seconds", 4, "time under load per case and server")
	flag.IntVar(&o.connections, "connections", 64, "keep-alive connections, each with one request at a time")
	flag.BoolVar(&o.json, "json", false, "print JSON")
	flag.Parse()
	exitOn(run(ctx, o))
}

func run(ctx context.Context, o options) error {
	if _, err := os.Stat(o.binary); err != nil {
		return fmt.Errorf("%w; run `make build` first", err)
	}
	bareServersCore, loadCores := cores()
	pinSelf(loadCores)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(1, runtime.NumCPU()-1)))
	b := &bench{options: o, serverCore: bareServersCore, loadCores: loadCores}
	defer b.close()
	found, err := b.measure(ctx)
	if err != nil {
		return err
	}
	return found.print(os.Stdout, o.json)
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
