package grant

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/policy"
)

// Question is a request of a client that waits for a person's answer, as the person is shown it.
type Question struct {
	Client    *symbolon.Client
	Scopes    []string
	Resources []*symbolon.Resource
	UserCode  string       // that the device shows; "" = none
	Binding   string       // that the client shows, so that the person knows what they answer
	ACR       symbolon.ACR // that the answer's login must reach
	Asked     time.Time
	Ends      time.Time
	Ref       string // names the question in a form; nobody can make it up

	*waiting
}

// Questions lists what clients wait for a person to answer, newest first (CIBA).
func (g *Grants) Questions(ctx context.Context, user symbolon.UserID) ([]*Question, error) {
	tickets, err := g.Store.Waiting(ctx, user, g.Clock())
	if err != nil {
		return nil, err
	}
	var open []*Question
	for i := range tickets {
		w, err := g.read(&tickets[i])
		if err != nil {
			return nil, err
		}
		if q, err := g.question(ctx, w); err == nil {
			open = append(open, q)
		} else if !symbolon.IsKind(err, symbolon.Conflict) && !symbolon.IsKind(err, symbolon.NotFound) {
			return nil, err
		}
	}
	return open, nil
}

// Question finds one again by its Ref, for the person who may answer it. NotFound if it is not
// theirs or is over, Conflict if it was answered.
func (g *Grants) Question(ctx context.Context, user symbolon.UserID, ref string) (*Question, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(ref)
	if err != nil {
		return nil, noQuestion()
	}
	plain, err := g.Vault.Open(sealRef, raw, []byte(user))
	if err != nil || len(plain) <= len(symbolon.Hash{}) {
		return nil, noQuestion()
	}
	hash, kind := symbolon.Hash(plain[:32]), symbolon.TicketKind(plain[32:])
	w, err := g.find(ctx, hash, kind)
	switch {
	case symbolon.IsKind(err, symbolon.NotFound):
		return nil, noQuestion()
	case err != nil:
		return nil, err
	case w.User != "" && w.User != user:
		return nil, noQuestion()
	}
	q, err := g.question(ctx, w)
	if err == nil && w.User == "" {
		q.Ref = ref
	}
	return q, err
}

const sealRef = "grant/question"

// refer makes the Ref of a question for one person.
func (g *Grants) refer(w *waiting, user symbolon.UserID) string {
	plain := append(append([]byte{}, w.hash[:]...), w.kind...)
	return base64.RawURLEncoding.EncodeToString(g.Vault.Seal(sealRef, plain, []byte(user)))
}

func noQuestion() error {
	return symbolon.Errorf(symbolon.NotFound, "nothing waits for your answer here: it is over, or it was not for you")
}

// question shows a request that can still be answered.
func (g *Grants) question(ctx context.Context, w *waiting) (*Question, error) {
	if w.used || !g.Clock().Before(w.Ends) {
		return nil, noQuestion()
	}
	said, err := g.said(ctx, w)
	if err != nil {
		return nil, err
	}
	if said != nil {
		return nil, symbolon.Errorf(symbolon.Conflict, "this was answered already")
	}
	snapshot := g.Catalog.Current()
	c, ok := snapshot.Client(w.Client)
	if !ok || c.Disabled {
		return nil, noQuestion()
	}
	q := &Question{Client: c, Scopes: w.Scopes, UserCode: w.UserCode, Binding: w.Binding, ACR: w.ACR, Asked: w.Issued, Ends: w.Ends, waiting: w}
	for _, id := range w.Resources {
		r, ok := g.ByID(snapshot, id)
		if !ok {
			return nil, noQuestion()
		}
		q.Resources = append(q.Resources, r)
	}
	if w.User != "" {
		q.Ref = g.refer(w, w.User)
	}
	return q, nil
}

// May says whether a person may allow a question in the login they are in. The error is Denied;
// if it has Remedies, a stronger or newer login would help.
func (g *Grants) May(ctx context.Context, q *Question, s *symbolon.Session, requestID string) error {
	if q.User != "" && q.User != s.User {
		return noQuestion()
	}
	if !s.ACR.Meets(q.ACR) {
		err := symbolon.Refuse(symbolon.Denied, "access_denied", "%s asks for a stronger login", q.Client.ID)
		err.Remedies = []symbolon.Remedy{{ACR: q.ACR}}
		return err
	}
	user, err := g.Tokens.User(ctx, s.User)
	if err != nil {
		return err
	}
	person, snapshot := Person{user, s.ACR, s.AMR, s.AuthTime}, g.Catalog.Current()
	for _, r := range q.Resources {
		d := g.Judge(snapshot, requestID, person, q.Client, r, ScopesAt(r, q.Scopes))
		switch d.Effect {
		case policy.Allow:
		case policy.Challenge:
			return refused(&d, "access_denied", "policy asks for a stronger or newer login before you can allow this")
		default:
			return refused(&d, "access_denied", "policy does not let you allow this; who runs this service can look the reference up")
		}
	}
	return nil
}

// Answer records what a person says to a question, once. It is Conflict for whoever comes second.
func (g *Grants) Answer(ctx context.Context, q *Question, s *symbolon.Session, allow bool, requestID string) error {
	if allow {
		if err := g.May(ctx, q, s, requestID); err != nil {
			return err
		}
	}
	now := g.Clock()
	if !now.Before(q.Ends) {
		return noQuestion()
	}
	said := saying{Denied: !allow, User: s.User, Session: s.ID, SessionEnd: s.Expires, ACR: s.ACR, AMR: s.AMR, AuthTime: s.AuthTime, At: now}
	plain, err := json.Marshal(said)
	if err != nil {
		return err
	}
	hash, kind := answerHash(q.hash), symbolon.AuthorizationDenied
	if allow {
		kind = symbolon.AuthorizationApproved
	}
	err = g.Store.Commit(ctx,
		symbolon.IssueTicket{Ticket: symbolon.Ticket{
			Hash: hash, Kind: symbolon.AnswerTicket, User: s.User, Authorization: q.Gives, Expires: q.Ends.Add(keepOver),
			Data: g.Vault.Seal(sealAnswer, plain, hash[:]),
		}},
		symbolon.Event{
			ID: symbolon.NewEventID(), At: now, Type: kind, Actor: string(s.User), User: s.User, Session: s.ID,
			Client: q.Client.ID, Authorization: q.Gives, RequestID: requestID,
			Data: map[string]any{"scopes": q.Scopes, "grant": string(q.kind)},
		})
	switch {
	case symbolon.IsKind(err, symbolon.Conflict):
		return symbolon.Errorf(symbolon.Conflict, "this was answered already").Because(err)
	case err == nil:
		g.ping(q)
	}
	return err
}
