package login

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/page"
	"symbolon.dev/internal/session"
)

const approvePath = "/approve"

// askApproval lists what clients wait for the person to allow (OpenID CIBA Core 1.0 §8).
func (l *Login) askApproval(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	v, err := l.answering(w, r, ev, approvePath)
	if err != nil || v.session == nil {
		return err
	}
	questions, err := l.Grants.Questions(r.Context(), v.session.User)
	if err != nil {
		return err
	}
	shown := page.Approve{Person: name(v.user), Notice: r.URL.Query().Get("done")}
	for _, q := range questions {
		shown.Questions = append(shown.Questions, page.Question{Client: l.asker(q), Ref: q.Ref, Binding: q.Binding, Wants: wants(q),
			Strong: !v.session.ACR.Meets(q.ACR), Asked: q.Asked, Ends: q.Ends})
	}
	page.Show(w, http.StatusOK, shown)
	return nil
}

// answerApproval takes the answer to one of them.
func (l *Login) answerApproval(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	v, q, allow, err := l.answered(w, r, ev, approvePath)
	if err != nil || q == nil {
		return err
	}
	if err := l.Grants.Answer(r.Context(), q, v.session, allow, ev.RequestID); err != nil {
		return l.strengthen(w, r, v, q, approvePath, err)
	}
	done := "denied"
	if allow {
		done = "allowed"
	}
	page.Redirect(w, r, approvePath+"?done="+done)
	return nil
}

// answering opens a page for people who are signed in; others sign in first and come back.
func (l *Login) answering(w http.ResponseWriter, r *http.Request, ev *door.Event, back string) (visit, error) {
	v, err := l.open(r, ev, "")
	if err != nil || v.session != nil {
		return v, err
	}
	return v, l.signInFor(w, r, session.Step{ReturnTo: back, RequestID: ev.RequestID, At: l.Clock()})
}

func (l *Login) signInFor(w http.ResponseWriter, r *http.Request, step session.Step) error {
	sealed, err := l.Sessions.SealStep(step)
	if err != nil {
		return err
	}
	page.Redirect(w, r, loginURL(sealed))
	return nil
}

// answered reads the form of an answer; nil if the browser was sent away to sign in.
func (l *Login) answered(w http.ResponseWriter, r *http.Request, ev *door.Event, back string) (v visit, q *grant.Question, allow bool, err error) {
	if err = page.ParseForm(r); err != nil {
		return v, nil, false, err
	}
	if v, err = l.answering(w, r, ev, back); err != nil || v.session == nil {
		return v, nil, false, err
	}
	if q, err = l.question(r, ev, v, r.PostForm.Get("request")); err != nil {
		return v, nil, false, err
	}
	switch said := r.PostForm.Get("answer"); said {
	case "allow", "deny":
		ev.Decision = said
		return v, q, said == "allow", nil
	}
	return v, nil, false, symbolon.Errorf(symbolon.Invalid, "the answer is neither yes nor no")
}

func (l *Login) question(r *http.Request, ev *door.Event, v visit, ref string) (*grant.Question, error) {
	q, err := l.Grants.Question(r.Context(), v.session.User, ref)
	if err == nil {
		ev.Client, ev.Resource = string(q.Client.ID), string(q.Resources[0].ID)
	}
	return q, err
}

// strengthen sends somebody to sign in more strongly, or anew, where that would lift a refusal.
// Where the login has that already, asking for it again would not end: the refusal stands.
func (l *Login) strengthen(w http.ResponseWriter, r *http.Request, v visit, q *grant.Question, back string, err error) error {
	var known *symbolon.Error
	if !errors.As(err, &known) || len(known.Remedies) == 0 {
		return err
	}
	wanted := known.Remedies[0]
	old := wanted.MaxAge > 0 && l.Clock().Sub(v.session.AuthTime) > time.Duration(wanted.MaxAge)*time.Second
	if v.session.ACR.Meets(wanted.ACR) && !old {
		return err
	}
	step := session.Step{ReturnTo: back, Client: q.Client.ID, ACR: wanted.ACR, At: l.Clock()}
	if wanted.MaxAge > 0 {
		step.MaxAge = &wanted.MaxAge
	}
	return l.signInFor(w, r, step)
}

// asker is the client of a question in people's words.
func (l *Login) asker(q *grant.Question) *page.Client {
	return &page.Client{Name: cmp.Or(q.Client.Name, string(q.Client.ID)), Logo: q.Client.LogoURI, Policy: q.Client.PolicyURI, Terms: q.Client.TOSURI}
}

// wants describes what a question asks for, one resource after the other.
func wants(q *grant.Question) []page.Wants {
	list := make([]page.Wants, 0, len(q.Resources))
	for _, r := range q.Resources {
		one := page.Wants{Resource: cmp.Or(r.Name, string(r.ID)), You: r.ID == grant.UserinfoID}
		for _, scope := range r.Scopes {
			if !slices.Contains(q.Scopes, scope.Name) {
				continue
			}
			if one.You {
				scope.Description = "" // the page has its own words for these
			}
			one.Scopes = append(one.Scopes, page.Scope{Name: scope.Name, Description: scope.Description})
		}
		list = append(list, one)
	}
	return list
}
