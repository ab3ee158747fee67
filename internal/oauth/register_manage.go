package oauth

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	strict "github.com/go-json-experiment/json"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/door"
	"symbolon.dev/token"
)

var (
	readTable = []step[*registering]{
		{"registration access token", "RFC 7592 §2.1", (*registering).own},
		{"answer", "RFC 7592 §3", (*registering).tell},
	}
	updateTable = []step[*registering]{
		{"registration access token", "RFC 7592 §2.2", (*registering).own},
		{"metadata", "RFC 7592 §2.2", (*registering).replace},
		{"software statement", "RFC 7591 §3.1.1", (*registering).vouch},
		{"client", "RFC 7592 §2.2", (*registering).change},
		{"policy", "S5", (*registering).decideAgain},
		{"answer", "RFC 7592 §3", (*registering).keepChange},
	}
	deleteTable = []step[*registering]{
		{"registration access token", "RFC 7592 §2.3", (*registering).own},
		{"answer", "RFC 7592 §2.3", (*registering).remove},
	}
)

// manage is the client configuration endpoint of one client.
func (e *endpoints) manage(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	table := map[string][]step[*registering]{http.MethodGet: readTable, http.MethodPut: updateTable, http.MethodDelete: deleteTable}[r.Method]
	return walk(table, &registering{endpoints: e, w: w, r: r, ev: ev})
}

// own finds the client of the address, if the token is its own. Whatever is wrong, its bearer reads
// the same: RFC 7592 §2 wants 401 for a client that is gone, too.
func (c *registering) own() error {
	unbelieved := symbolon.Refuse(symbolon.Unauthenticated, "invalid_token", "the registration access token is not that of a client at this address")
	values := c.r.Header["Authorization"]
	if len(values) == 0 {
		return symbolon.Errorf(symbolon.Unauthenticated, "the registration access token is needed")
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	prefix, formed := token.CheckOpaque(raw)
	if len(values) > 1 || !strings.EqualFold(scheme, "bearer") || !formed || prefix != token.PrefixRegistration {
		return unbelieved
	}
	found, err := c.Registration.Store.Object(c.r.Context(), symbolon.KindClient, c.r.PathValue("id"))
	var known *symbolon.Error
	if errors.As(err, &known) && known.Kind == symbolon.NotFound {
		return unbelieved
	}
	if err != nil {
		return err
	}
	v := new(symbolon.Client)
	if err := json.Unmarshal(found.Doc, v); err != nil {
		return err
	}
	c.access = symbolon.NewSecret(raw)
	if v.Registered == nil || !sameHash(v.Registered.Token, c.access) {
		return unbelieved
	}
	c.client, c.version, c.actor, c.ev.Client = v, found.Version, string(v.ID), string(v.ID)
	if v.Disabled {
		return symbolon.Refuse(symbolon.Denied, "access_denied", "the operator has disabled this client")
	}
	return nil
}

// sameHash compares in constant time.
func sameHash(kept string, shown symbolon.Secret) bool {
	sum := shown.Hash()
	return symbolon.NewSecret(kept).Equal(symbolon.NewSecret(hex.EncodeToString(sum[:])))
}

func (c *registering) tell() error {
	c.answer(http.StatusOK)
	return nil
}

// fixed are members that only the server says (RFC 7592 §2.2).
var fixed = []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"}

// replace reads an update: all of the metadata, with the client's own id, and its secret if it says one.
func (c *registering) replace() error {
	body, err := readJSON(c)
	if err != nil {
		return err
	}
	var said map[string]json.RawMessage
	var own struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if strict.Unmarshal(body, &said) != nil || strict.Unmarshal(body, &own) != nil {
		return wrongMetadata("the metadata is not a JSON object, or a member has the wrong type")
	}
	for _, name := range fixed {
		if _, there := said[name]; there {
			return wrongMetadata("%s: an update must not have it", name)
		}
	}
	if own.ID != string(c.client.ID) {
		return wrongMetadata("client_id: it must be that of the client")
	}
	shown := symbolon.NewSecret(own.Secret)
	if own.Secret != "" && !slices.ContainsFunc(c.client.Secrets, func(s symbolon.ClientSecret) bool { return sameHash(s.SHA256, shown) }) {
		return wrongMetadata("client_secret: it is not the client's, and a client cannot choose one")
	}
	return c.take(body)
}

// change holds the update to the rules of a registration. What an issuer vouched for once, no update
// shakes off: it shows a statement of the same issuer again.
func (c *registering) change() error {
	if c.statement != c.client.Registered.Statement {
		return badStatement("a client that registered with one shows one of the same issuer again, and no other does", nil)
	}
	scopes, grants := c.client.Scopes, c.client.GrantTypes
	if err := c.apply(); err != nil {
		return err
	}
	c.widens = !within(c.client.Scopes, scopes) || !within(c.client.GrantTypes, grants)
	return nil
}

func within(all, of []string) bool {
	return !slices.ContainsFunc(all, func(one string) bool { return !slices.Contains(of, one) })
}

// decideAgain asks the policy about an update that asks for more: may who let the client register let
// this one? Of a person nothing is known then but who it was.
func (c *registering) decideAgain() error {
	if !c.widens {
		return nil
	}
	if by := c.client.Registered.By; by != "" {
		c.claims = &token.Claims{Subject: by, Kind: token.KindUser}
		if _, isClient := c.Catalog.Current().Client(symbolon.ClientID(by)); isClient {
			c.claims.Kind = token.KindService
		}
	}
	return c.decide()
}

func (c *registering) keepChange() error {
	if err := c.put(); err != nil {
		return err
	}
	c.answer(http.StatusOK)
	return nil
}

func (c *registering) remove() error {
	edit := catalog.Edit{Kind: symbolon.KindClient, ID: string(c.client.ID), Delete: true, Was: c.version}
	if err := c.Registration.Catalog.Put(c.r.Context(), string(c.client.ID), c.ev.RequestID, edit); err != nil {
		return err
	}
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
