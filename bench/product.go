package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"syscall"

	"symbolon.dev/internal/app"
	"symbolon.dev/internal/config"
	"symbolon.dev/internal/telemetry"
)

// productCommand is the binary, or, to be profiled, the same wiring inside of the bench.
func (b *bench) productCommand() (program string, arguments []string, err error) {
	if b.profile == "" {
		return b.binary, []string{"serve", "--json"}, nil
	}
	if err := os.MkdirAll(b.profile, 0o750); err != nil {
		return "", nil, err
	}
	self, err := os.Executable()
	return self, []string{"serve", "product", b.profile}, err
}

// product serves as `symbolon serve` does, and writes a profile of what it did between one
// SIGUSR1 and the next.
func product(ctx context.Context, dir string) error {
	c, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	lines := telemetry.NewLines(os.Stderr)
	defer lines.Close()
	a, err := app.New(ctx, app.Options{Config: c, Version: "bench", Log: telemetry.Logger(lines, c.Log.Format, c.Log.Level)})
	if err != nil {
		return err
	}
	go profiles(ctx, dir)
	return a.Run(ctx, func(ready app.Ready) { fmt.Println(ready.Listen) })
}

func profiles(ctx context.Context, dir string) {
	turns := make(chan os.Signal, 1)
	signal.Notify(turns, syscall.SIGUSR1)
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-turns:
		}
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("case-%d.pprof", n)))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		_ = pprof.StartCPUProfile(file)
		select {
		case <-ctx.Done():
		case <-turns:
		}
		pprof.StopCPUProfile()
		_ = file.Close()
	}
}
