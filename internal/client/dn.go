package client

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxDN = 1024 // bytes

// attributes are the short names of RFC 4514 §3, and those that certificates are known to carry.
var attributes = map[string]string{
	"CN": "2.5.4.3", "SN": "2.5.4.4", "SERIALNUMBER": "2.5.4.5", "C": "2.5.4.6", "L": "2.5.4.7", "ST": "2.5.4.8",
	"STREET": "2.5.4.9", "O": "2.5.4.10", "OU": "2.5.4.11", "TITLE": "2.5.4.12", "BUSINESSCATEGORY": "2.5.4.15",
	"POSTALCODE": "2.5.4.17", "GN": "2.5.4.42", "ORGANIZATIONIDENTIFIER": "2.5.4.97",
	"UID": "0.9.2342.19200300.100.1.1", "DC": "0.9.2342.19200300.100.1.25", "EMAILADDRESS": "1.2.840.113549.1.9.1",
	"JURISDICTIONC": "1.3.6.1.4.1.311.60.2.1.3",
}

// attribute is one: its dotted OID and its value, as text or as "#" and the hex of its BER.
type attribute struct{ oid, value string }

// sameDN compares a distinguished name in its string form (RFC 4514) with a certificate's
// subject: the same attributes in the same order, values exact. X.500 would fold case; two
// authorities need not agree on who "Bank" and "BANK" are, so we do not.
func sameDN(want string, raw []byte) bool {
	declared, err := parseDN(want)
	if err != nil {
		return false
	}
	var subject pkix.RDNSequence
	if rest, err := asn1.Unmarshal(raw, &subject); err != nil || len(rest) > 0 || len(subject) != len(declared) {
		return false
	}
	for i, set := range subject {
		if !sameSet(declared[len(declared)-1-i], set) { // the string begins with the last
			return false
		}
	}
	return true
}

func sameSet(want []attribute, set pkix.RelativeDistinguishedNameSET) bool {
	if len(want) != len(set) {
		return false
	}
	for _, one := range set {
		if !slices.ContainsFunc(want, func(w attribute) bool { return w.oid == one.Type.String() && sameValue(w.value, one.Value) }) {
			return false
		}
	}
	return true
}

func sameValue(want string, value any) bool {
	if text, ok := value.(string); ok {
		return want == text
	}
	der, err := asn1.Marshal(value)
	return err == nil && want == "#"+hex.EncodeToString(der)
}

// parseDN splits the string form into its RDNs, each a set of attributes.
func parseDN(text string) (names [][]attribute, err error) {
	if text == "" || len(text) > maxDN || !utf8.ValidString(text) {
		return nil, errors.New("it is no distinguished name (RFC 4514), as CN=orders,O=Example")
	}
	for rest, more := text, true; more; {
		var set []attribute
		for plus := true; plus; {
			var one attribute
			var end byte
			if one, end, rest, err = parseAttribute(rest); err != nil {
				return nil, err
			}
			set = append(set, one)
			plus, more = end == '+', end != 0
		}
		names = append(names, set)
	}
	return names, nil
}

// parseAttribute reads type=value; end is the separator after it, 0 at the end of the text.
func parseAttribute(text string) (one attribute, end byte, rest string, err error) {
	name, value, ok := strings.Cut(text, "=")
	name = strings.ToUpper(strings.TrimSpace(name))
	if one.oid, ok = attributes[name], ok && name != ""; one.oid == "" {
		one.oid = strings.TrimPrefix(name, "OID.")
	}
	if !ok || !dotted(one.oid) {
		return one, 0, "", errors.New("the distinguished name has an unknown attribute type " + strconv.Quote(name))
	}
	one.value, end, rest, err = parseValue(strings.TrimLeft(value, " "))
	return one, end, rest, err
}

func dotted(oid string) bool {
	parts := strings.Split(oid, ".")
	return len(parts) > 1 && !slices.ContainsFunc(parts, func(s string) bool {
		_, err := strconv.ParseUint(s, 10, 31)
		return err != nil || len(s) > 1 && s[0] == '0'
	})
}

// parseValue undoes the escapes of RFC 4514 §2.4.
func parseValue(text string) (value string, end byte, rest string, err error) {
	var b strings.Builder
	kept := 0 // length without spaces that no escape protects
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ',' || c == '+':
			return finish(b.String()[:kept], c, text[i+1:])
		case c == '\\':
			width, decoded := unescape(text[i+1:])
			if width == 0 {
				return "", 0, "", errors.New("the distinguished name has a broken escape")
			}
			b.WriteByte(decoded)
			i, kept = i+width, b.Len()
		case strings.IndexByte("\";<>\x00", c) >= 0:
			return "", 0, "", errors.New("the distinguished name has a character that must be escaped")
		default:
			b.WriteByte(c)
			if c != ' ' {
				kept = b.Len()
			}
		}
	}
	return finish(b.String()[:kept], 0, "")
}

func finish(value string, end byte, rest string) (string, byte, string, error) {
	if value == "" || !utf8.ValidString(value) {
		return "", 0, "", errors.New("the distinguished name has an empty or broken value")
	}
	if end != 0 && rest == "" {
		return "", 0, "", errors.New("the distinguished name ends in a separator")
	}
	return value, end, rest, nil
}

// unescape reads what stands after a backslash: a special character, or two hex digits.
func unescape(text string) (width int, decoded byte) {
	if text != "" && strings.IndexByte(" \"#+,;<=>\\", text[0]) >= 0 {
		return 1, text[0]
	}
	if len(text) >= 2 {
		if b, err := hex.DecodeString(text[:2]); err == nil {
			return 2, b[0]
		}
	}
	return 0, 0
}
