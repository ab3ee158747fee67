package catalog

import (
	"slices"

	"symbolon.dev"
)

// View is what a broker needs to decide as the issuer does, without a store. It holds no secret,
// and of clients only what policies see.
type View struct {
	Version       string                  `json:"version"`
	Issuer        string                  `json:"issuer"`
	Policies      []symbolon.Policy       `json:"policies"`
	Groups        []symbolon.Group        `json:"groups"`
	Organisations []symbolon.Organisation `json:"organisations,omitempty"`
	Resources     []symbolon.Resource     `json:"resources"`
	Services      []Service               `json:"services"`
}

// Service is a client as policies see it.
type Service struct {
	ID           symbolon.ClientID       `json:"id"`
	Organisation symbolon.OrganisationID `json:"organisation,omitempty"`
	Groups       []symbolon.GroupID      `json:"groups,omitempty"`
	Broker       bool                    `json:"broker,omitempty"`
	Disabled     bool                    `json:"disabled,omitempty"`
}

// Export makes the view of the snapshot, ready to be written as JSON.
func (s *Snapshot) Export() View {
	v := View{Version: s.Version, Issuer: s.Issuer, Policies: values(s.policies), Groups: values(s.groups),
		Organisations: values(s.organisations), Resources: []symbolon.Resource{}, Services: []Service{}}
	for _, r := range s.Resources() {
		if !slices.Contains(reservedResources, r.ID) {
			shown := *r
			shown.Token.Mappings, shown.Token.Hook = nil, nil // how claims come about is the issuer's business
			v.Resources = append(v.Resources, shown)
		}
	}
	for i := range v.Organisations {
		v.Organisations[i].Trust = nil // it is for authenticating clients, which brokers do not
	}
	for _, c := range s.Clients() {
		v.Services = append(v.Services, Service{c.ID, c.Organisation, c.Groups, c.Broker, c.Disabled})
	}
	return v
}

// Import builds a snapshot from a view. Its clients hold what the view holds: none of them can
// be authenticated with it.
func Import(v View) (*Snapshot, error) {
	d := &declared{issuer: v.Issuer, resources: pointers(v.Resources), groups: pointers(v.Groups),
		organisations: pointers(v.Organisations), policies: pointers(v.Policies)}
	for _, service := range v.Services {
		d.clients = append(d.clients, &symbolon.Client{ID: service.ID, Organisation: service.Organisation,
			Groups: service.Groups, Broker: service.Broker, Disabled: service.Disabled, AuthMethod: unusable})
	}
	found := &findings{}
	s := assemble(d, found)
	s.Version = v.Version
	if err := found.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// unusable is an authentication method that nothing implements: the client of a view has lost
// its secrets, and must not pass for a public one.
const unusable = "unknown"

func values[T any](list []*T) []T {
	out := make([]T, len(list))
	for i, p := range list {
		out[i] = *p
	}
	return out
}

func pointers[T any](list []T) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}
