package login

import (
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/policy"
	"symbolon.dev/internal/session"
)

// signedIn is where every login ends, whatever the method: the policy is asked, the session is
// started or raised, and the way on is told. A challenge leaves a session behind, which proves
// only what was done, and goes on to ask for what is missing; a denial leaves nothing.
func (l *Login) signedIn(w http.ResponseWriter, r *http.Request, ev *door.Event, v visit, user *symbolon.User, factors []authn.Factor) (string, error) {
	ev.Subject = string(user.ID)
	acr, amr := worth(v, user, factors)
	decision := l.Decide(user, v.Client, acr, amr)
	ev.Decision, ev.Policies = string(decision.Effect), decision.Policies
	if decision.Effect != policy.Allow && !promising(decision, acr) {
		refused := symbolon.Refuse(symbolon.Denied, "access_denied", "a policy does not let you sign in here")
		refused.Policies = decision.Policies
		return "", refused
	}
	established, err := l.establish(w, r, ev, v, user, factors)
	if err != nil {
		return "", err
	}
	ev.Session = string(established.ID)
	return l.wayOn(v, established, decision)
}

// worth is what the session will claim once factors count.
func worth(v visit, user *symbolon.User, factors []authn.Factor) (symbolon.ACR, []string) {
	if v.session != nil && v.session.User == user.ID {
		return authn.After(v.session.ACR, v.session.AMR, factors)
	}
	return authn.Strength(factors)
}

// promising reports whether a challenge asks for more strength than is there. Any other
// challenge is one that this door can do nothing about.
func promising(d policy.Decision, acr symbolon.ACR) bool {
	return d.Effect == policy.Challenge && len(d.Remedies) > 0 && d.Remedies[0].ACR.Level() > acr.Level()
}

// establish raises the session of the same person, or starts one. A session of somebody else in
// this browser ends: nobody could find it again.
func (l *Login) establish(w http.ResponseWriter, r *http.Request, ev *door.Event, v visit, user *symbolon.User, factors []authn.Factor) (*symbolon.Session, error) {
	done := session.Login{User: user.ID, Factors: factors, Agent: authn.AgentName(r.UserAgent()), RequestID: ev.RequestID}
	if v.session == nil {
		return l.Sessions.Start(r.Context(), w, done)
	}
	if v.session.User == user.ID {
		return l.Sessions.Raise(r.Context(), w, v.session, done)
	}
	started, err := l.Sessions.Start(r.Context(), w, done)
	if err != nil {
		return nil, err
	}
	return started, l.Sessions.End(r.Context(), v.session.ID, string(user.ID), "somebody else signed in with the same browser", ev.RequestID)
}

// wayOn is the step's ReturnTo, or this door again where more is needed.
func (l *Login) wayOn(v visit, now *symbolon.Session, d policy.Decision) (string, error) {
	wanted := v.Step
	if d.Effect == policy.Challenge && d.Remedies[0].ACR.Level() > wanted.ACR.Level() {
		wanted.ACR = d.Remedies[0].ACR
	}
	if now.ACR.Meets(wanted.ACR) {
		return v.ReturnTo, nil
	}
	sealed, err := l.Sessions.SealStep(wanted)
	if err != nil {
		return "", err
	}
	return loginURL(sealed), nil
}
