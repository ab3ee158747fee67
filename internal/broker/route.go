package broker

import (
	"net/http"
	"net/url"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/policy"
)

// route leads to one resource.
type route struct {
	resource *symbolon.Resource
	entity   policy.Entity
	origin   string          // of the resource's identifier
	told     map[string]bool // normalised names of the headers that only the broker may set here
	upstream *upstream
}

func (r *route) app() bool { return r.resource.Kind == "app" }

// table is what is served by one snapshot. It never changes.
type table struct {
	snapshot *catalog.Snapshot
	routes   map[symbolon.ResourceID]*route
}

// find gives the route for a host and a path as it was sent, nil if there is none.
func (t *table) find(host, rawPath string) *route {
	resource, ok := t.snapshot.Match(host, rawPath)
	if !ok {
		return nil
	}
	return t.routes[resource.ID]
}

// newTable makes the routes of a snapshot. A resource that cannot be served is left out and said
// why: one mistake must not take the others down.
func (b *Broker) newTable(snapshot *catalog.Snapshot) *table {
	t := &table{snapshot: snapshot, routes: map[symbolon.ResourceID]*route{}}
	for _, resource := range snapshot.Resources() {
		if resource.Upstream == nil {
			continue
		}
		r, err := b.newRoute(snapshot, resource)
		if err != nil {
			b.Log.Error("a resource cannot be served", "resource", resource.ID, "cause", err)
			continue
		}
		t.routes[resource.ID] = r
	}
	return t
}

func (b *Broker) newRoute(snapshot *catalog.Snapshot, resource *symbolon.Resource) (*route, error) {
	id, err := url.Parse(resource.Identifier)
	if err != nil {
		return nil, err
	}
	told := map[string]bool{}
	for header := range resource.Upstream.Headers {
		if !usableHeader(header) {
			return nil, symbolon.Errorf(symbolon.Invalid, "an upstream cannot be told a claim as %s", header)
		}
		told[normal(header)] = true
	}
	up, err := b.upstreams.to(resource)
	return &route{resource: resource, entity: snapshot.ResourceEntity(resource), origin: id.Scheme + "://" + id.Host,
		told: told, upstream: up}, err
}

// navigation reports whether r is a person opening a page: the only request that a login page
// can answer. Fetch metadata says so; of browsers without it, the wish for HTML.
func navigation(r *http.Request) bool {
	if r.Method != http.MethodGet || len(r.Header["Upgrade"]) > 0 {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	}
	return wantsPage(r)
}

// wantsPage reports whether an answer is for a person to read.
func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }
