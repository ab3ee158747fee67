package oauth

import (
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/policy"
)

const (
	pathLogin   = "/login"
	pathConsent = "/consent"
)

// denied is how the login and consent doors say that the person does not want to.
func (a *authorization) denied() error {
	if a.sent.Get(paramConsent) == "denied" {
		return symbolon.Refuse(symbolon.Denied, "access_denied", "the person refused")
	}
	return nil
}

func (a *authorization) findSession() (err error) {
	if a.session, err = a.Sessions.FromRequest(a.r.Context(), a.r); err != nil {
		return err
	}
	if a.session == nil {
		return a.login("nobody is logged in", stepTo{ACR: a.acr, MaxAge: a.maxAge})
	}
	a.ev.Session, a.ev.Subject = string(a.session.ID), string(a.session.User)
	a.user, err = a.Tokens.User(a.r.Context(), a.session.User)
	return err
}

// login sends the person to log in, unless the client wants no page shown.
func (a *authorization) login(why string, s stepTo) error {
	if a.prompts(promptNone) {
		return symbolon.Refuse(symbolon.Unauthenticated, "login_required", "%s, and the client asked for no page", why)
	}
	return a.sendTo(pathLogin, s)
}

// freshLogin holds prompt and max_age against the time of the login. A login that was done for
// this very request is fresh, however short max_age is.
func (a *authorization) freshLogin() error {
	if a.proofHolds() {
		return nil
	}
	if a.prompts(promptLogin) || a.prompts(promptSelect) || a.prompts(promptCreate) {
		return a.login("a new login is wanted", stepTo{ACR: a.acr, MaxAge: a.maxAge})
	}
	if a.maxAge != nil && a.age() > time.Duration(*a.maxAge)*time.Second {
		return a.login("the login is older than max_age", stepTo{ACR: a.acr, MaxAge: a.maxAge})
	}
	return nil
}

// strongLogin takes acr_values as a requirement (RFC 9470 §5), not as the wish that OIDC Core
// leaves it at.
func (a *authorization) strongLogin() error {
	if a.session.ACR.Meets(a.acr) {
		return nil
	}
	if a.prompts(promptNone) || a.triedFor(a.acr) {
		return symbolon.Refuse(symbolon.Denied, "unmet_authentication_requirements", "the login does not reach a class that acr_values asks for")
	}
	return a.sendTo(pathLogin, stepTo{ACR: a.acr})
}

// triedFor reports whether the person has just logged in for this request with that class asked
// for: asking again would not end.
func (a *authorization) triedFor(acr symbolon.ACR) bool {
	return a.proofHolds() && a.proof.ACR.Meets(acr)
}

// judge asks policy about each resource. What a stronger or newer login would lift is no dead end.
func (a *authorization) judge() error {
	person := grant.Person{User: a.user, ACR: a.session.ACR, AMR: a.session.AMR, AuthTime: a.session.AuthTime}
	for _, r := range a.ask.Resources {
		d := a.Grants.Judge(a.catalog, a.ev.RequestID, person, a.client, r, grant.ScopesAt(r, a.ask.Scopes))
		a.ev.Decision, a.ev.Policies = string(d.Effect), d.Policies
		switch d.Effect {
		case policy.Allow:
			continue
		case policy.Challenge:
			return a.remedy(&d)
		}
		return refusal(&d, "policy does not let you use this application for what it asks; who runs it can look the reference up")
	}
	return nil
}

// remedy sends the person to do what policy asks for. It is asked once for one request: what
// the login door could not reach then, it will not reach by asking again.
func (a *authorization) remedy(d *policy.Decision) error {
	wanted := d.Remedies[0]
	if a.triedFor(wanted.ACR) && (wanted.MaxAge == 0 || a.age() <= time.Duration(wanted.MaxAge)*time.Second) {
		return refusal(d, "policy asks for a stronger login than this account gave")
	}
	s := stepTo{ACR: strongest(wanted.ACR, a.acr)}
	if wanted.MaxAge > 0 {
		s.MaxAge = &wanted.MaxAge
	}
	return a.login("policy asks for a stronger or newer login", s)
}

func strongest(x, y symbolon.ACR) symbolon.ACR {
	if x.Level() >= y.Level() {
		return x
	}
	return y
}

func refusal(d *policy.Decision, message string) error {
	err := symbolon.Refuse(symbolon.Denied, "access_denied", "%s", message).Because(symbolon.Errorf(symbolon.Denied, "policy: %s", d.Reason))
	err.Policies, err.Remedies = d.Policies, d.Remedies
	return err
}

// consent asks the person, one resource at a time, for what they have not allowed this client yet.
func (a *authorization) consent() error {
	trusted := a.client.FirstParty || a.client.Broker
	if trusted && !a.prompts(promptConsent) {
		return nil
	}
	given, err := a.Consents.Consents(a.r.Context(), a.user.ID)
	if err != nil {
		return err
	}
	var declined []string
	for _, r := range a.ask.Resources {
		s := a.consentTo(r)
		at := slices.IndexFunc(given, func(c symbolon.Consent) bool { return c.Client == a.client.ID && c.Resource == r.ID })
		if at >= 0 && a.allowed(&given[at], &s) {
			declined = append(declined, given[at].Declined...)
			continue
		}
		if a.prompts(promptNone) {
			return symbolon.Refuse(symbolon.Denied, "consent_required", "the person has not allowed this yet, and the client asked for no page")
		}
		return a.sendTo(pathConsent, s)
	}
	a.leaveOut(declined)
	return nil
}

// consentTo is what there is to allow at a resource.
func (a *authorization) consentTo(r *symbolon.Resource) stepTo {
	s := stepTo{Resource: r.ID, Scopes: grant.ScopesAt(r, a.ask.Scopes), Details: a.catalog.DetailsAt(r.ID, a.details)}
	if r.ID == grant.UserinfoID {
		s.Scopes = append(s.Scopes, a.claimScopes()...)
	}
	for _, scope := range s.Scopes {
		if a.optional(scope) {
			s.Optional = append(s.Optional, scope)
		}
	}
	return s
}

// optional reports whether a person may leave a scope out: of a client that says which it cannot do without.
func (a *authorization) optional(scope string) bool {
	return len(a.client.RequiredScopes) > 0 && scope != grant.ScopeOpenID && !slices.Contains(a.client.RequiredScopes, scope)
}

// allowed reports whether a consent answers the question; one that prompt=consent asks for must
// have been given for this very request.
func (a *authorization) allowed(c *symbolon.Consent, s *stepTo) bool {
	if a.prompts(promptConsent) && c.At.Before(a.askedAt()) {
		return false
	}
	open := func(scope string) bool {
		return !covers(c.Scopes, scope) && !(a.optional(scope) && slices.Contains(c.Declined, scope))
	}
	return !slices.ContainsFunc(s.Scopes, open) &&
		!slices.ContainsFunc(s.Details, func(d symbolon.Detail) bool { return !slices.Contains(c.Details, d) })
}

// leaveOut takes away what the person does not want to give.
func (a *authorization) leaveOut(declined []string) {
	no := func(scope string) bool { return a.optional(scope) && slices.Contains(declined, scope) }
	a.ask.Scopes = slices.DeleteFunc(slices.Clone(a.ask.Scopes), no)
	noClaim := func(name string) bool { return no(claimPrefix + name) }
	a.claims.idToken = slices.DeleteFunc(slices.Clone(a.claims.idToken), noClaim)
	a.claims.userinfo = slices.DeleteFunc(slices.Clone(a.claims.userinfo), noClaim)
}
