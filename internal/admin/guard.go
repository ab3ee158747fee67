package admin

import (
	"context"
	"maps"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/policy"
	"symbolon.dev/token"
)

// caller is who asks, as the audit trail names them.
type caller struct {
	id        string // user or client id
	requestID string
	claims    *token.Claims
	principal policy.Entity
}

type (
	callerKey struct{}
	eventKey  struct{}
)

func withEvent(ctx context.Context, ev *door.Event) context.Context {
	return context.WithValue(ctx, eventKey{}, ev)
}

func callerOf(ctx context.Context) caller {
	who, _ := ctx.Value(callerKey{}).(caller)
	return who
}

// operation describes one row of the API: where, what policy action it needs, on which class of things.
type operation struct {
	method, path string
	id           string // OpenAPI operationId, and the bounded name in logs
	action       string // policy action, e.g. "users.write"
	class        string // Administration::"class", e.g. "users"
	summary      string
	status       int // of success; 0 = 200
}

// handle registers an operation whose caller has been authenticated and permitted before it runs.
func handle[I, O any](a *Admin, op operation, run func(context.Context, caller, *I) (*O, error)) {
	huma.Register(a.api, huma.Operation{
		OperationID: op.id, Method: op.method, Path: Prefix + op.path, Summary: op.summary, DefaultStatus: op.status,
		Tags: []string{op.class}, Security: []map[string][]string{{"token": {}}}, Responses: a.refusals(),
		MaxBodyBytes: op.limit(), BodyReadTimeout: bodyTime, Middlewares: huma.Middlewares{a.guard(op)},
	}, func(ctx context.Context, in *I) (*O, error) {
		out, err := run(ctx, callerOf(ctx), in)
		if err != nil {
			return nil, refusal(ctx, err)
		}
		return out, nil
	})
}

const (
	maxDocument = 1 << 20  // bytes of one document
	maxSet      = 16 << 20 // bytes of a whole set, or of a batch for the ledger
	bodyTime    = 30 * time.Second
)

func (op operation) limit() int64 {
	if op.id == "apply" || op.id == "add-ledger" {
		return maxSet
	}
	return maxDocument
}

func (a *Admin) guard(op operation) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		ev := eventOf(r.Context())
		ev.Route = "admin " + op.id
		who, err := a.permit(r, ev, op.action, op.class)
		if err != nil {
			ev.Cause = err
			refuse(w, r, ev, err)
			return
		}
		next(huma.WithValue(ctx, callerKey{}, who))
	}
}

// plain guards a handler that is not described by the API.
func (a *Admin) plain(action, class string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ev := eventOf(r.Context())
		ev.Route = "admin " + class
		if _, err := a.permit(r, ev, action, class); err != nil {
			ev.Cause = err
			refuse(w, r, ev, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, r *http.Request, ev *door.Event, err error) {
	maps.Copy(w.Header(), beside(err))
	door.AsProblem(w, r, ev, err)
}

// permit authenticates the token (RFC 6750) and asks the policy (S5). An operation without an
// action asks for itself, by [Admin.decide].
func (a *Admin) permit(r *http.Request, ev *door.Event, action, class string) (caller, error) {
	claims, err := a.Tokens.Bearer(r.Context(), r, a.Issuer+"/admin")
	if err != nil {
		return caller{}, err
	}
	ev.Subject, ev.Client, ev.Session = claims.Subject, claims.ClientID, claims.SessionID
	if !a.pace.allow(claims.Subject, a.now()) {
		return caller{}, symbolon.Errorf(symbolon.TooMany, "more than %d requests in a second", perSecond)
	}
	principal, err := a.principal(r.Context(), claims)
	if err != nil {
		return caller{}, err
	}
	who := caller{id: claims.Subject, requestID: ev.RequestID, claims: claims, principal: principal}
	if action == "" {
		return who, nil
	}
	return who, a.decide(who, ev, action, class)
}

// decide asks the policy whether who may do action on a class of things.
func (a *Admin) decide(who caller, ev *door.Event, action, class string) error {
	decision := a.Catalog.Current().Policy.Decide(policy.Request{
		Principal: who.principal, Action: action,
		Resource: policy.Entity{UID: policy.UID{Type: "Administration", ID: class}},
		Context:  a.contextOf(who.claims),
	})
	ev.Decision, ev.Policies = decision.Effect.String(), decision.Policies
	a.Ledger.Add(symbolon.LedgerEntry{Kind: "admin", Effect: ev.Decision, Subject: who.claims.Subject, Client: who.claims.ClientID,
		Action: action, Policies: decision.Policies, Version: decision.Version, Request: ev.RequestID})
	if decision.Effect == policy.Allow {
		return nil
	}
	denied := symbolon.Refuse(symbolon.Denied, "insufficient_scope", "%s is not permitted: %s", action, decision.Reason)
	denied.Remedies, denied.Policies = decision.Remedies, decision.Policies
	return denied
}

func (a *Admin) principal(ctx context.Context, claims *token.Claims) (policy.Entity, error) {
	snapshot := a.Catalog.Current()
	if claims.Kind == "service" {
		client, ok := snapshot.Client(symbolon.ClientID(claims.Subject))
		if !ok {
			return policy.Entity{}, symbolon.Refuse(symbolon.Unauthenticated, "invalid_token", "the client is gone")
		}
		return snapshot.ServiceEntity(client), nil
	}
	user, err := a.Tokens.User(ctx, symbolon.UserID(claims.Subject))
	if err != nil {
		return policy.Entity{}, err
	}
	return snapshot.UserEntity(user), nil
}

func (a *Admin) contextOf(claims *token.Claims) map[string]any {
	acr := symbolon.ACR(claims.ACR)
	return map[string]any{
		"acr": claims.ACR, "level": acr.Level(), "phishing_resistant": acr.Meets(symbolon.ACRPhishing),
		"auth_age": int64(a.now().Sub(claims.AuthTime).Seconds()), "scopes": claims.Scope, "amr": claims.AMR,
	}
}

func eventOf(ctx context.Context) *door.Event {
	if ev, ok := ctx.Value(eventKey{}).(*door.Event); ok {
		return ev
	}
	return &door.Event{}
}
