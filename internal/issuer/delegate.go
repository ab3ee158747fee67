package issuer

import (
	"context"
	"slices"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/policy"
	"symbolon.dev/token"
)

// Policy actions of an exchange. To act for somebody, who stays visible as the actor, is one
// thing; to pass for them is another.
const (
	actionExchange    = "exchange"
	actionImpersonate = "impersonate"

	claimMayAct = "may_act" // RFC 8693 §4.4: {"sub": who alone may act}

	prefixUser     = "usr_"
	maxTransaction = 128
)

func refusedExchange(message string) error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_request", "%s", message)
}

// actor is who acts for the subject afterwards: whoever the actor token names, else the client
// that asks. Nobody is added by a broker's swap, nor by an impersonation; who acted before stays.
func (x *Exchange) actor(swap bool) (*token.Actor, error) {
	earlier := x.Subject.Actor
	switch {
	case x.Impersonate && (swap || x.Actor != nil):
		return nil, refusedExchange("whoever impersonates has no actor")
	case swap && x.Actor != nil:
		return nil, refusedExchange("a broker acts for nobody, and takes no actor_token")
	case swap, x.Impersonate:
		return earlier, x.mayAct(swap, string(x.Client.ID))
	case x.Actor == nil:
		return &token.Actor{Subject: string(x.Client.ID), Actor: earlier}, x.mayAct(false, string(x.Client.ID))
	case x.Actor.ClientID != string(x.Client.ID):
		return nil, refusedExchange("the actor token was issued to another client")
	case x.Actor.Actor != nil:
		return nil, refusedExchange("the actor token is itself one of somebody who is acted for")
	case x.Actor.Confirmation != nil && (x.Holder == nil || *x.Holder != *x.Actor.Confirmation):
		return nil, refusedExchange("the actor token is bound to a key, of which there is no proof")
	}
	return &token.Actor{Subject: x.Actor.Subject, Actor: earlier}, x.mayAct(false, x.Actor.Subject)
}

// mayAct holds the actor against the subject token's may_act.
func (x *Exchange) mayAct(swap bool, actor string) error {
	named, ok := x.Subject.Extra[claimMayAct].(map[string]any)
	if !ok && x.Subject.Extra[claimMayAct] == nil || swap {
		return nil
	}
	if named["sub"] != actor {
		return refusedExchange("the subject token names another who may act")
	}
	return nil
}

// widened are the scopes that a named rule of the target adds, of those that are asked for. The rule
// is for one client and one audience of subject tokens, and binds the result to a transaction.
func (x *Exchange) widened(from *symbolon.Resource) ([]string, error) {
	held, _ := x.Subject.Extra[claimTransaction].(string)
	if held != "" && x.Transaction != "" && held != x.Transaction {
		return nil, refusedExchange("the subject token is bound to another transaction")
	}
	if x.Widening == "" {
		if x.Transaction != "" && held == "" {
			return nil, refusedExchange("a transaction goes with a widening")
		}
		return nil, nil
	}
	at := slices.IndexFunc(x.Target.Widening, func(w symbolon.Widening) bool {
		return w.Name == x.Widening && w.Client == x.Client.ID && w.From == from.ID
	})
	switch {
	case at < 0:
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_scope", "there is no such widening for this client and these tokens")
	case held == "" && (len(x.Transaction) > maxTransaction || !symbolon.ValidName(x.Transaction)):
		return nil, refusedExchange("a widening needs the id of the transaction that it is for")
	}
	return slices.DeleteFunc(slices.Clone(x.Target.Widening[at].Scopes), func(scope string) bool {
		return !slices.Contains(x.Scopes, scope)
	}), nil
}

func (x *Exchange) action() string {
	if x.Impersonate {
		return actionImpersonate
	}
	return actionExchange
}

// question is what policy is asked about an exchange by somebody.
func (x *Exchange) question(s *catalog.Snapshot, principal policy.Entity, subject *token.Claims, from *symbolon.Resource, scopes []string) policy.Request {
	return policy.Request{
		Principal: principal, Action: x.action(), Resource: s.ResourceEntity(x.Target),
		Context: map[string]any{
			"subject_kind": subject.Kind, "subject": subject.Subject, "subject_groups": subject.Groups,
			"from": []string{string(from.ID)}, "scopes": scopes, "level": symbolon.ACR(x.Subject.ACR).Level(),
		},
	}
}

// principals are all who must be permitted: the client, and whoever else it says is acting.
func (i *Issuer) principals(ctx context.Context, s *catalog.Snapshot, x *Exchange) ([]policy.Entity, error) {
	all := []policy.Entity{s.ServiceEntity(x.Client)}
	if x.Actor == nil || x.Actor.Subject == string(x.Client.ID) {
		return all, nil
	}
	if x.Actor.Kind == token.KindUser {
		person, err := i.User(ctx, symbolon.UserID(x.Actor.Subject))
		if err != nil {
			return nil, err
		}
		return append(all, s.UserEntity(person)), nil
	}
	acting, ok := s.Client(symbolon.ClientID(x.Actor.Subject))
	if !ok {
		return nil, refusedExchange("nobody knows the actor")
	}
	return append(all, s.ServiceEntity(acting)), nil
}

// hangsOn adds what else a token hangs on that an actor token had a part in.
func hangsOn(c *token.Claims, actor *token.Claims) []string {
	ids := lineage(c)
	for _, id := range append(lineage(actor), actor.SessionID, actor.Authorization) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// actorsStand: persons who act are still there, as persons who are acted for have to be.
func (i *Issuer) actorsStand(ctx context.Context, c *token.Claims) error {
	for actor := c.Actor; actor != nil; actor = actor.Actor {
		if strings.HasPrefix(actor.Subject, prefixUser) {
			if err := i.personStands(ctx, symbolon.UserID(actor.Subject)); err != nil {
				return err
			}
		}
	}
	return nil
}
