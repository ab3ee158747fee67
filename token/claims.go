package token

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Claims is what a token says, as JWT claims (RFC 7519, RFC 9068) and as introspection members
// (RFC 7662) alike. In JSON it is one flat object; empty fields are absent.
type Claims struct {
	Issuer        string         // iss
	Subject       string         // sub
	Audience      []string       // aud: a string if there is one, else an array
	ClientID      string         // client_id
	ID            string         // jti
	IssuedAt      time.Time      // iat, whole seconds as all times
	NotBefore     time.Time      // nbf
	Expires       time.Time      // exp
	Scope         []string       // scope: separated by spaces
	SessionID     string         // sid
	ACR           string         // acr
	AMR           []string       // amr
	AuthTime      time.Time      // auth_time
	Nonce         string         // nonce
	Authorization string         // grant_id: the authorization that the token hangs on
	Kind          string         // sub_kind: "user" or "service"
	Groups        []string       // groups
	Organisation  string         // org
	Department    string         // department
	Employment    string         // employment
	Actor         *Actor         // act
	Confirmation  *Confirmation  // cnf
	Extra         map[string]any // everything else; integers as int64, other numbers as float64
}

// Kinds of subject.
const (
	KindUser    = "user"
	KindService = "service"
)

// HasScope reports whether every one of the wanted scopes is there.
func (c *Claims) HasScope(wanted ...string) bool {
	return !slices.ContainsFunc(wanted, func(scope string) bool { return !slices.Contains(c.Scope, scope) })
}

// registered are the names that Extra may not use.
var registered = []string{"iss", "sub", "aud", "client_id", "jti", "iat", "nbf", "exp", "scope", "sid", "acr", "amr",
	"auth_time", "nonce", "grant_id", "sub_kind", "groups", "org", "department", "employment", "act", "cnf"}

// MarshalJSON writes the flat object. It fails if Extra names a registered claim.
func (c *Claims) MarshalJSON() ([]byte, error) { return c.AppendJSON(make([]byte, 0, 512)) }

// AppendJSON appends what MarshalJSON returns.
func (c *Claims) AppendJSON(b []byte) ([]byte, error) {
	o := openObject(b)
	o.text("iss", c.Issuer)
	o.text("sub", c.Subject)
	switch len(c.Audience) {
	case 0:
	case 1:
		o.text("aud", c.Audience[0])
	default:
		o.list("aud", c.Audience)
	}
	o.text("client_id", c.ClientID)
	o.text("jti", c.ID)
	o.time("iat", c.IssuedAt)
	o.time("nbf", c.NotBefore)
	o.time("exp", c.Expires)
	o.text("scope", strings.Join(c.Scope, " "))
	o.text("sid", c.SessionID)
	o.text("acr", c.ACR)
	o.list("amr", c.AMR)
	o.time("auth_time", c.AuthTime)
	o.text("nonce", c.Nonce)
	o.text("grant_id", c.Authorization)
	o.text("sub_kind", c.Kind)
	o.list("groups", c.Groups)
	o.text("org", c.Organisation)
	o.text("department", c.Department)
	o.text("employment", c.Employment)
	if c.Actor != nil {
		o.name("act")
		o.b = c.Actor.append(o.b)
	}
	if c.Confirmation != nil {
		o.name("cnf")
		o.b = c.Confirmation.append(o.b)
	}
	if err := o.extra(c.Extra); err != nil {
		return nil, err
	}
	return o.close(), nil
}

// UnmarshalJSON reads the flat object as strictly as a token deserves: duplicate members, wrong
// types, absurd times and unknown bindings are errors.
func (c *Claims) UnmarshalJSON(data []byte) error {
	members, err := parseObject(data)
	if err != nil {
		return err
	}
	*c = Claims{}
	for _, m := range members {
		if err := c.set(m); err != nil {
			return err
		}
	}
	return nil
}

