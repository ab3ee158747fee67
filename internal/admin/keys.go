package admin

import (
	"context"
	"net/http"
	"time"

	"symbolon.dev"
)

// SigningKey is what may be told of a key: never its private part.
type SigningKey struct {
	ID      symbolon.KeyID `json:"id"`
	Alg     string         `json:"alg"`
	State   string         `json:"state" enum:"published,signing,retired"`
	Created time.Time      `json:"created"`
	Active  time.Time      `json:"active" doc:"Signs from here."`
	Retired time.Time      `json:"retired,omitzero" doc:"Signs until here."`
	Expires time.Time      `json:"expires,omitzero" doc:"Verifies until here."`
}

// Rotation names the algorithm whose key is replaced.
type Rotation struct {
	Alg string `json:"alg" enum:"ES256,ES384,EdDSA,PS256,RS256"`
}

func (a *Admin) keys() {
	handle(a, operation{http.MethodGet, "/keys", "list-keys", "keys.read", "keys", "Signing keys and where they are in their life", 0},
		func(context.Context, caller, *nothing) (*body[page[SigningKey]], error) {
			out := page[SigningKey]{Items: []SigningKey{}}
			for _, k := range a.Keys.Keys() {
				out.Items = append(out.Items, SigningKey{k.ID, k.Alg, stateOf(k, a.now()), k.Created, k.Active, k.Retired, k.Expires})
			}
			return &body[page[SigningKey]]{out}, nil
		})
	handle(a, operation{http.MethodPost, "/keys/rotate", "rotate-keys", "keys.rotate", "keys", "Replace the signing key of an algorithm now; the old one still verifies", http.StatusNoContent},
		func(ctx context.Context, who caller, in *body[Rotation]) (*nothing, error) {
			return nil, a.Keys.RotateNow(ctx, in.Body.Alg, who.id)
		})
}

func stateOf(k symbolon.SigningKey, now time.Time) string {
	switch {
	case now.Before(k.Active):
		return "published"
	case k.Retired.IsZero() || now.Before(k.Retired):
		return "signing"
	}
	return "retired"
}
