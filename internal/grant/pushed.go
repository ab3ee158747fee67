package grant

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// PushedPrefix begins every request_uri that is issued here (RFC 9126 §2.2).
const PushedPrefix = "urn:ietf:params:oauth:request_uri:"

// PushedLife is how long a pushed request waits for its browser.
const PushedLife = 90 * time.Second

// parkedLife is how long one waits for its person, once the browser has come: as long as a sealed
// step leads back to it.
const parkedLife = time.Hour

const sealPushed = "grant/pushed"

// Pushed is an authorization request that was left here by its client. It is used up by the code
// that comes of it, so that a login and a consent may lie between.
type Pushed struct {
	Client     symbolon.ClientID `json:"client"`
	Parameters [][2]string       `json:"parameters"`       // names and values, in order
	Signed     bool              `json:"signed,omitempty"` // they came in a signed request object
	Parked     bool              `json:"parked,omitempty"` // left by ourselves: the request was too long to travel on
	Expires    time.Time         `json:"expires"`          // the browser must come before
	Ticket     symbolon.Hash     `json:"-"`                // what [Grants.IssueCode] uses up
}

// Push keeps a request and gives its request_uri.
func (g *Grants) Push(ctx context.Context, p Pushed) (string, error) {
	raw, now := token.NewOpaque(token.PrefixTicket), g.Clock()
	p.Expires = now.Add(PushedLife)
	if p.Parked {
		p.Expires = now.Add(parkedLife)
	}
	plain, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	hash := raw.Hash()
	ticket := symbolon.Ticket{
		Hash: hash, Kind: symbolon.PushedTicket, Expires: p.Expires.Add(parkedLife), Data: g.Vault.Seal(sealPushed, plain, hash[:]),
	}
	return PushedPrefix + raw.Reveal(), g.Store.Commit(ctx, symbolon.IssueTicket{Ticket: ticket})
}

// OpenPushed finds the request behind a request_uri. Seen is when the browser first came with it, if
// that is proven; zero = it comes now. Whatever is wrong, the error is invalid_request_uri and says
// the same.
func (g *Grants) OpenPushed(ctx context.Context, client symbolon.ClientID, uri string, seen time.Time) (*Pushed, error) {
	raw, ours := strings.CutPrefix(uri, PushedPrefix)
	if prefix, ok := token.CheckOpaque(raw); !ours || !ok || prefix != token.PrefixTicket {
		return nil, noPushed("it is not one of ours")
	}
	hash := symbolon.HashOf(raw)
	ticket, err := g.Store.Ticket(ctx, hash)
	switch {
	case symbolon.IsKind(err, symbolon.NotFound):
		return nil, noPushed("it is unknown")
	case err != nil:
		return nil, err
	case ticket.Kind != symbolon.PushedTicket:
		return nil, noPushed("it is a ticket of another kind")
	case !ticket.Used.IsZero():
		return nil, noPushed("it was used")
	}
	plain, err := g.Vault.Open(sealPushed, ticket.Data, hash[:])
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Internal, "a pushed request cannot be opened").Because(err)
	}
	p := &Pushed{Ticket: hash}
	if err := json.Unmarshal(plain, p); err != nil {
		return nil, err
	}
	if seen.IsZero() {
		seen = g.Clock()
	}
	switch {
	case p.Client != client:
		return nil, noPushed("it was pushed by " + string(p.Client))
	case !seen.Before(p.Expires) || !g.Clock().Before(ticket.Expires):
		return nil, noPushed("it has expired")
	}
	return p, nil
}

// noPushed is the one answer to a request_uri that leads nowhere, whatever the reason.
func noPushed(cause string) *symbolon.Error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_request_uri", "the request_uri is unknown, used, expired, or does not belong to this client").
		Because(symbolon.Errorf(symbolon.Invalid, "%s", cause))
}
