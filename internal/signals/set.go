package signals

import (
	"slices"

	"symbolon.dev"
	"symbolon.dev/token"
	"symbolon.dev/verify"
)

// securityEvent is the payload of a SET (RFC 8417 §2.2, SSF 1.0 §4).
type securityEvent struct {
	Issuer      string                    `json:"iss"`
	IssuedAt    int64                     `json:"iat"`
	ID          string                    `json:"jti"`
	Audience    string                    `json:"aud"`
	Transaction string                    `json:"txn,omitempty"` // our request id, so that both logs can be joined
	Subject     subject                   `json:"sub_id"`
	Events      map[string]map[string]any `json:"events"`
}

// concerns reports whether an event belongs on a stream.
func concerns(s *symbolon.Stream, e *symbolon.Event) bool {
	out, known := outward[e.Type]
	if !known {
		return false
	}
	if out.uri == verify.StreamVerification {
		return text(e, "stream_id") == string(s.ID)
	}
	return len(s.Events) == 0 || slices.Contains(s.Events, out.uri)
}

// heard is the event with the ids that the stream's receiver knows.
func (t *Transmitter) heard(s *symbolon.Stream, e *symbolon.Event) *symbolon.Event {
	receiver, ok := t.Catalog().Client(s.Client)
	if t.Heard == nil || !ok {
		return e
	}
	told := t.Heard(receiver, *e)
	return &told
}

func (t *Transmitter) sign(s *symbolon.Stream, happened *symbolon.Event) (string, error) {
	out, e := outward[happened.Type], t.heard(s, happened)
	said := map[string]any{}
	if out.payload != nil {
		if given := out.payload(e); given != nil {
			said = given
		}
	}
	signer, err := t.Signer()
	if err != nil {
		return "", err
	}
	return token.Sign(signer, token.TypeSecurityEvent, securityEvent{
		Issuer: t.Issuer, IssuedAt: t.Clock().Unix(), ID: string(e.ID), Audience: string(s.Client),
		Transaction: e.RequestID, Subject: out.subject(t.Issuer, e), Events: map[string]map[string]any{out.uri: said},
	})
}
