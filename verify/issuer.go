package verify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"symbolon.dev"
)

// metadataFresh is how long an issuer's description is believed before it is fetched again.
const metadataFresh = time.Hour

// Well-known names, in the order in which they are tried.
var (
	oauthNames = []string{"oauth-authorization-server", "openid-configuration"} // RFC 8414 §3; OpenID Connect Discovery 1.0 §4
	ssfNames   = []string{"ssf-configuration"}                                  // OpenID SSF 1.0 §7.2
)

// metadata is what of an issuer's description is used here.
type metadata struct {
	Issuer                string `json:"issuer"`
	JWKSURI               string `json:"jwks_uri"`
	TokenEndpoint         string `json:"token_endpoint"`
	IntrospectionEndpoint string `json:"introspection_endpoint"`
	ConfigurationEndpoint string `json:"configuration_endpoint"` // of SSF streams
}

// issuer knows where things are at one issuer.
type issuer struct {
	caller
	id    string
	names []string
	clock symbolon.Clock

	asking singleflight.Group
	mu     sync.Mutex
	known  *metadata
	since  time.Time
}

func newIssuer(id string, names []string, client *http.Client, clock symbolon.Clock) (*issuer, error) {
	if err := secureURL(id); err != nil {
		return nil, err
	}
	return &issuer{caller: newCaller(client), id: id, names: names, clock: clock}, nil
}

// describe gives the metadata, fetched at most once an hour; while the issuer is away, the old ones.
func (i *issuer) describe(ctx context.Context) (*metadata, error) {
	i.mu.Lock()
	known, fresh := i.known, i.known != nil && i.clock().Before(i.since.Add(metadataFresh))
	i.mu.Unlock()
	if fresh {
		return known, nil
	}
	found, err := share(ctx, &i.asking, "", callTimeout, i.discover)
	if err != nil && known != nil {
		return known, nil
	}
	return found, err
}

func (i *issuer) discover(ctx context.Context) (*metadata, error) {
	var body []byte
	var err error
	for _, name := range i.names {
		body, err = i.get(ctx, wellKnown(i.id, name))
		if !symbolon.IsKind(err, symbolon.NotFound) {
			break
		}
	}
	if err != nil {
		return nil, unavailable(err, "the issuer %s does not describe itself", i.id)
	}
	found := new(metadata)
	if err := json.Unmarshal(body, found); err != nil {
		return nil, symbolon.Errorf(symbolon.Unavailable, "the issuer %s describes itself in broken JSON", i.id).Because(err)
	}
	if found.Issuer != i.id { // RFC 8414 §3.3
		return nil, symbolon.Errorf(symbolon.Unavailable, "%s describes another issuer", i.id)
	}
	for _, address := range []string{found.JWKSURI, found.TokenEndpoint, found.IntrospectionEndpoint, found.ConfigurationEndpoint} {
		if address == "" {
			continue
		}
		if err := secureURL(address); err != nil {
			return nil, unavailable(err, "the issuer %s names an endpoint that is not safe to use", i.id)
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.known, i.since = found, i.clock()
	return found, nil
}

// wellKnown puts the name between host and path, as RFC 8414 §3.1 and SSF do; OpenID Connect appends it.
func wellKnown(id, name string) string {
	u, err := url.Parse(id)
	if err != nil {
		return id
	}
	path := u.Path
	if path == "/" {
		path = ""
	}
	if name == "openid-configuration" {
		u.Path = path + "/.well-known/" + name
	} else {
		u.Path = "/.well-known/" + name + path
	}
	return u.String()
}

func unavailable(cause error, format string, args ...any) error {
	return symbolon.Errorf(symbolon.Unavailable, format, args...).Because(cause)
}
