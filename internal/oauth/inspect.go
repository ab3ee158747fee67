package oauth

import (
	"mime"
	"net/http"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/profile"
)

var introspectTable = []step[*call]{
	{"parameters", "RFC 7662 §2.1", (*call).readForm},
	{"client authentication", "RFC 7662 §2.1", (*call).authenticate},
	{"confidential client", "RFC 7662 §4", (*call).confidential},
	{"token given", "RFC 7662 §2.1", (*call).tokenGiven},
	{"answer", "RFC 7662 §2.2, RFC 9701 §4", (*call).inspect},
}

// introspect tells an authenticated client about a token, as far as policy lets it know.
func (e *endpoints) introspect(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	return walk(introspectTable, &call{endpoints: e, w: w, r: r, ev: ev})
}

var revokeTable = []step[*call]{
	{"parameters", "RFC 7009 §2.1", (*call).readForm},
	{"client authentication", "RFC 7009 §2.1", (*call).authenticate},
	{"token given", "RFC 7009 §2.1", (*call).tokenGiven},
	{"revocation", "RFC 7009 §2.2", (*call).takeBack},
}

// revoke takes back a token of the client that asks.
func (e *endpoints) revoke(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	return walk(revokeTable, &call{endpoints: e, w: w, r: r, ev: ev})
}

func (c *call) tokenGiven() error {
	if c.params.Get("token") == "" {
		return invalid("the parameter token is missing")
	}
	return nil
}

func (c *call) inspect() error {
	found, err := c.Tokens.Introspect(c.r.Context(), c.client, c.params.Get("token"))
	if err != nil {
		return err
	}
	if !accepts(c.r, issuer.MediaTypeIntrospectionJWT) && !profile.Of(c.client).SignedIntrospection {
		body, err := found.AppendJSON(make([]byte, 0, 768))
		if err != nil {
			return err
		}
		answerBytes(c.w, "application/json", body)
		return nil
	}
	signed, err := c.Tokens.SignIntrospection(c.client, &found)
	if err != nil {
		return err
	}
	answerBytes(c.w, issuer.MediaTypeIntrospectionJWT, []byte(signed))
	return nil
}

// takeBack answers 200 for a token that is unknown or over: it is not valid, as was wished.
func (c *call) takeBack() error {
	if err := c.Tokens.RevokePresented(c.r.Context(), c.client, c.params.Get("token"), c.ev.RequestID); err != nil {
		return err
	}
	answerBytes(c.w, "application/json", []byte("{}"))
	return nil
}

// accepts reports whether the Accept header asks for exactly this media type.
func accepts(r *http.Request, media string) bool {
	for _, header := range r.Header["Accept"] {
		for one := range strings.SplitSeq(header, ",") {
			if asked, rest, err := mime.ParseMediaType(one); err == nil && asked == media && rest["q"] != "0" {
				return true
			}
		}
	}
	return false
}

func answerBytes(w http.ResponseWriter, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body)
}

// userinfo tells a client about the person whose token it holds: OIDC Core §5.3.
func (e *endpoints) userinfo(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	claims, err := e.Tokens.Bearer(r.Context(), r, e.Issuer+pathUserinfo, "openid")
	if err != nil {
		return err
	}
	ev.Client, ev.Subject, ev.Session = claims.ClientID, claims.Subject, claims.SessionID
	user, err := e.Tokens.User(r.Context(), symbolon.UserID(claims.Subject))
	if err != nil {
		return err
	}
	told := issuer.UserInfoFor(user, claims)
	if holder, ok := e.Catalog.Current().Client(symbolon.ClientID(claims.ClientID)); ok {
		told["sub"] = e.Tokens.SubjectFor(holder, user.ID) // that of the ID token: OIDC Core §5.3.2
	}
	answerJSON(w, http.StatusOK, told)
	return nil
}
