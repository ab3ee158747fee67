package grant

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// A request for a person who is elsewhere waits: at a device that shows a code (RFC 8628), or at
// a client that knows whom it wants (CIBA). It is three rows that never change, so that every
// replica sees the same:
//
//	the request  a ticket, found by the hash of what the client polls with, used by redeeming
//	the answer   a ticket at a hash that follows from it; who answers second gets Conflict
//	the pace     a mark that lasts as long as the client must wait before it polls again
//
// Whoever polls too soon is told slow_down and must wait longer from then on.

const (
	sealWaiting  = "grant/waiting"
	sealAnswer   = "grant/answer"
	pollInterval = 5 * time.Second
	slowerBy     = 5 * time.Second        // RFC 8628 §3.5, CIBA Core §11
	pollSlack    = 500 * time.Millisecond // what the network may take from an interval
	maxSlower    = 11                     // an interval grows to a minute, no more
	keepOver     = 15 * time.Minute       // how long a request that is over can still say so
)

// waiting is such a request.
type waiting struct {
	Client    symbolon.ClientID        `json:"client"`
	Scopes    []string                 `json:"scopes,omitempty"`
	Resources []symbolon.ResourceID    `json:"resources"`
	Issued    time.Time                `json:"issued"`
	Ends      time.Time                `json:"ends"`
	Gives     symbolon.AuthorizationID `json:"gives"`

	UserCode string `json:"user_code,omitempty"` // device

	User    symbolon.UserID `json:"user,omitempty"` // backchannel: who is asked
	Binding string          `json:"binding,omitempty"`
	ACR     symbolon.ACR    `json:"acr,omitempty"`
	Notify  string          `json:"notify,omitempty"` // ping: the client's bearer token,
	Raw     string          `json:"raw,omitempty"`    // and the auth_req_id to tell

	hash symbolon.Hash
	kind symbolon.TicketKind
	used bool
}

// saying is what a person said, in which login.
type saying struct {
	Denied     bool               `json:"denied,omitempty"`
	User       symbolon.UserID    `json:"user"`
	Session    symbolon.SessionID `json:"session"`
	SessionEnd time.Time          `json:"session_end"`
	ACR        symbolon.ACR       `json:"acr"`
	AMR        []string           `json:"amr"`
	AuthTime   time.Time          `json:"auth_time"`
	At         time.Time          `json:"at"`
}

func answerHash(request symbolon.Hash) symbolon.Hash {
	return symbolon.HashOf("answer " + hex.EncodeToString(request[:]))
}

// put makes the row of a request.
func (g *Grants) put(w *waiting) (symbolon.Change, error) {
	plain, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	return symbolon.IssueTicket{Ticket: symbolon.Ticket{
		Hash: w.hash, Kind: w.kind, User: w.User, Authorization: w.Gives, Expires: w.Ends.Add(keepOver),
		Data: g.Vault.Seal(sealWaiting, plain, w.hash[:]),
	}}, nil
}

// find reads a request; NotFound if there is none of that kind.
func (g *Grants) find(ctx context.Context, hash symbolon.Hash, kind symbolon.TicketKind) (*waiting, error) {
	ticket, err := g.Store.Ticket(ctx, hash)
	if err != nil {
		return nil, err
	}
	if ticket.Kind != kind {
		return nil, symbolon.Errorf(symbolon.NotFound, "it is a ticket of another kind")
	}
	return g.read(ticket)
}

func (g *Grants) read(ticket *symbolon.Ticket) (*waiting, error) {
	w := &waiting{hash: ticket.Hash, kind: ticket.Kind, used: !ticket.Used.IsZero()}
	return w, g.unseal(sealWaiting, ticket, w)
}

