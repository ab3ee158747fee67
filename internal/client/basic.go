package client

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"symbolon.dev"
)

const (
	schemeBasic = "basic"
	// every byte of id and secret may come as %XX, and base64 adds a third
	maxBasic = (3*(maxID+maxSecret) + 1) * 4 / 3
)

// showBasic reads client_secret_basic: RFC 7617, with id and secret form-encoded before they
// are joined (RFC 6749 §2.3.1 and appendix B).
func showBasic(r *http.Request, form url.Values) (presented, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return presented{}, nil
	}
	scheme, encoded, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, schemeBasic) {
		return presented{}, symbolon.Refuse(symbolon.Unauthenticated, codeInvalidClient, "clients authenticate with the Basic scheme here")
	}
	id, secret, ok := decodeBasic(strings.TrimLeft(encoded, " "))
	if !ok {
		return presented{}, invalid("the Basic credentials are malformed")
	}
	return presented{by: byBasic, id: id, secret: secret}, sameID(form, id)
}

// decodeBasic is strict: canonical base64, a colon, valid form encoding, no control bytes.
func decodeBasic(encoded string) (id, secret string, ok bool) {
	if len(encoded) > maxBasic || strings.ContainsAny(encoded, "\r\n") { // which the decoder would skip
		return "", "", false
	}
	var space [512]byte
	plain, err := base64.StdEncoding.Strict().AppendDecode(space[:0], []byte(encoded))
	if err != nil {
		return "", "", false
	}
	rawID, rawSecret, found := strings.Cut(string(plain), ":")
	if !found {
		return "", "", false
	}
	id, okID := formDecode(rawID)
	secret, okSecret := formDecode(rawSecret)
	return id, secret, okID && okSecret && printable(id, maxID) && printable(secret, maxSecret)
}

func formDecode(s string) (string, bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, true
	}
	decoded, err := url.QueryUnescape(s)
	return decoded, err == nil
}

// printable reports whether s is non-empty UTF-8 of at most limit bytes without control characters.
func printable(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	ascii := true
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	return ascii || utf8.ValidString(s)
}
