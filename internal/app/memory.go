package app

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Go collects garbage whenever the heap has doubled. What this process keeps is small, a few
// megabytes, so under load that would be dozens of times a second, and a tenth of all its time.
// A small heap may therefore grow by up to smallHeap, at most fivefold, before it is collected.
// From smallHeap on the usual rule holds, so memory is never more than that beyond the usual.
const (
	smallHeap    = 32 << 20 // bytes
	usualPercent = 100
	mostPercent  = 400
)

// paceCollector adjusts the pace after each collection, unless the operator set one.
func paceCollector() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	p := &pacer{now: usualPercent}
	p.collected()
}

type pacer struct{ now int }

// collected runs after each collection: it leaves something behind for the next one to find.
func (p *pacer) collected() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if next := percent(sample[0].Value.Uint64()); next != p.now {
		p.now = next
		debug.SetGCPercent(next)
	}
	left := new([64]byte)
	runtime.AddCleanup(left, func(p *pacer) { p.collected() }, p)
}

// percent is how much a heap of live bytes may grow.
func percent(live uint64) int {
	return int(min(mostPercent, max(usualPercent, usualPercent*smallHeap/max(live, 1))))
}

// settle gives back what only the start needed.
func settle() { debug.FreeOSMemory() }
