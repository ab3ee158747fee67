package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"text/tabwriter"

	"symbolon.dev/internal/admin"
	"symbolon.dev/internal/telemetry"
)

// Facts is what `symbolon demo --json` prints once ready; scripts and tests rely on its names.
type Facts struct {
	Issuer     string             `json:"issuer"`
	Account    string             `json:"account"`
	Admin      string             `json:"admin"`
	Apps       map[string]string  `json:"apps"`
	Services   map[string]Service `json:"services"`
	Clients    map[string]Service `json:"clients"` // tv: device codes, no secret; desk: asks people who are elsewhere
	People     map[string]Person  `json:"people"`
	AdminToken string             `json:"admin_token"`
	Operator   Service            `json:"operator"`
	CAFile     string             `json:"ca_file"`
}

// Service is a client with a secret; Resource is its RFC 8707 identifier and its URL at the
// broker at once.
type Service struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Resource     string `json:"resource"`
}

// Person is a sample person with the link by which they enrol.
type Person struct {
	Login string `json:"login"`
	Enrol string `json:"enrol"`
}

var people = []struct{ role, login, what string }{
	{"engineer", "ada", "wiki and chat, not payroll"},
	{"finance", "frances", "wiki, chat, and payroll with a passkey"},
	{"partner", "pablo", "chat alone"},
}

func (d *run) facts(ctx context.Context) (Facts, error) {
	f := Facts{Issuer: d.origin("id"), Account: d.origin("id") + "/account", Admin: d.origin("id") + admin.Prefix,
		Apps: map[string]string{}, Services: map[string]Service{}, People: map[string]Person{}, CAFile: d.caFile}
	for _, name := range []string{"wiki", "payroll", "chat"} {
		f.Apps[name] = d.origin(name)
	}
	for _, name := range []string{"orders", "billing"} {
		f.Services[name] = Service{name, d.place.secrets[name].Reveal(), d.origin(name)}
	}
	f.Clients = map[string]Service{"tv": {"tv", "", d.origin("chat")}, "desk": {"desk", d.place.secrets["desk"].Reveal(), d.origin("chat")}}
	f.Operator = Service{"operator", d.place.secrets["operator"].Reveal(), d.origin("id") + "/admin"}
	for _, p := range people {
		link, err := d.app.Enrol(ctx, p.login)
		if err != nil {
			return f, err
		}
		f.People[p.role] = Person{p.login, link}
	}
	var err error
	f.AdminToken, err = tokenRequest(ctx, d.client, f.Issuer, "operator", d.place.secrets["operator"], url.Values{
		"grant_type": {"client_credentials"}, "resource": {f.Operator.Resource}, "scope": {"admin"}})
	return f, err
}

// tell prints the facts: one JSON line for scripts, a table for people.
func (d *run) tell(ctx context.Context) error {
	f, err := d.facts(ctx)
	if err != nil {
		return fmt.Errorf("the facts of the demo: %w", err)
	}
	if d.JSON {
		return json.NewEncoder(d.Out).Encode(f)
	}
	bold, plain := "", ""
	if telemetry.Terminal(d.Out) {
		bold, plain = "\x1b[1m", "\x1b[0m"
	}
	table := tabwriter.NewWriter(d.Out, 0, 4, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(table, format+"\n", args...) }
	row("%sSymbolon demo%s   everything on %s; Ctrl-C ends it\n", bold, plain, d.listener.Addr())
	row("%sPages%s", bold, plain)
	row("  Your account\t%s", f.Account)
	row("  Wiki\t%s\tfor staff", f.Apps["wiki"])
	row("  Payroll\t%s\tcritical: finance, with a passkey", f.Apps["payroll"])
	row("  Chat\t%s\tWebSocket, for staff, partners and robots", f.Apps["chat"])
	row("\n%sPeople%s   open a link once to add a passkey or password", bold, plain)
	for _, p := range people {
		row("  %s\t%s\t%s", f.People[p.role].Login, f.People[p.role].Enrol, p.what)
	}
	row("\n%sServices%s   JSON at the broker; orders calls billing by token exchange", bold, plain)
	for _, name := range []string{"orders", "billing"} {
		row("  %s\t%s\tsecret %s", name, f.Services[name].Resource, f.Services[name].ClientSecret)
	}
	row("  operator\t%s\tsecret %s", f.Admin, f.Operator.ClientSecret)
	if f.CAFile != "" {
		row("\n%sTrust anchor%s\t%s", bold, plain, f.CAFile)
	}
	row("\n%sTry%s", bold, plain)
	row("  Open an enrolment link, add a passkey, then open Wiki and Payroll: one login serves both.")
	row("  Enrol somebody with a password alone: Payroll says what would help.")
	row("  Open Chat, end the session on the account page: the chat closes at once.")
	row("  See the service half:  bin/symbolon demo --tour --listen 127.0.0.1:0\n")
	return table.Flush()
}
