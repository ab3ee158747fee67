package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	strict "github.com/go-json-experiment/json"

	"symbolon.dev"
)

// Documents lets clients describe themselves: the id of such a client is an https URL, and the
// JSON found there is its registration (OAuth Client ID Metadata Document,
// draft-ietf-oauth-client-id-metadata-document-02). Anybody can publish one. It makes nobody
// trusted: it only says where a browser may be sent, and policy and the person decide the rest.
type Documents struct {
	Scopes []string                     // what any such client may ask for; openid if empty
	Hosts  []string                     // whose documents are read; empty = any
	Admit  func(*symbolon.Client) error // the rules that declared clients are held to
}

// A document may be kept as long as it says, within these bounds (§5.2).
var documentFresh = span{least: 5 * time.Minute, usual: time.Hour, most: 24 * time.Hour}

const (
	documentTrusted = 24 * time.Hour
	maxDocument     = 10 << 10 // bytes; §8.7 recommends 5 KiB without keys
	maxRedirects    = 20
)

// describes reports whether a client with this id may describe itself.
func (d *Documents) describes(id string) bool {
	if d == nil || !documentURL(id) {
		return false
	}
	u, _ := url.Parse(id)
	return len(d.Hosts) == 0 || slices.Contains(d.Hosts, u.Host)
}

// scopes are those that the operator allows and the document, if it says, asks for. A client
// without any could ask for all, so there is none without.
func (d *Documents) scopes(asked string) []string {
	may := d.Scopes
	if len(may) == 0 {
		may = []string{"openid"}
	}
	if asked == "" {
		return may
	}
	words := strings.Fields(asked)
	return slices.DeleteFunc(slices.Clone(may), func(s string) bool { return !slices.Contains(words, s) })
}

// documentURL reports whether an id is a URL that a document may lie at (§3). We take the plain ones
// alone: no query, no escapes, no address instead of a name, no port but https.
func documentURL(id string) bool {
	rest, ok := strings.CutPrefix(id, "https://")
	host, path, slash := strings.Cut(rest, "/")
	if !ok || !slash || path == "" || host == "" || !symbolon.ValidName(id) || strings.ContainsRune(path, ':') {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	u, err := url.Parse(id)
	if err != nil || u.String() != id || strings.ToLower(u.Host) != u.Host || strings.HasSuffix(u.Hostname(), ".") {
		return false
	}
	_, err = netip.ParseAddr(u.Host)
	return err != nil && u.Port() == "" && strings.Contains(u.Host, ".")
}

// metadata is what of RFC 7591 §2 is read; the rest is ignored (§4).
type metadata struct {
	ID            string          `json:"client_id"`
	Name          string          `json:"client_name"`
	RedirectURIs  []string        `json:"redirect_uris"`
	Method        string          `json:"token_endpoint_auth_method"`
	Alg           string          `json:"token_endpoint_auth_signing_alg"`
	GrantTypes    []string        `json:"grant_types"`
	ResponseTypes []string        `json:"response_types"`
	Scope         string          `json:"scope"`
	JWKS          json.RawMessage `json:"jwks"`
	JWKSURI       string          `json:"jwks_uri"`
	PolicyURI     string          `json:"policy_uri"`
	TOSURI        string          `json:"tos_uri"`
	Secret        json.RawMessage `json:"client_secret"`
	SecretExpires json.RawMessage `json:"client_secret_expires_at"`
}

// parseDocument makes a client of a document. Its logo is not shown: a browser would tell the
// client's host who looks at the consent page. Its name is shown with the host, which nobody can
// make up.
func (a *Authenticator) parseDocument(address string, body []byte) (*symbolon.Client, error) {
	var m metadata
	if err := strict.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	if err := m.check(address); err != nil {
		return nil, err
	}
	c := &symbolon.Client{ID: symbolon.ClientID(address), Name: shownName(m.Name, address), AuthMethod: m.Method,
		RedirectURIs: m.RedirectURIs, GrantTypes: []string{"authorization_code"}, Scopes: a.Documents.scopes(m.Scope),
		PolicyURI: m.PolicyURI, TOSURI: m.TOSURI}
	if m.Method == methodPrivateKey {
		c.ClientKeys = symbolon.ClientKeys{JWKS: m.JWKS, JWKSURI: m.JWKSURI, AssertionAlg: m.Alg}
	} else {
		c.AuthMethod = methodNone
	}
	if slices.Contains(m.GrantTypes, "refresh_token") {
		c.GrantTypes = append(c.GrantTypes, "refresh_token")
	}
	if len(c.Scopes) == 0 {
		return nil, errors.New("it asks for no scope that such a client may have")
	}
	return c, a.Documents.Admit(c)
}

func (m *metadata) check(address string) error {
	switch {
	case m.ID != address:
		return errors.New("its client_id is not its own address")
	case m.Secret != nil || m.SecretExpires != nil:
		return errors.New("it holds a secret")
	case m.Method != "" && m.Method != methodNone && m.Method != methodPrivateKey:
		return fmt.Errorf("its token_endpoint_auth_method %q cannot be had without a registration", m.Method)
	case len(m.RedirectURIs) == 0 || len(m.RedirectURIs) > maxRedirects:
		return fmt.Errorf("it must name 1 to %d redirect_uris", maxRedirects)
	case len(m.GrantTypes) > 0 && !slices.Contains(m.GrantTypes, "authorization_code"):
		return errors.New("its grant_types lack authorization_code")
	case len(m.ResponseTypes) > 0 && !slices.Contains(m.ResponseTypes, "code"):
		return errors.New("its response_types lack code")
	case m.JWKSURI != "" && !strings.HasPrefix(m.JWKSURI, "https://"):
		return errors.New("its jwks_uri is not an https URL")
	}
	return nil
}

func shownName(name, address string) string {
	u, _ := url.Parse(address)
	if name == "" {
		return u.Host
	}
	return name + " (" + u.Host + ")"
}
