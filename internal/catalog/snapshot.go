package catalog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/policy"
)

// Snapshot is the catalog at one moment. It never changes; what it gives out is shared and must
// not be changed either.
type Snapshot struct {
	Version string // of everything in it
	Policy  *policy.Snapshot
	Issuer  string

	epoch         int64
	pristine      bool // of a store that has never held a catalog
	clients       map[symbolon.ClientID]*symbolon.Client
	resources     map[symbolon.ResourceID]*symbolon.Resource
	identifiers   map[string]*symbolon.Resource
	details       map[string]*detailRule // by type
	groups        []*symbolon.Group
	organisations []*symbolon.Organisation
	policies      []*symbolon.Policy
	sites         sites
	callbacks     []string // of brokers
	services      map[symbolon.ClientID]policy.Entity
	targets       map[symbolon.ResourceID]policy.Entity
}

// Client finds a client, a disabled one too.
func (s *Snapshot) Client(id symbolon.ClientID) (*symbolon.Client, bool) {
	c, ok := s.clients[id]
	return c, ok
}

// Resource finds a resource by its id; the built-in ones too.
func (s *Snapshot) Resource(id symbolon.ResourceID) (*symbolon.Resource, bool) {
	r, ok := s.resources[id]
	return r, ok
}

// ByIdentifier finds a resource by its RFC 8707 identifier. Identifiers are compared as they are
// written, except that an origin may have a slash at its end.
func (s *Snapshot) ByIdentifier(uri string) (*symbolon.Resource, bool) {
	r, ok := s.identifiers[uri]
	return r, ok
}

// Clients lists all clients, by id.
func (s *Snapshot) Clients() []*symbolon.Client { return ordered(s.clients) }

// Resources lists all resources, by id; the built-in ones too.
func (s *Snapshot) Resources() []*symbolon.Resource { return ordered(s.resources) }

// Groups lists the groups, by id; the built-in ones too.
func (s *Snapshot) Groups() []*symbolon.Group { return slices.Clone(s.groups) }

// Organisations lists the organisations, by id.
func (s *Snapshot) Organisations() []*symbolon.Organisation { return slices.Clone(s.organisations) }

// Trust is the authority that a client names, if its organisation has it: nobody vouches for the
// clients of another organisation.
func (s *Snapshot) Trust(c *symbolon.Client) (*symbolon.Trust, bool) {
	for _, o := range s.organisations {
		for i := range o.Trust {
			if c.Trust != "" && o.ID == c.Organisation && o.Trust[i].Name == c.Trust {
				return &o.Trust[i], true
			}
		}
	}
	return nil, false
}

// Admit says what is wrong with a client that is not declared but describes itself.
func (s *Snapshot) Admit(c *symbolon.Client) error {
	found := &findings{}
	(&checker{Snapshot: s, found: found, about: "client"}).client(c)
	return found.err()
}

// Match finds the resource that a request to a broker is for: that of its host with the longest
// path that contains the request's. Host is that of the request, with its port; path is as sent.
// A path that a server behind could read as another one matches nothing.
func (s *Snapshot) Match(host, path string) (*symbolon.Resource, bool) {
	return s.sites.match(host, path)
}

// RedirectURIs are the redirect URIs of a client: its own, and for a broker the callback at each
// application that brokers serve.
func (s *Snapshot) RedirectURIs(c *symbolon.Client) []string {
	if !c.Broker {
		return c.RedirectURIs
	}
	return slices.Concat(c.RedirectURIs, s.callbacks)
}

func ordered[K ~string, V any](m map[K]V) []V {
	list := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[k])
	}
	return list
}

// assemble builds the snapshot of a decoded catalog, which is only good if nothing was found.
func assemble(d *declared, found *findings) *Snapshot {
	s := &Snapshot{Issuer: d.issuer, clients: map[symbolon.ClientID]*symbolon.Client{},
		resources: map[symbolon.ResourceID]*symbolon.Resource{}, identifiers: map[string]*symbolon.Resource{}, details: map[string]*detailRule{},
		services: map[symbolon.ClientID]policy.Entity{}, targets: map[symbolon.ResourceID]policy.Entity{}}
	s.takeGroups(d)
	s.takeResources(d, found)
	for _, c := range d.clients {
		s.clients[c.ID] = c
	}
	s.compile(found)
	return s
}

