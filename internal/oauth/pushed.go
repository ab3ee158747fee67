package oauth

import (
	"net/http"
	"slices"
	"time"

	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
)

const pathPushed = "/par"

// pushTable is RFC 9126 §2.1: who pushes is authenticated as at the token endpoint, and what is
// pushed is judged as at the authorization endpoint.
var pushTable = []step[*call]{
	{"parameters", "RFC 9126 §2.1", (*call).readForm},
	{"client authentication", "RFC 9126 §2", (*call).authenticate},
	{"request", "RFC 9126 §2.1", (*call).push},
}

// par is the pushed authorization request endpoint. All its errors are JSON.
func (e *endpoints) par(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	return walk(pushTable, &call{endpoints: e, w: w, r: r, ev: ev})
}

// pushAnswer is RFC 9126 §2.2.
type pushAnswer struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"`
}

func (c *call) push() error {
	if c.params.Get("request_uri") != "" {
		return invalid("a request_uri cannot be pushed")
	}
	a := &authorization{endpoints: c.endpoints, w: c.w, r: c.r, ev: c.ev, catalog: c.Catalog.Current(), pushing: true}
	a.as(c.client)
	a.params = c.params
	if named := a.params.Get("client_id"); named == "" {
		a.params.pairs = append(slices.Clone(a.params.pairs), pair{"client_id", string(c.client.ID)})
	} else if named != string(c.client.ID) {
		return invalid("client_id is not the client that authenticates")
	}
	if err := walk(requestTable, a); err != nil {
		return err
	}
	if err := c.pushKey(a); err != nil {
		return err
	}
	uri, err := a.Grants.Push(c.r.Context(), grant.Pushed{Client: c.client.ID, Parameters: a.params.list(), Signed: a.signed})
	if err != nil {
		return err
	}
	answerJSON(c.w, http.StatusCreated, pushAnswer{uri, int64(grant.PushedLife / time.Second)})
	return nil
}
