package grant

import (
	"context"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/policy"
)

// Person is who wants a client to have a token, and how they are logged in.
type Person struct {
	User     *symbolon.User
	ACR      symbolon.ACR
	AMR      []string
	AuthTime time.Time
}

// Judge asks policy whether a person may let a client have a token for a resource (action
// "authorize"). For userinfo the question is whether they may log in to the client (action "login").
func (g *Grants) Judge(s *catalog.Snapshot, requestID string, p Person, c *symbolon.Client, r *symbolon.Resource, scopes []string) policy.Decision {
	now := g.Clock()
	question := policy.Request{
		Principal: s.UserEntity(p.User), Action: "login", Resource: s.ServiceEntity(c),
		Context: map[string]any{
			"acr": string(p.ACR), "amr": p.AMR, "auth_age": max(0, int64(now.Sub(p.AuthTime)/time.Second)),
		},
	}
	if r.ID != UserinfoID {
		question.Action, question.Resource = "authorize", s.ResourceEntity(r)
		question.Context["client"], question.Context["scopes"] = string(c.ID), scopes
	}
	decision := s.Policy.Decide(question)
	g.count(requestID, string(p.User.ID), c, r, question.Action, &decision)
	return decision
}

// stillAllowed judges again when a token is renewed: a person who lost the right since then
// keeps nothing but what is left of the token they have.
func (g *Grants) stillAllowed(ctx context.Context, s *catalog.Snapshot, q *Request, a *symbolon.Authorization, r *symbolon.Resource, scopes []string) error {
	user, err := g.Tokens.User(ctx, a.User)
	if err != nil {
		return err
	}
	decision := g.Judge(s, q.ID, Person{user, a.ACR, a.AMR, a.AuthTime}, q.Client, r, scopes)
	switch decision.Effect {
	case policy.Allow:
		return nil
	case policy.Challenge:
		return refused(&decision, "invalid_grant", "policy asks for a newer or stronger login: send the person to the authorization endpoint again")
	}
	return refused(&decision, "invalid_grant", "policy no longer lets this person give this client a token for this resource")
}

// mayIssue asks whether a client may have a token for itself (action "issue").
func (g *Grants) mayIssue(s *catalog.Snapshot, q *Request, r *symbolon.Resource, scopes []string) error {
	decision := s.Policy.Decide(policy.Request{
		Principal: s.ServiceEntity(q.Client), Action: "issue", Resource: s.ResourceEntity(r),
		Context: map[string]any{"scopes": scopes},
	})
	g.count(q.ID, string(q.Client.ID), q.Client, r, "issue", &decision)
	if decision.Allowed() {
		return nil
	}
	err := unavailableTarget().Because(symbolon.Errorf(symbolon.Denied, "policy: %s", decision.Reason))
	err.Policies = decision.Policies
	return err
}

func refused(d *policy.Decision, code, message string) *symbolon.Error {
	err := symbolon.Refuse(symbolon.Denied, code, "%s", message).Because(symbolon.Errorf(symbolon.Denied, "policy: %s", d.Reason))
	err.Policies, err.Remedies = d.Policies, d.Remedies
	return err
}

// count puts a decision into the ledger.
func (g *Grants) count(requestID, subject string, c *symbolon.Client, r *symbolon.Resource, action string, d *policy.Decision) {
	if g.Ledger == nil {
		return
	}
	now := g.Clock()
	g.Ledger.Add(symbolon.LedgerEntry{
		Hour: now.Truncate(time.Hour), Kind: "issue", Effect: string(d.Effect), Subject: subject, Client: string(c.ID),
		Resource: string(r.ID), Action: action, Policies: d.Policies, Version: d.Version, Reason: d.Reason,
		Count: 1, First: now, Last: now, Request: requestID,
	})
}
