package page

import "time"

// Login asks who somebody is. Step is the sealed step that the form carries on, "" for none.
type Login struct {
	Client   *Client // nil when somebody only wants their account
	Step     string
	Username string
	Fresh    bool   // there is a session, but it must be proved again
	Person   string // whose session that is
	Password bool   // a password can meet what is asked
	Create   bool   // the client asked to have an account made
	Failure  string // why the last try failed; "" = none yet
}

func (v Login) frame() frame { return frame{template: "login", client: v.Client, script: true} }

// Strengthen asks somebody who is signed in for the factor that is missing.
type Strengthen struct {
	Client *Client
	Step   string
	Person string
}

func (v Strengthen) frame() frame {
	return frame{template: "strengthen", client: v.Client, script: true}
}

// Missing says that somebody has nothing that would be strong enough (#error-page).
type Missing struct {
	Client    *Client
	Person    string
	Hardware  bool // a passkey was used, but not one that provably lives in hardware
	RequestID string
}

func (v Missing) frame() frame { return frame{template: "missing", client: v.Client, apart: true} }

// BrokenLink says that an enrolment link cannot be used, and what to do (#error-page).
type BrokenLink struct {
	Why       string
	RequestID string
}

func (v BrokenLink) frame() frame { return frame{template: "brokenlink", apart: true} }

// Enrol is what a single-use link opens.
type Enrol struct {
	Token     string
	Person    string // the name people call them
	Username  string
	MinLength int    // of a password, in characters
	Failure   string // why the last try failed
}

func (v Enrol) frame() frame { return frame{template: "enrol", script: true} }

// Consent asks whether a client may have something.
type Consent struct {
	Client   *Client
	Step     string
	Person   string
	Resource string // what the scopes are about, "" = the account itself
	Scopes   []Scope
	Choices  []Scope // further ones, that the person may leave out
	Details  []Detail
}

// Detail is an authorization detail that is asked for: what it means, and the very text of it.
type Detail struct{ Type, Words, Text string }

// Scope is one thing that is asked for. A standard scope needs no description.
type Scope struct{ Name, Description string }

func (v Consent) frame() frame { return frame{template: "consent", client: v.Client} }

// Logout asks whether somebody means it. Hidden are the fields the form carries on.
type Logout struct {
	Client *Client // who asks, nil = the person
	Person string
	Hidden map[string]string
}

func (v Logout) frame() frame { return frame{template: "logout", client: v.Client} }

// Account is somebody's own page.
type Account struct {
	Person       string
	Username     string
	Email        string
	Organisation string
	Department   string
	HasPassword  bool
	Passkeys     []Passkey
	Sessions     []Session
	Notice       string // a word for what was just done: "passkey-added", "passkey-renamed", "passkey-removed", "session-ended", "sessions-ended", "confirmed", "welcome"
}

// Passkey is one row of the account page.
type Passkey struct {
	ID, Name string
	Added    time.Time
	LastUsed time.Time // zero = never
	Synced   bool      // copied between devices by its provider
	Only     bool      // the last way to sign in: it cannot be removed
}

// Session is one row of the account page.
type Session struct {
	ID, Agent string
	Current   bool
	Strong    bool // signed in with something that cannot be phished
	Started   time.Time
	LastSeen  time.Time
}

func (v Account) frame() frame { return frame{template: "account", wide: true, script: true} }

type leave struct{ To string }

func (v leave) frame() frame { return frame{template: "leave"} }
