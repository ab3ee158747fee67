package signals

import (
	"slices"
	"strings"

	"symbolon.dev"
	"symbolon.dev/verify"
)

// outward says which events leave the house, as what, about whom, and with what to say.
var outward = map[symbolon.EventType]struct {
	uri     string
	subject func(issuer string, e *symbolon.Event) subject
	payload func(e *symbolon.Event) map[string]any
}{
	symbolon.SessionEnded:         {verify.SessionRevoked, aboutSession, because},
	symbolon.SessionRaised:        {verify.AssuranceLevelChange, aboutSession, assurance},
	symbolon.CredentialAdded:      {verify.CredentialChange, aboutUser, credential("create")},
	symbolon.CredentialRenamed:    {verify.CredentialChange, aboutUser, credential("update")},
	symbolon.CredentialRemoved:    {verify.CredentialChange, aboutUser, credential("delete")},
	symbolon.UserChanged:          {verify.TokenClaimsChange, aboutUser, claimsChange},
	symbolon.UserDisabled:         {verify.AccountDisabled, aboutUser, nil},
	symbolon.UserEnabled:          {verify.AccountEnabled, aboutUser, nil},
	symbolon.UserDeleted:          {verify.AccountPurged, aboutUser, nil},
	symbolon.TokenRevoked:         {verify.TokenRevoked, aboutToken, nil},
	symbolon.AuthorizationRevoked: {verify.AuthorizationRevoked, aboutAuthorization, nil},
	symbolon.ClientDisabled:       {verify.ClientDisabled, aboutClient, nil},
	symbolon.ObjectChanged:        {verify.CatalogChanged, aboutIssuer, nil},
	symbolon.ObjectDeleted:        {verify.CatalogChanged, aboutIssuer, nil},
	symbolon.KeyRotated:           {verify.KeyRotated, aboutIssuer, nil},
	symbolon.StreamVerification:   {verify.StreamVerification, aboutStream, state},
}

// supported are the event types a receiver can ask for. Verification comes unasked (SSF 1.0 §8.1.4).
var supported = func() []string {
	var uris []string
	for _, out := range outward {
		if out.uri != verify.StreamVerification && !slices.Contains(uris, out.uri) {
			uris = append(uris, out.uri)
		}
	}
	slices.Sort(uris)
	return uris
}()

// subject is a subject identifier (RFC 9493).
type subject map[string]any

func issSub(issuer string, e *symbolon.Event) subject {
	return subject{"format": "iss_sub", "iss": issuer, "sub": string(e.User)}
}

func opaque(id string) subject { return subject{"format": "opaque", "id": id} }

func aboutUser(issuer string, e *symbolon.Event) subject { return issSub(issuer, e) }

func aboutSession(issuer string, e *symbolon.Event) subject {
	return subject{"format": "complex", "user": issSub(issuer, e), "session": opaque(string(e.Session))}
}

func aboutToken(issuer string, e *symbolon.Event) subject {
	return subject{"format": "jwt_id", "iss": issuer, "jti": string(e.Token)}
}

func aboutAuthorization(_ string, e *symbolon.Event) subject { return opaque(string(e.Authorization)) }

func aboutClient(_ string, e *symbolon.Event) subject { return opaque(string(e.Client)) }

func aboutStream(_ string, e *symbolon.Event) subject { return opaque(text(e, "stream_id")) }

func aboutIssuer(issuer string, _ *symbolon.Event) subject {
	return subject{"format": "uri", "uri": issuer}
}

// because gives a CAEP event the reason that an administrator may read (CAEP 1.0 §2).
func because(e *symbolon.Event) map[string]any {
	reason := e.Reason
	if reason == "" {
		reason = strings.ReplaceAll(string(e.Type), ".", " ")
	}
	return map[string]any{"reason_admin": map[string]string{"en": reason}, "initiating_entity": initiator(e), "event_timestamp": e.At.Unix()}
}

func initiator(e *symbolon.Event) string {
	switch {
	case e.Actor == "" || e.Actor == "system":
		return "system"
	case e.Actor == string(e.User):
		return "user"
	}
	return "admin"
}

// assuranceNamespace is where the names of our levels are defined (CAEP 1.0 §3.4: any agreed value).
const assuranceNamespace = "https://openid.net/specs/openid-connect-eap-acr-values-1_0.html"

func assurance(e *symbolon.Event) map[string]any {
	out := because(e)
	out["namespace"], out["current_level"], out["change_direction"] = assuranceNamespace, text(e, "acr"), "increase"
	return out
}

var credentialTypes = map[string]string{"passkey": "fido2-platform", "password": "password"}

func credential(change string) func(*symbolon.Event) map[string]any {
	return func(e *symbolon.Event) map[string]any {
		out := because(e)
		kind := text(e, "kind")
		if named, ok := credentialTypes[kind]; ok {
			kind = named
		}
		out["credential_type"], out["change_type"] = kind, change
		return out
	}
}

// claimsChange tells that claims changed, not what they are now: those who may know can ask.
func claimsChange(e *symbolon.Event) map[string]any {
	out := because(e)
	out["claims"] = map[string]any{"updated_at": e.At.Unix()}
	return out
}

func state(e *symbolon.Event) map[string]any {
	if s := text(e, "state"); s != "" {
		return map[string]any{"state": s}
	}
	return nil
}

func text(e *symbolon.Event, member string) string {
	s, _ := e.Data[member].(string)
	return s
}
