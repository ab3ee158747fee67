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
	}
	for _, scope := range v.Scopes {
		shown.Scopes = append(shown.Scopes, page.Scope{Name: scope, Description: described[scope]})
	}
	page.Show(w, http.StatusOK, shown)
	return nil
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

// allow records the consent, beside what the person allowed this client there before.
func (l *Login) allow(r *http.Request, ev *door.Event, v visit) error {
	given, err := l.Store.Consents(r.Context(), v.session.User)
	if err != nil {
		return err
	}
	scopes := slices.Clone(v.Scopes)
	for _, earlier := range given {
		if earlier.Client == v.Client && earlier.Resource == v.Resource {
			scopes = append(scopes, earlier.Scopes...)
		}
	}
	slices.Sort(scopes)
	now := l.Clock()
	return l.Store.Commit(r.Context(),
		symbolon.PutConsent{Consent: symbolon.Consent{
			User: v.session.User, Client: v.Client, Resource: v.Resource, Scopes: slices.Compact(scopes), At: now,
		}},
		symbolon.Event{
			ID: symbolon.NewEventID(), At: now, Type: symbolon.ConsentGiven, Actor: string(v.session.User), User: v.session.User,
			Session: v.session.ID, Client: v.Client, Resource: v.Resource, RequestID: ev.RequestID,
			Data: map[string]any{"scopes": v.Scopes},
		})
}
