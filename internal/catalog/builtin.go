package catalog

import (
	"embed"
	"encoding/json"
	"io/fs"
	"path"
	"strings"

	"symbolon.dev"
)

// What every catalog holds without declaring it.
const (
	Administrators symbolon.GroupID    = "administrators" // members may do every admin action
	Brokers        symbolon.GroupID    = "brokers"        // every client declared broker: true
	Account        symbolon.ClientID   = "account"        // the account pages, as a person logs in to them
	Admin          symbolon.ResourceID = "admin"          // {issuer}/admin
	Signals        symbolon.ResourceID = "signals"        // {issuer}/ssf
)

// reserved ids would be mistaken for something of the product.
var (
	reservedClients   = []symbolon.ClientID{Account, "system"}
	reservedResources = []symbolon.ResourceID{Admin, Signals, "userinfo"}
)

func builtinResources(issuer string) []*symbolon.Resource {
	return []*symbolon.Resource{
		{ID: Admin, Identifier: issuer + "/admin", Name: "the admin API", Kind: "service", Criticality: "critical",
			Scopes: []symbolon.Scope{
				{Name: "admin", Description: "administer this service as you may"},
				{Name: "snapshot", Description: "read the policies and resources to enforce"},
				{Name: "ledger", Description: "report what was decided"},
			}},
		{ID: Signals, Identifier: issuer + "/ssf", Name: "security events", Kind: "service", Criticality: "high",
			Scopes: []symbolon.Scope{
				{Name: "ssf.manage", Description: "manage its streams of security events"},
				{Name: "ssf.read", Description: "read its streams of security events"},
			}},
	}
}

//go:embed builtin/*.cedar
var builtinPolicies embed.FS

// seeds are the policies of a new store.
func seeds() []Edit {
	files, _ := fs.Glob(builtinPolicies, "builtin/*.cedar") // the pattern is well-formed
	edits := make([]Edit, 0, len(files))
	for _, file := range files {
		text, _ := builtinPolicies.ReadFile(file) // embedded
		id := strings.TrimSuffix(path.Base(file), ".cedar")
		doc, _ := json.Marshal(symbolon.Policy{ID: symbolon.PolicyID(id), Text: string(text)}) // strings
		edits = append(edits, Edit{Kind: symbolon.KindPolicy, ID: id, Doc: doc})
	}
	return edits
}
