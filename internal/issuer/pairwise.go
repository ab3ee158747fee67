package issuer

import (
	"encoding/base64"
	"encoding/json"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/token"
)

const (
	purposePairwise  = "pairwise subject"
	purposeReference = "pairwise reference"

	prefixPairwise = "pws_"

	// claimReference holds, sealed, whom a pairwise JWT is about and what it hangs on, for us alone.
	claimReference = "ref"
)

// PairwiseSubject is whom a sector knows a person as (OpenID Connect Core 1.0 §8.1): always the
// same, of no use in another sector, and not to be turned back. "" is the sector of those who know
// the person's own id.
func (i *Issuer) PairwiseSubject(sector string, user symbolon.UserID) string {
	return i.alias(sector, string(user))
}

// PairwiseSession is what a sector knows a session as. Two sectors cannot find out by it that they
// serve the same person.
func (i *Issuer) PairwiseSession(sector string, session symbolon.SessionID) string {
	return i.alias(sector, string(session))
}

func (i *Issuer) alias(sector, id string) string {
	if sector == "" || id == "" {
		return id
	}
	mac := i.Vault.MAC(purposePairwise, []byte(sector), []byte(id))
	return prefixPairwise + base64.RawURLEncoding.EncodeToString(mac[:])
}

// reference is what a pairwise JWT does not show.
type reference struct {
	Subject       string   `json:"sub"`
	SessionID     string   `json:"sid,omitempty"`
	Authorization string   `json:"grant_id,omitempty"`
	Ancestors     []string `json:"ancestors,omitempty"`
}

// disguise makes of claims about a person those that a sector may read. Everything that two sectors
// could compare is another value in each, or sealed.
func (i *Issuer) disguise(c *token.Claims, sector string, sealed bool) (*token.Claims, error) {
	if sector == "" || c.Kind != token.KindUser {
		return c, nil
	}
	out := *c
	out.Subject, out.SessionID, out.Authorization = i.alias(sector, c.Subject), i.alias(sector, c.SessionID), i.alias(sector, c.Authorization)
	out.Extra = without(c.Extra, claimAncestors)
	if !sealed {
		return &out, nil
	}
	plain, err := json.Marshal(reference{c.Subject, c.SessionID, c.Authorization, ancestors(c)})
	if err != nil {
		return nil, err
	}
	setExtra(&out, claimReference, base64.RawURLEncoding.EncodeToString(i.Vault.Seal(purposeReference, plain, []byte(c.ID))))
	return &out, nil
}

// undisguise finds out whom a pairwise JWT of ours is about. Its signature has been verified.
func (i *Issuer) undisguise(c *token.Claims) (*token.Claims, error) {
	sealed, ok := c.Extra[claimReference]
	if !ok {
		return c, nil
	}
	text, _ := sealed.(string)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, unbelieved("the token is malformed")
	}
	plain, err := i.Vault.Open(purposeReference, raw, []byte(c.ID))
	if err != nil {
		return nil, unbelieved("the token is malformed").Because(err)
	}
	var known reference
	if err := json.Unmarshal(plain, &known); err != nil {
		return nil, unbelieved("the token is malformed").Because(err)
	}
	out := *c
	out.Subject, out.SessionID, out.Authorization = known.Subject, known.SessionID, known.Authorization
	out.Extra = without(c.Extra, claimReference)
	if len(known.Ancestors) > 0 {
		setExtra(&out, claimAncestors, known.Ancestors)
	}
	return &out, nil
}

// SubjectFor is how a client may hear of a person: at the ID token, userinfo, and in security events.
func (i *Issuer) SubjectFor(c *symbolon.Client, user symbolon.UserID) string {
	return i.PairwiseSubject(catalog.Sector(c), user)
}

// SessionFor is how a client may hear of a session: sid of the ID token and of logout tokens.
func (i *Issuer) SessionFor(c *symbolon.Client, session symbolon.SessionID) string {
	return i.PairwiseSession(catalog.Sector(c), session)
}

// Heard gives the ids by which a receiver of security events knows a person, a session and an
// authorization: the pairwise ones of its sector, or as they are for a broker and in public.
func (i *Issuer) Heard(receiver *symbolon.Client, e symbolon.Event) symbolon.Event {
	sector := i.Catalog.Current().Receiver(receiver)
	if sector == "" {
		return e
	}
	if e.Actor == string(e.User) {
		e.Actor = i.alias(sector, e.Actor)
	}
	e.User, e.Session = symbolon.UserID(i.alias(sector, string(e.User))), symbolon.SessionID(i.alias(sector, string(e.Session)))
	e.Authorization = symbolon.AuthorizationID(i.alias(sector, string(e.Authorization)))
	return e
}

// without is a copy of a map that lacks some names; nil if nothing is left.
func without(extra map[string]any, names ...string) map[string]any {
	if len(extra) == 0 {
		return nil
	}
	out := make(map[string]any, len(extra))
	for name, value := range extra {
		out[name] = value
	}
	for _, name := range names {
		delete(out, name)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
