package oauth

import (
	"net/http"
	"slices"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
)

const pathBackchannel = "/bc-authorize"

// asking is one backchannel authentication request on its way down the table.
type asking struct {
	*call
	form map[string][]string // the parameters, out of the form or out of a signed request
	ask  grant.PersonRequest
}

var backchannelTable = []step[*asking]{
	{"parameters", "CIBA Core §7.1", func(a *asking) error { return a.readForm() }},
	{"client authentication", "CIBA Core §7.2", func(a *asking) error { return a.authenticate() }},
	{"registration", "CIBA Core §7.2", func(a *asking) error { return grant.MayAskPeople(a.client) }},
	{"signed request", "CIBA Core §7.1.1", (*asking).openRequest},
	{"values", "CIBA Core §7.1", (*asking).read},
	{"asking", "CIBA Core §7.2, §7.3", (*asking).answer},
}

// backchannel has a person asked who is elsewhere.
func (e *endpoints) backchannel(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	return walk(backchannelTable, &asking{call: &call{endpoints: e, w: w, r: r, ev: ev}})
}

// asBackchannel is the crossing: as at the token endpoint, but 403 where access is denied (CIBA
// Core §13).
func asBackchannel(w http.ResponseWriter, r *http.Request, ev *door.Event, err error) {
	known := door.Known(err)
	if codeOf(known) != "access_denied" {
		asJSON(w, r, ev, err)
		return
	}
	answerJSON(w, http.StatusForbidden, failure{"access_denied", printable(known.Message), ev.RequestID})
}

// askParameters are those that a signed request must hold alone.
var askParameters = []string{"scope", "client_notification_token", "acr_values", "login_hint_token", "id_token_hint", "login_hint",
	"binding_message", "user_code", "requested_expiry", "resource"}

// openRequest takes the parameters out of the request object, if there is one: nothing beside it
// counts but what authenticates the client.
func (a *asking) openRequest() error {
	object := a.params.Get("request")
	if a.params.Get("request_uri") != "" {
		return invalid("the parameter request_uri is not taken here")
	}
	if object == "" {
		if grant.NeedsSignature(a.client) {
			return invalid("this client is registered to sign its requests: the parameter request is missing")
		}
		a.form = map[string][]string{}
		for _, name := range askParameters {
			a.form[name] = a.params.All(name)
		}
		return nil
	}
	if slices.ContainsFunc(askParameters, func(name string) bool { return a.params.Get(name) != "" }) {
		return invalid("a signed request holds all parameters; send none beside it")
	}
	var err error
	a.form, err = a.Grants.SignedRequest(a.r.Context(), a.client, object)
	return err
}

// one gives a parameter's single value; a list where one belongs is refused.
func (a *asking) one(name string) (string, error) {
	values := a.form[name]
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		if limit := limitOf(name); len(values[0]) > limit {
			return "", invalid("the parameter %s is over %d bytes", name, limit)
		}
		return values[0], nil
	}
	return "", invalid("the parameter %s is repeated", name)
}

func (a *asking) read() error {
	a.ask = grant.PersonRequest{ID: a.ev.RequestID, Client: a.client, Resources: a.form["resource"], NeedBinding: a.needsBinding()}
	var scope, acr string
	for name, into := range map[string]*string{
		"scope": &scope, "acr_values": &acr, "login_hint": &a.ask.LoginHint, "login_hint_token": &a.ask.LoginHintToken,
		"id_token_hint": &a.ask.IDTokenHint, "binding_message": &a.ask.Binding, "user_code": &a.ask.UserCode,
		"requested_expiry": &a.ask.Expiry, "client_notification_token": &a.ask.Notify,
	} {
		var err error
		if *into, err = a.one(name); err != nil {
			return err
		}
	}
	if len(a.ask.Resources) > maxRepeat {
		return invalid("the parameter resource is repeated more than %d times", maxRepeat)
	}
	a.ask.Scopes, a.ask.ACRs = strings.Fields(scope), strings.Fields(acr)
	if slices.ContainsFunc(a.ask.Scopes, func(s string) bool { return !grant.ValidScope(s) }) {
		return symbolon.Refuse(symbolon.Invalid, "invalid_scope", "the parameter scope has a character that no scope may have")
	}
	return nil
}

// needsBinding: a client of the FAPI profile shows the person what they are about to allow.
func (a *asking) needsBinding() bool { return strings.HasPrefix(a.client.Profile, "fapi2") }

// askAnswer is CIBA Core §7.3.
type askAnswer struct {
	ID        string `json:"auth_req_id"`
	ExpiresIn int64  `json:"expires_in"`
	Interval  int64  `json:"interval"`
}

func (a *asking) answer() error {
	done, err := a.Grants.AskPerson(a.r.Context(), a.ask)
	if err != nil {
		return err
	}
	a.ev.Subject = string(done.User)
	answerJSON(a.w, http.StatusOK, askAnswer{done.ID.Reveal(), done.ExpiresIn, done.Interval})
	return nil
}
