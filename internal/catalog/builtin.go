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
	Anonymous      symbolon.ClientID   = "anonymous"      // whoever registers a client without a token
	Admin          symbolon.ResourceID = "admin"          // {issuer}/admin
	Signals        symbolon.ResourceID = "signals"        // {issuer}/ssf
	Registration   symbolon.ResourceID = "registration"   // {issuer}/register
)

// Scopes of [Registration]: a token for it is an initial access token (RFC 7591 §3).
const (
	ScopeRegister     = "register"
	ScopeRegisterOnce = "register.once"
)

// reserved ids would be mistaken for something of the product.
var (
	reservedClients   = []symbolon.ClientID{Account, Anonymous, "system"}
	reservedResources = []symbolon.ResourceID{Admin, Signals, Registration, "userinfo"}
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
		{ID: Registration, Identifier: issuer + "/register", Name: "registration of clients", Kind: "service", Criticality: "high",
			Scopes: []symbolon.Scope{
				{Name: ScopeRegister, Description: "let clients register"},
				{Name: ScopeRegisterOnce, Description: "let one client register"},
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
