package catalog

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"symbolon.dev"
)

// Values of subject_type (OpenID Connect Core 1.0 §8).
const (
	subjectPublic   = "public"
	subjectPairwise = "pairwise"
)

// Sector is the sector identifier of a client with pairwise subjects (OpenID Connect Core 1.0
// §8.1): the host of its sector_identifier_uri or else of its redirect URIs. A client that has
// neither is a sector of its own. "" means that its subjects are public.
func Sector(c *symbolon.Client) string {
	if c.SubjectType != subjectPairwise {
		return ""
	}
	for _, address := range append([]string{c.SectorIdentifierURI}, c.RedirectURIs...) {
		if host := hostOf(address); host != "" {
			return host
		}
	}
	return "client " + string(c.ID)
}

// SectorOf is the sector of a resource whose tokens have pairwise subjects; "" if they are public.
func SectorOf(r *symbolon.Resource) string {
	switch {
	case r.Token.Subject != subjectPairwise:
		return ""
	case r.Token.Sector != "":
		return r.Token.Sector
	}
	if host := hostOf(r.Identifier); host != "" {
		return host
	}
	return "resource " + string(r.ID)
}

// Receiver is the sector in which a client hears of people: that of the resources that it serves,
// else its own. Brokers hear of everybody by their real ids, which they judge policies by.
func (s *Snapshot) Receiver(c *symbolon.Client) string {
	if c.Broker {
		return ""
	}
	for _, r := range s.resources {
		if sector := SectorOf(r); r.Server == c.ID && sector != "" {
			return sector
		}
	}
	return Sector(c)
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// pairwise checks what OpenID Connect Core 1.0 §8.1 asks of a client.
func (c *checker) pairwise(v *symbolon.Client) {
	c.oneOf("subject_type", v.SubjectType, subjectPublic, subjectPairwise)
	c.must(v.SectorIdentifierURI == "" || v.SubjectType == subjectPairwise, "sector_identifier_uri: it needs subject_type pairwise")
	if v.SubjectType != subjectPairwise {
		return
	}
	c.must(!v.Broker, "subject_type: a broker judges by who a person is, so its subjects are public")
	if v.SectorIdentifierURI != "" {
		u, err := url.Parse(v.SectorIdentifierURI)
		good := err == nil && plainASCII(v.SectorIdentifierURI) && len(v.SectorIdentifierURI) <= maxURI && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == ""
		c.must(good, "sector_identifier_uri: it must be an https:// URL")
		return
	}
	hosts := map[string]bool{}
	for _, uri := range v.RedirectURIs {
		hosts[hostOf(uri)] = true
	}
	c.must(len(hosts) <= 1, "sector_identifier_uri: redirect URIs of several hosts need one")
}

// oneSector: whoever serves several resources would learn which of their people are the same.
func (c *checker) oneSector(v *symbolon.Resource) {
	if v.Server == "" {
		return
	}
	for _, other := range c.resources {
		if other.Server == v.Server && SectorOf(other) != SectorOf(v) {
			c.fault("token.subject: client %s serves %s too, which is of another sector; it could join the two", v.Server, other.ID)
			return
		}
	}
}

// maxSectorDocument bounds what a sector_identifier_uri answers.
const maxSectorDocument = 64 << 10

// CheckSector asks a client's sector_identifier_uri, which must list all of its redirect URIs
// (OpenID Connect Core 1.0 §8.1, Dynamic Client Registration 1.0 §5). The error is of kind Invalid.
func CheckSector(ctx context.Context, outbound *http.Client, v *symbolon.Client) error {
	if v.SectorIdentifierURI == "" {
		return nil
	}
	listed, err := sectorDocument(ctx, outbound, v.SectorIdentifierURI)
	if err != nil {
		return symbolon.Refuse(symbolon.Invalid, "invalid_client_metadata", "sector_identifier_uri: it cannot be read as a list of redirect URIs").Because(err)
	}
	for _, uri := range v.RedirectURIs {
		if !slices.Contains(listed, uri) {
			return symbolon.Refuse(symbolon.Invalid, "invalid_client_metadata", "sector_identifier_uri: it does not list every redirect URI of the client")
		}
	}
	return nil
}

func sectorDocument(ctx context.Context, outbound *http.Client, address string) ([]string, error) {
	if outbound == nil {
		return nil, symbolon.Errorf(symbolon.Unavailable, "nothing is fetched here")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := outbound.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxSectorDocument+1))
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode != http.StatusOK:
		return nil, symbolon.Errorf(symbolon.Invalid, "it answers %d", response.StatusCode)
	case len(body) > maxSectorDocument:
		return nil, symbolon.Errorf(symbolon.Invalid, "it is over %d bytes", maxSectorDocument)
	}
	var listed []string
	return listed, json.Unmarshal(body, &listed)
}

// sectors asks the sector_identifier_uri of every client among the edits that has one that is new,
// or redirect URIs that are.
func (c *Catalog) sectors(ctx context.Context, w *write) error {
	for _, o := range w.changed {
		now, ok := w.snapshot.Client(symbolon.ClientID(o.ID))
		if o.Kind != symbolon.KindClient || !ok || now.SectorIdentifierURI == "" {
			continue
		}
		var before symbolon.Client
		if old, existed := w.before.objects[ref{o.Kind, o.ID}]; existed {
			_ = json.Unmarshal(old.Doc, &before) // what cannot be read is not what it was
		}
		if before.SectorIdentifierURI == now.SectorIdentifierURI && slices.Equal(before.RedirectURIs, now.RedirectURIs) {
			continue
		}
		if err := CheckSector(ctx, c.outbound, now); err != nil {
			return err
		}
	}
	return nil
}
