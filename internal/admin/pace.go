package admin

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How fast one caller may go on, at each replica. A script that applies sets stays far below.
const (
	perSecond  = 50
	burst      = 200
	maxCallers = 4096
)

// pace bounds how much of the issuer one caller can take, whatever its policies permit.
type pace struct {
	mu      sync.Mutex
	callers map[string]*rate.Limiter
}

func (p *pace) allow(caller string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.callers[caller]
	if !ok {
		p.forget(now)
		known = rate.NewLimiter(perSecond, burst)
		p.callers[caller] = known
	}
	return known.AllowN(now, 1)
}

// forget drops whoever has been quiet long enough to start anew; if that is nobody, everybody.
func (p *pace) forget(now time.Time) {
	if len(p.callers) < maxCallers && p.callers != nil {
		return
	}
	kept := map[string]*rate.Limiter{}
	for caller, limiter := range p.callers {
		if limiter.TokensAt(now) < burst {
			kept[caller] = limiter
		}
	}
	if len(kept) >= maxCallers {
		clear(kept)
	}
	p.callers = kept
}
