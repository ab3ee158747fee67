package grant

import (
	"context"

	"symbolon.dev"
	"symbolon.dev/internal/profile"
	"symbolon.dev/token"
)

const macRefresh = "grant/refresh"

// refresh rotates a refresh token: RFC 6749 §6, RFC 9700 §4.14.2.
func (g *Grants) refresh(ctx context.Context, q *Request) (*Response, error) {
	if q.RefreshToken == "" {
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the parameter refresh_token is missing")
	}
	response, err := g.rotate(ctx, q)
	if symbolon.IsKind(err, symbolon.Conflict) {
		// somebody rotated it between our look and our commit: now it is a retry, or a replay
		response, err = g.rotate(ctx, q)
	}
	return response, err
}

// rotate looks at the token once and does what its state asks for. Where the profile wants none, there
// is no rotation: the token is bound to a key instead (FAPI 2.0 Security Profile §5.3.2.1).
func (g *Grants) rotate(ctx context.Context, q *Request) (*Response, error) {
	row, a, err := g.family(ctx, q)
	if err != nil {
		return nil, err
	}
	holder, err := g.holds(row, q)
	if err != nil {
		return nil, err
	}
	if profile.Of(q.Client).KeepRefresh && row.Used.IsZero() {
		response, changes, err := g.renew(ctx, q, a)
		if err != nil {
			return nil, err
		}
		response.RefreshToken = symbolon.NewSecret(q.RefreshToken)
		return response, g.commit(ctx, changes)
	}
	next, fresh := g.successor(q.RefreshToken), row.Used.IsZero()
	if !fresh {
		if retry, err := g.retries(ctx, row, next); err != nil {
			return nil, err
		} else if !retry {
			return nil, g.replayed(ctx, q, a, "the refresh token was used before")
		}
	}
	response, changes, err := g.renew(ctx, q, a)
	if err != nil {
		return nil, err
	}
	response.RefreshToken = next
	if fresh {
		after, err := g.refreshRow(next, a, holder)
		if err != nil {
			return nil, err
		}
		changes = append(changes, symbolon.UseToken{Hash: row.Hash, At: after.Issued}, symbolon.IssueToken{Token: after})
	}
	return response, g.commit(ctx, changes)
}

// family finds a refresh token that this client may use, and the authorization it hangs on.
func (g *Grants) family(ctx context.Context, q *Request) (*symbolon.Token, *symbolon.Authorization, error) {
	if prefix, ok := token.CheckOpaque(q.RefreshToken); !ok || prefix != token.PrefixRefresh {
		return nil, nil, over("it is not a refresh token of ours")
	}
	row, err := g.Store.Token(ctx, symbolon.HashOf(q.RefreshToken))
	switch {
	case symbolon.IsKind(err, symbolon.NotFound):
		return nil, nil, over("it is unknown")
	case err != nil:
		return nil, nil, err
	case row.Kind != symbolon.RefreshToken:
		return nil, nil, over("it is a token of another kind")
	case row.Client != q.Client.ID:
		return nil, nil, over("it was issued to " + string(row.Client))
	}
	a, err := g.Store.Authorization(ctx, row.Authorization)
	switch {
	case symbolon.IsKind(err, symbolon.NotFound):
		return nil, nil, over("its authorization is gone")
	case err != nil:
		return nil, nil, err
	case !g.Clock().Before(row.Expires) || !g.Clock().Before(a.Expires):
		return nil, nil, over("it has expired")
	}
	return row, a, g.stands(ctx, a, row.Issued)
}

// retries reports whether a used token is only being asked for again: soon after its first use,
// and before its successor was used.
func (g *Grants) retries(ctx context.Context, row *symbolon.Token, next symbolon.Secret) (bool, error) {
	if g.Clock().Sub(row.Used) > refreshGrace {
		return false, nil
	}
	after, err := g.Store.Token(ctx, next.Hash())
	if symbolon.IsKind(err, symbolon.NotFound) {
		return false, nil
	}
	return err == nil && after.Used.IsZero(), err
}

// renew mints the new access token: scope and resource may be narrowed, policy is asked again.
func (g *Grants) renew(ctx context.Context, q *Request, a *symbolon.Authorization) (*Response, []symbolon.Change, error) {
	snapshot := g.Catalog.Current()
	r, err := g.oneOf(snapshot, a.Resources, q.Resources)
	if err != nil {
		return nil, nil, err
	}
	scopes, err := narrow(a.Scopes, q.Scopes)
	if err != nil {
		return nil, nil, err
	}
	for _, inner := range g.inside(snapshot, q, r, scopes) {
		if err := g.stillAllowed(ctx, snapshot, q, a, inner.Resource, inner.Scopes); err != nil {
			return nil, nil, err
		}
	}
	scopes = ScopesAt(r, scopes)
	if err := g.stillAllowed(ctx, snapshot, q, a, r, scopes); err != nil {
		return nil, nil, err
	}
	return g.mint(ctx, q, a, r, scopes)
}

// successor is the refresh token that follows another. Whoever retries gets the same one, and
// nobody can compute it without the vault.
func (g *Grants) successor(raw string) symbolon.Secret {
	return token.OpaqueFrom(token.PrefixRefresh, g.Vault.MAC(macRefresh, []byte(raw)))
}

// newRefresh makes the first refresh token of an authorization.
func (g *Grants) newRefresh(q *Request, a *symbolon.Authorization) (symbolon.Token, symbolon.Secret, error) {
	raw := token.NewOpaque(token.PrefixRefresh)
	row, err := g.refreshRow(raw, a, q.holder())
	if profile.Of(q.Client).KeepRefresh {
		row.Expires = a.Expires // it never gets a successor, so no use of it could move its end
	}
	return row, raw, err
}

// refreshRow is what is kept of a refresh token: what it is bound to, if to anything. All that it
// gives stands in its authorization.
func (g *Grants) refreshRow(raw symbolon.Secret, a *symbolon.Authorization, holder *token.Confirmation) (symbolon.Token, error) {
	now := g.Clock()
	expires := now.Add(refreshIdle)
	if a.Expires.Before(expires) {
		expires = a.Expires
	}
	row := symbolon.Token{
		Hash: raw.Hash(), ID: symbolon.NewTokenID(), Kind: symbolon.RefreshToken, Authorization: a.ID,
		Session: a.Session, User: a.User, Client: a.Client, Issued: now, Expires: expires,
	}
	return row, g.bind(&row, holder)
}