// said reads the answer to a request; nil if there is none yet.
func (g *Grants) said(ctx context.Context, w *waiting) (*saying, error) {
	ticket, err := g.Store.Ticket(ctx, answerHash(w.hash))
	if symbolon.IsKind(err, symbolon.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a := new(saying)
	return a, g.unseal(sealAnswer, ticket, a)
}

func (g *Grants) unseal(purpose string, ticket *symbolon.Ticket, into any) error {
	plain, err := g.Vault.Open(purpose, ticket.Data, ticket.Hash[:])
	if err != nil {
		return symbolon.Errorf(symbolon.Internal, "a stored request cannot be opened").Because(err)
	}
	return json.Unmarshal(plain, into)
}

// poll is one look at a request by its client: RFC 8628 §3.5, CIBA Core §11.
func (g *Grants) poll(ctx context.Context, q *Request, raw string, kind symbolon.TicketKind) (*Response, error) {
	w, err := g.own(ctx, q, raw, kind)
	if err != nil {
		return nil, err
	}
	if w.used {
		return nil, g.replayed(ctx, q, w.pending(&saying{}).authorization(), "it was redeemed before")
	}
	if !g.Clock().Before(w.Ends) {
		return nil, symbolon.Refuse(symbolon.Invalid, "expired_token", "nobody answered in time: ask again")
	}
	if err := g.pace(ctx, w); err != nil {
		return nil, err
	}
	a, err := g.said(ctx, w)
	switch {
	case err != nil:
		return nil, err
	case a == nil:
		return nil, symbolon.Refuse(symbolon.Invalid, "authorization_pending", "the person has not answered yet")
	case a.Denied:
		return nil, symbolon.Refuse(symbolon.Denied, "access_denied", "the person refused")
	}
	return g.collect(ctx, q, w, a)
}

// own finds a request that this client made.
func (g *Grants) own(ctx context.Context, q *Request, raw string, kind symbolon.TicketKind) (*waiting, error) {
	if prefix, ok := token.CheckOpaque(raw); !ok || prefix != token.PrefixTicket {
		return nil, over("it is none of ours")
	}
	w, err := g.find(ctx, symbolon.HashOf(raw), kind)
	switch {
	case symbolon.IsKind(err, symbolon.NotFound):
		return nil, over("it is unknown")
	case err != nil:
		return nil, err
	case w.Client != q.Client.ID:
		return nil, over("it was issued to " + string(w.Client))
	}
	return w, nil
}

// pace lets one poll through per interval, at whichever replica it arrives.
func (g *Grants) pace(ctx context.Context, w *waiting) error {
	key, now := "poll/"+hex.EncodeToString(w.hash[:]), g.Clock()
	early, err := g.Store.Attempts(ctx, key)
	if err != nil {
		return err
	}
	early = min(early, maxSlower)
	wait := pollInterval + time.Duration(early)*slowerBy
	err = g.Store.Commit(ctx, symbolon.MarkOnce{Key: symbolon.HashOf(key), Expires: now.Add(wait - pollSlack)})
	if !symbolon.IsKind(err, symbolon.Conflict) {
		return err
	}
	if early < maxSlower {
		if err := g.Store.Commit(ctx, symbolon.Attempt{Key: key, At: now, Expires: w.Ends}); err != nil {
			return err
		}
	}
	return symbolon.Refuse(symbolon.Invalid, "slow_down", "polled too soon: wait %d seconds between polls from now on", (wait+slowerBy)/time.Second)
}

// pending is the request with its answer, in the form of a code that waits to be redeemed.
func (w *waiting) pending(a *saying) *pending {
	return &pending{
		Consented: Consented{Client: w.Client, Scopes: w.Scopes, Resources: w.Resources},
		SessionID: a.Session, SessionEnd: a.SessionEnd, User: a.User, ACR: a.ACR, AMR: a.AMR, AuthTime: a.AuthTime,
		Issued: a.At, Gives: w.Gives,
	}
}

// collect redeems a request that was allowed: once, like a code.
func (g *Grants) collect(ctx context.Context, q *Request, w *waiting, said *saying) (*Response, error) {
	c := w.pending(said)
	if err := g.sessionLives(ctx, c); err != nil {
		return nil, err
	}
	a := c.authorization()
	r, err := g.oneOf(g.Catalog.Current(), a.Resources, q.Resources)
	if err != nil {
		return nil, err
	}
	response, changes, err := g.give(ctx, q, a, r, "")
	if err != nil {
		return nil, err
	}
	now := g.Clock()
	err = g.commit(ctx, append(changes,
		symbolon.UseTicket{Hash: w.hash, Kind: w.kind, At: now, Authorization: a.ID},
		symbolon.Event{
			ID: symbolon.NewEventID(), At: now, Type: symbolon.AuthorizationGranted, Actor: string(a.User), User: a.User,
			Session: a.Session, Client: a.Client, Resource: r.ID, Authorization: a.ID, RequestID: q.ID,
			Data: map[string]any{"scopes": a.Scopes, "grant": string(w.kind)},
		}))
	if symbolon.IsKind(err, symbolon.Conflict) {
		return nil, g.replayed(ctx, q, a, "it was redeemed before")
	}
	return response, err
}
