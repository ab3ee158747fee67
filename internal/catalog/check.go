package catalog

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"symbolon.dev"
	"symbolon.dev/internal/claim"
	"symbolon.dev/internal/client"
)

// Limits on declared values.
const (
	maxURI  = 2000 // bytes
	maxText = 200  // bytes of a name or description
	maxList = 200  // entries of a list in a document
)

// checker holds every document against its own rules and against the other documents.
type checker struct {
	*Snapshot
	found *findings
	about string // what is being checked, e.g. "client orders"
	host  string // of the issuer

	expressions *claim.Compiler
}

func check(d *declared, s *Snapshot, expressions *claim.Compiler, found *findings) {
	c := &checker{Snapshot: s, found: found, expressions: expressions}
	if u, err := url.Parse(d.issuer); err == nil {
		c.host = strings.ToLower(u.Hostname())
	}
	for _, v := range d.clients {
		c.about = "client " + string(v.ID)
		c.client(v)
	}
	for _, resource := range d.resources {
		c.about = "resource " + string(resource.ID)
		c.resource(resource)
	}
	for _, organisation := range d.organisations {
		c.about = "organisation " + string(organisation.ID)
		c.text("name", organisation.Name)
		c.trust(organisation.Trust)
		for _, trust := range organisation.Trust {
			c.assertions(&trust)
			c.vouches(&trust)
		}
	}
	for _, group := range d.groups {
		c.about = "group " + string(group.ID)
		c.group(group)
	}
}

func (c *checker) fault(format string, args ...any) { c.found.add(c.about, format, args...) }

// faults records each line of an error from a room that knows the matter better.
func (c *checker) faults(where string, err error) {
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		c.fault("%s%s", where, strings.TrimSuffix(line, "\n"))
	}
}

// trust is who may vouch for an organisation's clients.
func (c *checker) trust(list []symbolon.Trust) {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
		c.faults(fmt.Sprintf("trust[%d].", i), client.CheckTrust(&list[i]))
	}
	distinct(c, "trust", names)
}

// must records a fault unless a rule holds.
func (c *checker) must(holds bool, format string, args ...any) {
	if !holds {
		c.fault(format, args...)
	}
}

func (c *checker) group(g *symbolon.Group) {
	c.text("description", g.Description)
	c.groups("parents", g.Parents)
	c.must(!c.within(g.ID, g.ID, map[symbolon.GroupID]bool{}), "parents: the group is in itself")
}

// within reports whether a group is reached by going up from another.
func (c *checker) within(from, wanted symbolon.GroupID, seen map[symbolon.GroupID]bool) bool {
	if seen[from] {
		return false
	}
	seen[from] = true
	at := slices.IndexFunc(c.Snapshot.groups, func(g *symbolon.Group) bool { return g.ID == from })
	if at < 0 {
		return false
	}
	return slices.ContainsFunc(c.Snapshot.groups[at].Parents, func(parent symbolon.GroupID) bool {
		return parent == wanted || c.within(parent, wanted, seen)
	})
}

func (c *checker) groups(field string, ids []symbolon.GroupID) {
	distinct(c, field, ids)
	for i, id := range ids {
		known := slices.ContainsFunc(c.Snapshot.groups, func(g *symbolon.Group) bool { return g.ID == id })
		c.must(known, "%s[%d]: there is no group %q", field, i, id)
	}
}

func (c *checker) organisation(id symbolon.OrganisationID) {
	known := slices.ContainsFunc(c.organisations, func(o *symbolon.Organisation) bool { return o.ID == id })
	c.must(id == "" || known, "organisation: there is no organisation %q", id)
}

// text is something that people read: short, and one line.
func (c *checker) text(field, value string) {
	c.must(len(value) <= maxText, "%s: it is over %d bytes", field, maxText)
	c.must(strings.IndexFunc(value, unicode.IsControl) < 0, "%s: it holds control characters", field)
}

// oneOf is a word out of a list; "" leaves the choice to the default.
func (c *checker) oneOf(field, value string, known ...string) {
	c.must(value == "" || slices.Contains(known, value), "%s: %q is not one of %s%s",
		field, value, strings.Join(known, ", "), meant(value, known))
}

func distinct[T comparable](c *checker, field string, list []T) {
	c.must(len(list) <= maxList, "%s: more than %d entries", field, maxList)
	seen := map[T]bool{}
	for i, entry := range list {
		c.must(!seen[entry], "%s[%d]: %v is there twice", field, i, entry)
		seen[entry] = true
	}
}

// scopeName reports whether s is a scope token: RFC 6749 §3.3.
func scopeName(s string) bool {
	return s != "" && len(s) <= 128 && plainASCII(s) && !strings.ContainsAny(s, `"\`)
}

// page is the address of something that people open: https, or http on a loopback host.
func (c *checker) page(field, value string) {
	u, err := url.Parse(value)
	good := err == nil && plainASCII(value) && len(value) <= maxURI && u.Host != "" && u.User == nil &&
		(u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
	c.must(value == "" || good, "%s: it must be an https:// URL", field)
}
