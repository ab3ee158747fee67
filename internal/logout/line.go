package logout

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"symbolon.dev"
)

// pauses are when, after the end of a session, a client is told: at once, and again if that fails.
var pauses = []time.Duration{0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}

const (
	memory      = 15 * time.Minute // after a start, what ended in this time is looked at again
	maxRecalled = 1000
	maxPosting  = 32 // at once
	maxPerOne   = 4  // to one client
	busyPause   = 100 * time.Millisecond
	idlePause   = time.Minute
)

// delivery is one client that is to hear of the end of one session.
type delivery struct {
	event  symbolon.Event
	client *symbolon.Client
	try    int
	due    time.Time
}

// line is a heap: what is due first comes first.
type line []*delivery

func (l line) Len() int           { return len(l) }
func (l line) Less(i, j int) bool { return l[i].due.Before(l[j].due) }
func (l line) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *line) Push(x any)        { *l = append(*l, x.(*delivery)) }
func (l *line) Pop() any {
	old := *l
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*l = old[:len(old)-1]
	return last
}

// enlist puts a delivery to each client that has an address into the line.
func (h *Herald) enlist(e symbolon.Event, clients []*symbolon.Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := 0
	for _, c := range clients {
		if c.BackchannelLogoutURI == "" {
			continue
		}
		d := &delivery{event: e, client: c}
		for d.try+1 < len(pauses) && !h.Clock().Before(e.At.Add(pauses[d.try+1])) {
			d.try++ // of a session that ended before this process began
		}
		d.due = e.At.Add(pauses[d.try])
		if told++; len(h.line) < maxHeard {
			heap.Push(&h.line, d)
		}
	}
	if p := h.waiting[e.Session]; p != nil {
		p.expect(told)
	}
}

// dispatch sends what is due on its way and says when to look again.
func (h *Herald) dispatch(ctx context.Context, posts *sync.WaitGroup) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.Clock()
	for len(h.line) > 0 {
		next := h.line[0]
		if wait := next.due.Sub(now); wait > 0 {
			return min(wait, idlePause)
		}
		if h.posting >= maxPosting {
			return idlePause // a delivery that ends rings
		}
		heap.Pop(&h.line)
		if h.busy[next.client.ID] >= maxPerOne {
			next.due = now.Add(busyPause)
			heap.Push(&h.line, next)
			continue
		}
		h.posting++
		h.busy[next.client.ID]++
		posts.Go(func() { h.attempt(ctx, next) })
	}
	return idlePause
}

// attempt makes one try and sees to what follows of it.
func (h *Herald) attempt(ctx context.Context, d *delivery) {
	again := h.try(ctx, d)
	h.mu.Lock()
	h.posting--
	if h.busy[d.client.ID]--; h.busy[d.client.ID] == 0 {
		delete(h.busy, d.client.ID)
	}
	if p := h.waiting[d.event.Session]; p != nil {
		p.heard()
	}
	if d.try++; again && d.try < len(pauses) {
		d.due = d.event.At.Add(pauses[d.try])
		heap.Push(&h.line, d)
	}
	h.mu.Unlock()
	h.ring()
}
