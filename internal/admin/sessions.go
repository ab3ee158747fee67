package admin

import (
	"context"
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
)

func (a *Admin) sessions() {
	handle(a, operation{http.MethodGet, "/sessions", "list-sessions", "sessions.read", "sessions", "List sessions", 0},
		func(ctx context.Context, _ caller, in *Paging) (*body[page[symbolon.Session]], error) {
			sessions, err := a.Store.Sessions(ctx, in.After, in.Limit)
			out := page[symbolon.Session]{Items: orEmpty(sessions)}
			if len(sessions) == in.Limit {
				out.Next = string(sessions[len(sessions)-1].ID)
			}
			return &body[page[symbolon.Session]]{out}, err
		})
	handle(a, operation{http.MethodDelete, "/sessions/{id}", "end-session", "sessions.end", "sessions",
		"End a session: its tokens die and its open connections are cut", http.StatusNoContent},
		func(ctx context.Context, who caller, in *struct {
			ID symbolon.SessionID `path:"id" maxLength:"64"`
		}) (*nothing, error) {
			return nil, a.Sessions.End(ctx, in.ID, who.id, "ended by an administrator", who.requestID)
		})
	handle(a, operation{http.MethodDelete, "/authorizations/{id}", "revoke-authorization", "sessions.end", "sessions",
		"Revoke what a person gave a client, and every token that came of it", http.StatusNoContent},
		func(ctx context.Context, who caller, in *struct {
			ID symbolon.AuthorizationID `path:"id" maxLength:"64"`
		}) (*nothing, error) {
			return nil, a.Tokens.RevokeAuthorization(ctx, in.ID,
				issuer.Revoker{Actor: who.id, Reason: "revoked by an administrator", RequestID: who.requestID})
		})
}