func (s *Snapshot) takeGroups(d *declared) {
	s.groups = slices.Clone(d.groups)
	for _, builtin := range []symbolon.GroupID{Administrators, Brokers} {
		if !slices.ContainsFunc(s.groups, func(g *symbolon.Group) bool { return g.ID == builtin }) {
			s.groups = append(s.groups, &symbolon.Group{ID: builtin})
		}
	}
	slices.SortFunc(s.groups, func(a, b *symbolon.Group) int { return cmp.Compare(a.ID, b.ID) })
	s.organisations = slices.Clone(d.organisations)
	slices.SortFunc(s.organisations, func(a, b *symbolon.Organisation) int { return cmp.Compare(a.ID, b.ID) })
	s.policies = slices.Clone(d.policies)
	slices.SortFunc(s.policies, func(a, b *symbolon.Policy) int { return cmp.Compare(a.ID, b.ID) })
}

func (s *Snapshot) takeResources(d *declared, found *findings) {
	for _, r := range builtinResources(d.issuer) {
		s.resources[r.ID] = r
		s.identifiers[r.Identifier] = r
	}
	for _, declared := range slices.SortedFunc(slices.Values(d.resources), func(a, b *symbolon.Resource) int { return cmp.Compare(a.ID, b.ID) }) {
		r := withDefaults(declared)
		about := "resource " + string(r.ID)
		if _, taken := s.resources[r.ID]; taken {
			found.add(about, "this id is built in")
			continue
		}
		s.resources[r.ID] = r
		s.takeDetails(r, found)
		spot, err := parseSite(r.Identifier)
		if err != nil {
			found.add(about, "identifier: %s", err)
			continue
		}
		for _, spelling := range spot.spellings(r.Identifier) {
			if other, taken := s.identifiers[spelling]; taken {
				found.add(about, "identifier: it is that of %s", other.ID)
			}
			s.identifiers[spelling] = r
		}
		s.sites.add(spot, r)
		if r.Kind == "app" && r.Upstream != nil && !slices.Contains(s.callbacks, spot.origin+"/.symbolon/callback") {
			s.callbacks = append(s.callbacks, spot.origin+"/.symbolon/callback")
		}
	}
}

// withDefaults fills in what a resource leaves out, on a copy.
func withDefaults(r *symbolon.Resource) *symbolon.Resource {
	filled := *r
	filled.Kind = cmp.Or(r.Kind, "service")
	filled.Criticality = cmp.Or(r.Criticality, "normal")
	return &filled
}

// compile makes the policy snapshot with its entities, and prepares those for requests.
func (s *Snapshot) compile(found *findings) {
	documents := make([]policy.Document, len(s.policies))
	for i, p := range s.policies {
		documents[i] = policy.Document{ID: string(p.ID), Text: p.Text}
	}
	compiled, err := policy.Compile(documents, s.entities())
	var problems *policy.Problems
	if errors.As(err, &problems) {
		for _, p := range problems.List {
			found.list = append(found.list, strings.TrimPrefix("policy "+p.String(), "policy : "))
		}
		return
	}
	s.Policy = compiled
	for id, c := range s.clients {
		s.services[id] = s.prepared(s.describeService(c))
	}
	for id, r := range s.resources {
		s.targets[id] = s.prepared(s.describeResource(r))
	}
}

// versionOf is a hash over everything declared.
func versionOf(issuer string, objects map[ref]symbolon.Object) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q\n", issuer)
	for _, at := range slices.SortedFunc(maps.Keys(objects), func(a, b ref) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	}) {
		o := objects[at]
		_, _ = fmt.Fprintf(h, "%q %q %d %d\n", at.kind, at.id, o.Version, len(o.Doc))
		h.Write(o.Doc)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