func (c *Claims) set(m member) (err error) {
	if field := c.textField(m.name); field != nil {
		*field, err = text(m.raw)
		return err
	}
	if field := c.timeField(m.name); field != nil {
		*field, err = numericDate(m.raw)
		return err
	}
	switch m.name {
	case "aud":
		c.Audience, err = oneOrMany(m.raw)
	case "scope":
		var joined string
		joined, err = text(m.raw)
		c.Scope = strings.FieldsFunc(joined, func(r rune) bool { return r == ' ' })
	case "amr":
		c.AMR, err = list(m.raw)
	case "groups":
		c.Groups, err = list(m.raw)
	case "act":
		c.Actor, err = parseActor(m.raw, 0)
	case "cnf":
		c.Confirmation, err = parseConfirmation(m.raw)
	default:
		err = c.setExtra(m)
	}
	return err
}

func (c *Claims) textField(name string) *string {
	switch name {
	case "iss":
		return &c.Issuer
	case "sub":
		return &c.Subject
	case "client_id":
		return &c.ClientID
	case "jti":
		return &c.ID
	case "sid":
		return &c.SessionID
	case "acr":
		return &c.ACR
	case "nonce":
		return &c.Nonce
	case "grant_id":
		return &c.Authorization
	case "sub_kind":
		return &c.Kind
	case "org":
		return &c.Organisation
	case "department":
		return &c.Department
	case "employment":
		return &c.Employment
	}
	return nil
}

func (c *Claims) timeField(name string) *time.Time {
	switch name {
	case "iat":
		return &c.IssuedAt
	case "nbf":
		return &c.NotBefore
	case "exp":
		return &c.Expires
	case "auth_time":
		return &c.AuthTime
	}
	return nil
}

func (c *Claims) setExtra(m member) error {
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(m.raw)))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return malformed("the claim %q is broken", m.name).Because(err)
	}
	if c.Extra == nil {
		c.Extra = make(map[string]any)
	}
	c.Extra[m.name] = settleNumbers(value)
	return nil
}

// settleNumbers makes int64 of whole numbers and float64 of the rest, so that none is rounded
// without need on its way through.
func settleNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = settleNumbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = settleNumbers(v[name])
		}
	}
	return value
}

// maxDate is the end of the year 9999: a later time is a mistake or an overflow sought.
const maxDate = 253402300799

// numericDate reads seconds since 1970 (RFC 7519 §2), a fraction allowed.
func numericDate(raw []byte) (time.Time, error) {
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !(seconds >= 0 && seconds <= maxDate) {
		return time.Time{}, malformed("the token has a time that is not a number of seconds")
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e6)*1e3).UTC(), nil
}

func oneOrMany(raw []byte) ([]string, error) {
	if raw[0] == '[' {
		return list(raw)
	}
	one, err := text(raw)
	return []string{one}, err
}

// object appends members to a JSON object, leaving out the empty ones.
type object struct {
	b     []byte
	start int
}

func openObject(b []byte) object { return object{b: append(b, '{'), start: len(b) + 1} }

func (o *object) name(name string) {
	if len(o.b) > o.start {
		o.b = append(o.b, ',')
	}
	o.b = append(appendText(o.b, name), ':')
}

func (o *object) text(name, value string) {
	if value != "" {
		o.name(name)
		o.b = appendText(o.b, value)
	}
}

func (o *object) list(name string, values []string) {
	if len(values) > 0 {
		o.name(name)
		o.b = appendList(o.b, values)
	}
}

func (o *object) time(name string, at time.Time) {
	if !at.IsZero() {
		o.name(name)
		o.b = appendInt(o.b, at.Unix())
	}
}

func (o *object) extra(extra map[string]any) error {
	if len(extra) == 0 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if slices.Contains(registered, name) {
			return malformed("the extra claim %q would override a registered one", name)
		}
		value, err := json.Marshal(extra[name])
		if err != nil {
			return err
		}
		o.name(name)
		o.b = append(o.b, value...)
	}
	return nil
}

func (o *object) close() []byte { return append(o.b, '}') }
