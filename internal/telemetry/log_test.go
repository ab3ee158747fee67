package telemetry

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// out counts how often it is written to.
type out struct {
	mu     sync.Mutex
	text   bytes.Buffer
	writes int
}

func (o *out) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writes++
	return o.text.Write(p)
}

func (o *out) seen() (string, int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.writes
}

func TestLinesAreWrittenTogetherWithinATenthOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &out{}
		log := Logger(NewLines(o), "json", "info")
		for round := range 3 {
			log.Info("one")
			log.Info("two")
			if _, writes := o.seen(); writes != round {
				t.Errorf("%d writes before the time", writes)
			}
			time.Sleep(linesWait)
			synctest.Wait()
			if text, writes := o.seen(); writes != round+1 || strings.Count(text, "\n") != 2*(round+1) {
				t.Errorf("%d writes of %s", writes, text)
			}
		}
	})
}

func TestWhatMattersIsWrittenAtOnceAndInOrder(t *testing.T) {
	o := &out{}
	log := Logger(NewLines(o), "json", "info").With("a", 1).WithGroup("g")
	log.Info("before")
	log.Warn("now")
	text, writes := o.seen()
	if writes != 1 || strings.Index(text, "before") > strings.Index(text, "now") || !strings.Contains(text, "now") {
		t.Errorf("%d writes of %s", writes, text)
	}
}

func TestNoLineIsLostOrTorn(t *testing.T) {
	o := &out{}
	lines := NewLines(o)
	log := Logger(lines, "json", "info")
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			for i := range 500 {
				log.Info("line", "n", n, "i", i, "filler", strings.Repeat("x", i))
			}
		})
	}
	group.Wait()
	log.Info("long", "filler", strings.Repeat("y", 2*linesRoom))
	lines.Close()
	log.Info("after the end")
	text, _ := o.seen()
	decoder, count := json.NewDecoder(strings.NewReader(text)), 0
	for ; ; count++ {
		var line struct{ Time string }
		if err := decoder.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(line.Time, "Z") {
			t.Fatalf("%q is not UTC", line.Time)
		}
	}
	if count != 8*500+2 {
		t.Errorf("%d lines", count)
	}
}

func BenchmarkRequestLine(b *testing.B) {
	log := Logger(NewLines(io.Discard), "json", "info")
	for b.Loop() {
		log.Info("request", "request_id", "req_ccvc26rpg24te3z6bzcn156avr", "method", "GET", "route", "broker", "status", 200, "us", 2720)
	}
}
