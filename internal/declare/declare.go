// Package declare reads and writes what a deployment is, as files: the form in which people
// review it, keep it in version control, and give it to `symbolon apply`.
//
// A directory holds *.yaml files with the lists clients, resources, groups, organisations and
// people, and *.cedar files with policies; a policy document is named by its file. A list may
// stand in any file, and the same name twice is an error. Only the shape of the file is judged
// here; what the entries mean is judged by whoever makes them true.
package declare

import (
	"encoding/json"

	"symbolon.dev"
)

// Set is everything declared. Documents are the JSON of the nouns they are about.
type Set struct {
	Objects []Object `json:"objects,omitempty"`
	People  []Person `json:"people,omitempty"`
}

// Object is one declared document; see the Kind constants of package symbolon.
type Object struct {
	Kind string          `json:"kind"`
	ID   string          `json:"id"`
	Doc  json.RawMessage `json:"doc"`
	From string          `json:"-"` // file and line, for messages
}

// Person is a user as it is declared: known by login, the id is ours.
type Person struct {
	Login        string         `json:"login"`
	Name         string         `json:"name,omitempty"`
	Email        string         `json:"email,omitempty"`
	Organisation string         `json:"organisation,omitempty"`
	Department   string         `json:"department,omitempty"`
	Employment   string         `json:"employment,omitempty"`
	Groups       []string       `json:"groups,omitempty"`
	Attributes   map[string]any `json:"attributes,omitempty"`
	PasswordHash string         `json:"password_hash,omitempty"` // PHC string from `symbolon hash-password`; absent = leave as it is
	Disabled     *bool          `json:"disabled,omitempty"`      // absent = leave as it is: an old file lets nobody in again who was shut out
}

// lists maps the list names of a YAML file to kinds, and to the member that names an entry.
var lists = []struct{ list, kind, key string }{
	{"organisations", symbolon.KindOrganisation, "id"},
	{"groups", symbolon.KindGroup, "id"},
	{"clients", symbolon.KindClient, "client_id"},
	{"resources", symbolon.KindResource, "id"},
}
