package catalog

import (
	"symbolon.dev"
	"symbolon.dev/internal/policy"
)

// UserEntity is a person as policies see them: no login, name or address.
func (s *Snapshot) UserEntity(u *symbolon.User) policy.Entity {
	e := policy.Entity{UID: policy.UID{Type: policy.User, ID: string(u.ID)}, Attributes: map[string]any{}}
	describe(&e, u.Groups, string(u.Organisation))
	put(e.Attributes, "department", u.Department)
	put(e.Attributes, "employment", u.Employment)
	return s.prepared(e)
}

// ServiceEntity is a client as policies see it.
func (s *Snapshot) ServiceEntity(c *symbolon.Client) policy.Entity {
	if ready, ok := s.services[c.ID]; ok && s.clients[c.ID] == c {
		return ready
	}
	return s.prepared(s.describeService(c))
}

// ResourceEntity is a resource as policies see it.
func (s *Snapshot) ResourceEntity(r *symbolon.Resource) policy.Entity {
	if ready, ok := s.targets[r.ID]; ok && s.resources[r.ID] == r {
		return ready
	}
	return s.prepared(s.describeResource(r))
}

// PrincipalEntity is whoever the claims of a token are about. Kind is "user" or "service"; any
// other is nobody. A service that the snapshot knows is as the snapshot has it now, whatever the
// token says; a disabled one is nobody.
func (s *Snapshot) PrincipalEntity(kind, sub string, groups []string, org, department, employment string) policy.Entity {
	e := policy.Entity{Attributes: map[string]any{}}
	switch kind {
	case "user":
		e.UID = policy.UID{Type: policy.User, ID: sub}
		put(e.Attributes, "department", department)
		put(e.Attributes, "employment", employment)
	case "service":
		if known, ok := s.clients[symbolon.ClientID(sub)]; ok {
			return s.active(known)
		}
		e.UID = policy.UID{Type: policy.Service, ID: sub}
	default:
		return policy.Entity{}
	}
	describe(&e, groups, org)
	return s.prepared(e)
}

func (s *Snapshot) active(c *symbolon.Client) policy.Entity {
	if c.Disabled {
		return policy.Entity{}
	}
	return s.services[c.ID]
}

// prepared converts an entity once; one that cannot be is left as it is, and denied when used.
func (s *Snapshot) prepared(e policy.Entity) policy.Entity {
	ready, err := s.Policy.Prepare(e)
	if err != nil {
		return e
	}
	return ready
}

// entities are those that policies may name.
func (s *Snapshot) entities() []policy.Entity {
	list := []policy.Entity{
		{UID: policy.UID{Type: policy.Service, ID: string(Account)}},
		{UID: policy.UID{Type: policy.Service, ID: string(Anonymous)}},
	}
	for _, g := range s.groups {
		e := policy.Entity{UID: policy.UID{Type: policy.Group, ID: string(g.ID)}}
		describe(&e, g.Parents, "")
		list = append(list, e)
	}
	for _, o := range s.organisations {
		list = append(list, policy.Entity{UID: policy.UID{Type: policy.Organisation, ID: string(o.ID)}})
	}
	for _, c := range s.clients {
		list = append(list, s.describeService(c))
	}
	for _, r := range s.resources {
		list = append(list, s.describeResource(r))
	}
	return list
}

func (s *Snapshot) describeService(c *symbolon.Client) policy.Entity {
	e := policy.Entity{UID: policy.UID{Type: policy.Service, ID: string(c.ID)}, Attributes: map[string]any{}}
	describe(&e, c.Groups, string(c.Organisation))
	if c.Broker {
		e.Parents = append(e.Parents, policy.UID{Type: policy.Group, ID: string(Brokers)})
	}
	return e
}

func (s *Snapshot) describeResource(r *symbolon.Resource) policy.Entity {
	e := policy.Entity{UID: policy.UID{Type: policy.Resource, ID: string(r.ID)},
		Attributes: map[string]any{"kind": r.Kind, "criticality": r.Criticality, "brokered": r.Upstream != nil}}
	describe[string](&e, nil, string(r.Organisation))
	if r.Server != "" {
		e.Attributes["server"] = policy.UID{Type: policy.Service, ID: string(r.Server)}
	}
	return e
}

// describe says where an entity belongs.
func describe[G ~string](e *policy.Entity, groups []G, organisation string) {
	for _, g := range groups {
		e.Parents = append(e.Parents, policy.UID{Type: policy.Group, ID: string(g)})
	}
	if organisation == "" {
		return
	}
	e.Parents = append(e.Parents, policy.UID{Type: policy.Organisation, ID: organisation})
	e.Attributes["organisation"] = organisation
}

func put(attributes map[string]any, name, value string) {
	if value != "" {
		attributes[name] = value
	}
}
