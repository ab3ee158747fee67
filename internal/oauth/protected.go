package oauth

import (
	"encoding/json"
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
)

// protected is RFC 9728 for the resources that the issuer is itself: userinfo, administration,
// signals. Those behind brokers are told of by brokers.
func (e *endpoints) protected(w http.ResponseWriter, r *http.Request, _ *door.Event) error {
	identifier := e.Issuer + r.URL.EscapedPath()[len(catalog.ProtectedPath):]
	userinfo := grant.Userinfo(e.Issuer)
	found, ok := e.Catalog.Current().ByIdentifier(identifier)
	if identifier == userinfo.Identifier {
		found, ok = userinfo, true
	}
	if !ok {
		return symbolon.Errorf(symbolon.NotFound, "no resource has this address")
	}
	told := catalog.Protected(found, e.Issuer)
	var err error
	if told["signed_metadata"], err = e.signed(told); err != nil { // RFC 9728 §2.2
		return err
	}
	body, err := json.Marshal(told)
	if err != nil {
		return err
	}
	answerCached(w, body)
	return nil
}
