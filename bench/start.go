package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// beginning is what the demo needs before anybody uses it, and how fast it takes trust away.
type beginning struct {
	Ready    time.Duration `json:"ready_ns"`       // from the start of the process to its JSON line; median
	Resident int64         `json:"resident_bytes"` // once idle
	Revoked  string        `json:"revoked"`        // the tour's own word: a token
	Cut      string        `json:"cut"`            // and an open WebSocket
}

const (
	starts    = 5
	idleAfter = 5 * time.Second
)

func (b *bench) measureStart(ctx context.Context) (*beginning, error) {
	if !strings.HasPrefix("start", b.only) {
		return nil, nil
	}
	out := &beginning{}
	var took []float64
	for n := range starts {
		demo, err := start(ctx, "", nil, nil, b.binary, "demo", "--json", "--listen", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		took = append(took, float64(demo.after))
		if n == starts-1 {
			select {
			case <-ctx.Done():
			case <-time.After(idleAfter):
			}
			out.Resident = demo.resident()
		}
		demo.stop()
	}
	out.Ready = time.Duration(median(took))
	tour := exec.CommandContext(ctx, b.binary, "demo", "--tour", "--listen", "127.0.0.1:0")
	tour.Stderr = os.Stderr
	text, err := tour.Output()
	out.Revoked, out.Cut = told(text, `refused everywhere (\S+) after`), told(text, `Closed with 1008 (\S+) after`)
	return out, err
}

func told(text []byte, pattern string) string {
	if found := regexp.MustCompile(pattern).FindSubmatch(text); found != nil {
		return string(bytes.TrimSpace(found[1]))
	}
	return ""
}
