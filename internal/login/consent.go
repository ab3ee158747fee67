package login

import (
	"cmp"
	"net/http"
	"slices"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
)

// consenting opens a step that asks for consent. Without a session there is nobody to ask: the
// one who sealed the step decides again.
func (l *Login) consenting(w http.ResponseWriter, r *http.Request, ev *door.Event, sealed string) (visit, error) {
	v, err := l.open(r, ev, sealed)
	if err != nil {
		return visit{}, err
	}
	if _, known := l.Client(v.Client); !known {
		return visit{}, symbolon.Errorf(symbolon.Invalid, "this page asks for no application that we know")
	}
	if v.session == nil {
		page.Leave(w, r, v.ReturnTo)
	}
	return v, nil
}

func (l *Login) askConsent(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	v, err := l.consenting(w, r, ev, r.URL.Query().Get("step"))
	if err != nil || v.session == nil {
		return err
	}
	shown := page.Consent{Client: l.client(v), Step: v.sealed, Person: name(v.user)}
	described := map[string]string{}
	if resource, ok := l.Resource(v.Resource); ok {
		shown.Resource = cmp.Or(resource.Name, string(resource.ID))
		for _, scope := range resource.Scopes {
			described[scope.Name] = scope.Description
		}
		shown.Details = inWords(resource.DetailTypes, v.Details)
	}
	if len(shown.Details) < len(v.Details) {
		return symbolon.Errorf(symbolon.Invalid, "what is asked for is no longer offered; start again from the application")
	}
	for _, scope := range v.Scopes {
		one := page.Scope{Name: scope, Description: described[scope]}
		if slices.Contains(v.Optional, scope) {
			shown.Choices = append(shown.Choices, one)
		} else {
			shown.Scopes = append(shown.Scopes, one)
		}
	}
	page.Show(w, http.StatusOK, shown)
	return nil
}

// inWords says what each authorization detail means, by the words that its type has for it.
func inWords(types []symbolon.DetailType, details []symbolon.Detail) (words []page.Detail) {
	for _, d := range details {
		at := slices.IndexFunc(types, func(t symbolon.DetailType) bool { return t.Type == d.Type() })
		if at >= 0 {
			words = append(words, page.Detail{Type: d.Type(), Words: types[at].Words(d), Text: string(d)})
		}
	}
	return words
}

func (l *Login) answerConsent(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	if err := page.ParseForm(r); err != nil {
		return err
	}
	v, err := l.consenting(w, r, ev, r.PostForm.Get("step"))
	if err != nil || v.session == nil {
		return err
	}
	to := v.ReturnTo
	switch r.PostForm.Get("answer") {
	case "allow":
		ev.Decision = "allow"
		err = l.allow(r, ev, v)
	case "deny":
		ev.Decision = "deny"
		to = withParameter(v.ReturnTo, "consent", "denied") // no secret: anybody can give up
	default:
		err = symbolon.Errorf(symbolon.Invalid, "the answer is neither yes nor no")
	}
	if err != nil {
		return err
	}
	page.Leave(w, r, to)
	return nil
}

// allow records the consent, beside what the person allowed this client there before, and which of
// the scopes that they may leave out they did.
func (l *Login) allow(r *http.Request, ev *door.Event, v visit) error {
	given, err := l.Store.Consents(r.Context(), v.session.User)
	if err != nil {
		return err
	}
	chosen := r.PostForm["scope"]
	declines := func(scope string) bool { return slices.Contains(v.Optional, scope) && !slices.Contains(chosen, scope) }
	allowed := slices.DeleteFunc(slices.Clone(v.Scopes), declines)
	consent := symbolon.Consent{Scopes: slices.Clone(allowed), Details: slices.Clone(v.Details)}
	for _, earlier := range given {
		if earlier.Client == v.Client && earlier.Resource == v.Resource {
			consent.Scopes = append(consent.Scopes, slices.DeleteFunc(earlier.Scopes, declines)...)
			consent.Declined = append(consent.Declined, earlier.Declined...)
			consent.Details = append(consent.Details, earlier.Details...)
		}
	}
	consent.Declined = append(slices.DeleteFunc(consent.Declined, func(scope string) bool { return slices.Contains(allowed, scope) }),
		slices.DeleteFunc(slices.Clone(v.Scopes), func(scope string) bool { return !declines(scope) })...)
	consent.Scopes, consent.Declined, consent.Details = each(consent.Scopes), each(consent.Declined), each(consent.Details)
	if len(consent.Details) > maxRemembered {
		consent.Details = slices.Clone(v.Details) // earlier ones are asked for again
	}
	now := l.Clock()
	consent.User, consent.Client, consent.Resource, consent.At = v.session.User, v.Client, v.Resource, now
	return l.Store.Commit(r.Context(),
		symbolon.PutConsent{Consent: consent},
		symbolon.Event{
			ID: symbolon.NewEventID(), At: now, Type: symbolon.ConsentGiven, Actor: string(v.session.User), User: v.session.User,
			Session: v.session.ID, Client: v.Client, Resource: v.Resource, RequestID: ev.RequestID,
			Data: map[string]any{"scopes": allowed, "details": len(v.Details)},
		})
}

const maxRemembered = 100 // authorization details of one client at one resource

// each keeps every entry once, in order.
func each[T ~string](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}
