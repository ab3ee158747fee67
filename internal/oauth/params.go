package oauth

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"symbolon.dev"
)

// Limits on what a request may carry. A value longer than its own limit, or than maxValue
// where it has none, is invalid_request.
const (
	maxParams = 64
	maxName   = 64
	maxValue  = 4096
	maxQuery  = 16 << 10
	maxRepeat = 8 // of one that may be repeated
)

var limits = map[string]int{
	"state": 2048, "nonce": 1024, "scope": 2048, "redirect_uri": 2048, "code": 512, "code_verifier": 512,
	"client_id": 256, "client_secret": 1024, "login_hint": 320, "acr_values": 512,
	"subject_token": 16 << 10, "actor_token": 16 << 10, "token": 16 << 10, "client_assertion": 16 << 10,
	"assertion": 16 << 10, "request": 16 << 10, "id_token_hint": 8 << 10, "authorization_details": 8 << 10, "claims": 8 << 10, "request_uri": 2048,
}

// repeatable may come more than once: RFC 8707 §2 and RFC 8693 §2.1.
func repeatable(name string) bool { return name == "resource" || name == "audience" }

type pair struct{ name, value string }

// params are the parameters of one request, each at most once (RFC 6749 §3.1, §3.2). One sent
// without a value is as if it were not sent; one that is not known is kept and ignored.
type params struct {
	pairs  []pair
	broken []string // names that came twice, or with a value that was refused
}

// Get gives the value of a parameter, "" if it was not sent.
func (p *params) Get(name string) string {
	for i := range p.pairs {
		if p.pairs[i].name == name {
			return p.pairs[i].value
		}
	}
	return ""
}

// All gives the values of a parameter that may be repeated.
func (p *params) All(name string) []string {
	var values []string
	for i := range p.pairs {
		if p.pairs[i].name == name && p.pairs[i].value != "" {
			values = append(values, p.pairs[i].value)
		}
	}
	return values
}

// words splits a space-delimited parameter; nil if it was not sent.
func (p *params) words(name string) []string { return strings.Fields(p.Get(name)) }

// query writes the parameters back in the order they came, without those named.
func (p *params) query(without ...string) string {
	var b strings.Builder
	for _, one := range p.pairs {
		if one.value == "" || slices.Contains(without, one.name) {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(one.name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(one.value))
	}
	return b.String()
}

// parseParams reads application/x-www-form-urlencoded text. What it has read before an error is
// given beside the error, so that an error can still be told to a client that is known.
func parseParams(raw string) (params, error) {
	var p params
	var first error
	for raw != "" {
		var piece string
		piece, raw, _ = strings.Cut(raw, "&")
		if piece == "" {
			continue
		}
		if len(p.pairs) == maxParams {
			return p, invalid("the request has more than %d parameters", maxParams)
		}
		if err := p.add(piece); err != nil && first == nil {
			first = err
		}
	}
	return p, first
}

func (p *params) add(piece string) error {
	rawName, rawValue, _ := strings.Cut(piece, "=")
	name, err := unescape(rawName)
	if err != nil || strings.ContainsFunc(name, control) {
		return invalid("a parameter name is malformed or too long")
	}
	value, err := unescape(rawValue)
	if err != nil {
		return p.reject(name, "is not well-formed text")
	}
	return p.put(name, value)
}

// put adds a parameter, whichever way it came.
func (p *params) put(name, value string) error {
	if name == "" || len(name) > maxName {
		return invalid("a parameter name is malformed or too long")
	}
	if p.count(name) > 0 && !repeatable(name) {
		return p.reject(name, "is repeated")
	}
	if p.count(name) == maxRepeat {
		return p.reject(name, "is repeated more than %d times", maxRepeat)
	}
	if len(p.pairs) == maxParams {
		return invalid("the request has more than %d parameters", maxParams)
	}
	if strings.ContainsFunc(value, control) && !isJSON(name) {
		return p.reject(name, "is not well-formed text")
	}
	if limit := limitOf(name); len(value) > limit {
		return p.reject(name, "is over %d bytes", limit)
	}
	p.pairs = append(p.pairs, pair{name, value})
	return nil
}

// isJSON names the parameters that are JSON, which may have line breaks.
func isJSON(name string) bool { return name == "claims" || name == "authorization_details" }

func (p *params) reject(name, format string, args ...any) error {
	p.broken = append(p.broken, name)
	return invalid("the parameter %s %s", shown(name), fmt.Sprintf(format, args...))
}

func (p *params) count(name string) (n int) {
	for i := range p.pairs {
		if p.pairs[i].name == name {
			n++
		}
	}
	return n
}

func limitOf(name string) int {
	if limit, ok := limits[name]; ok {
		return limit
	}
	return maxValue
}

// unescape decodes one name or value and refuses what no parameter needs: a raw semicolon, text
// that is not UTF-8.
func unescape(raw string) (string, error) {
	text := raw
	if strings.ContainsAny(raw, "%+;") {
		if strings.Contains(raw, ";") {
			return "", invalid("a raw semicolon")
		}
		var err error
		if text, err = url.QueryUnescape(raw); err != nil {
			return "", err
		}
	}
	if !utf8.ValidString(text) {
		return "", invalid("not UTF-8")
	}
	return text, nil
}

func control(r rune) bool { return r < 0x20 || r == 0x7f }

// shown makes a parameter's name fit to be repeated in an error.
func shown(name string) string {
	if symbolon.ValidName(name) {
		return name
	}
	return "with an unusual name"
}

// formParams reads the body of a POST (RFC 6749 §3.2): a form, and nothing in the query, where
// secrets would reach logs and histories.
func formParams(r *http.Request) (params, error) {
	if r.URL.RawQuery != "" {
		return params{}, invalid("parameters belong in the request body, not in the URL")
	}
	return bodyParams(r)
}

func bodyParams(r *http.Request) (params, error) {
	if !isForm(r.Header.Get("Content-Type")) {
		return params{}, invalid("the request body must be application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return params{}, err
	}
	return parseParams(string(body))
}

func isForm(contentType string) bool {
	const form = "application/x-www-form-urlencoded"
	if contentType == form {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == form
}

func invalid(format string, args ...any) *symbolon.Error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_request", format, args...)
}
