package logout

import (
	"context"
	"net/url"
	"strings"
	"time"

	"symbolon.dev"
)

const (
	maxFrames = 20
	// patience bounds how long a goodbye waits for clients: who answers in time has heard of it when
	// the browser comes back to one of them.
	patience = 2 * time.Second
)

// Parting is the end of a session in front of the person. Make it before the session ends.
type Parting struct {
	Frames []string // addresses that the page has to load, of the front channel

	herald  *Herald
	session symbolon.SessionID
	left    int  // first tries that are not over
	known   bool // left is what it will be
	over    chan struct{}
}

// Part prepares the end of a session: who is told through the browser, and a wait for the rest.
func (h *Herald) Part(ctx context.Context, s *symbolon.Session) (*Parting, error) {
	clients, err := h.audience(ctx, s.User, s.ID)
	if err != nil {
		return nil, err
	}
	p, posts := &Parting{herald: h, session: s.ID, over: make(chan struct{})}, false
	for _, c := range clients {
		posts = posts || c.BackchannelLogoutURI != ""
		if c.FrontchannelLogoutURI != "" && len(p.Frames) < maxFrames {
			p.Frames = append(p.Frames, h.frame(c, s.ID))
		}
	}
	if !posts {
		close(p.over)
		return p, nil
	}
	h.mu.Lock()
	h.waiting[s.ID] = p
	h.mu.Unlock()
	return p, nil
}

// frame is Front-Channel Logout 1.0 §2: the registered address, its query kept, with iss and sid.
func (h *Herald) frame(c *symbolon.Client, session symbolon.SessionID) string {
	separator := "?"
	if strings.Contains(c.FrontchannelLogoutURI, "?") {
		separator = "&"
	}
	return c.FrontchannelLogoutURI + separator + url.Values{"iss": {h.Issuer}, "sid": {h.Session(c, session)}}.Encode()
}

// Wait returns when each client has been posted to once, or when patience ends.
func (p *Parting) Wait(ctx context.Context) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.over:
	case <-timer.C:
	case <-ctx.Done():
	}
	p.Drop()
}

// Drop gives up waiting.
func (p *Parting) Drop() {
	p.herald.mu.Lock()
	defer p.herald.mu.Unlock()
	if p.herald.waiting[p.session] == p {
		delete(p.herald.waiting, p.session)
	}
}

// expect and heard count; the herald's lock is held.
func (p *Parting) expect(n int) {
	p.left, p.known = p.left+n, true
	p.check()
}

func (p *Parting) heard() {
	p.left--
	p.check()
}

func (p *Parting) check() {
	if p.known && p.left <= 0 {
		select {
		case <-p.over:
		default:
			close(p.over)
		}
	}
}
