package directory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"symbolon.dev"
)

// Limits of what is kept about a person, in characters where it is text.
const (
	maxLogin      = 128
	maxText       = 256
	maxEmail      = 254 // RFC 5321 §4.5.3.1.3
	maxGroups     = 256
	maxAttributes = 64
	maxValue      = 4 << 10 // bytes of JSON
)

// Check says what [Directory.Put] would say about a person on their own, and tidies them as it would.
func Check(u *symbolon.User) error { return check(u) }

// check refuses what no person can have, and tidies the rest in place. Invalid names the field.
func check(u *symbolon.User) error {
	u.Login = tidy(u.Login)
	u.Groups = tidyGroups(u.Groups)
	for _, f := range []struct {
		name, value string
		least, most int
	}{
		{"login", u.Login, 1, maxLogin},
		{"name", u.Name, 0, maxText},
		{"email", u.Email, 0, maxEmail},
		{"department", u.Department, 0, maxText},
		{"employment", u.Employment, 0, maxText},
	} {
		if err := checkText(f.value, f.least, f.most); err != nil {
			return symbolon.Errorf(symbolon.Invalid, "%s: %v", f.name, err)
		}
	}
	if u.Email != "" && (strings.Count(u.Email, "@") != 1 || strings.ContainsAny(u.Email, " <>,;")) {
		return symbolon.Errorf(symbolon.Invalid, "email: not an address")
	}
	if u.Organisation != "" && !symbolon.ValidName(string(u.Organisation)) {
		return symbolon.Errorf(symbolon.Invalid, "organisation: not an identifier")
	}
	if u.PasswordHash != "" && !strings.HasPrefix(u.PasswordHash, "$argon2id$") {
		return symbolon.Errorf(symbolon.Invalid, "password hash: want argon2id in PHC form")
	}
	if err := checkGroups(u.Groups); err != nil {
		return err
	}
	return checkAttributes(u.Attributes)
}

// tidy makes one form of what people type in several: composed, without space around.
func tidy(login string) string { return norm.NFC.String(strings.TrimSpace(login)) }

func tidyGroups(groups []symbolon.GroupID) []symbolon.GroupID {
	sorted := slices.Clone(groups)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// checkText refuses control characters and what shows nothing or turns text around (category Cf):
// two logins that look the same must be the same.
func checkText(value string, least, most int) error {
	n := utf8.RuneCountInString(value)
	switch {
	case !utf8.ValidString(value):
		return fmt.Errorf("not UTF-8")
	case n < least || n > most:
		return fmt.Errorf("want %d to %d characters", least, most)
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return fmt.Errorf("control characters are not allowed")
	}
	return nil
}

func checkGroups(groups []symbolon.GroupID) error {
	if len(groups) > maxGroups {
		return symbolon.Errorf(symbolon.Invalid, "groups: at most %d", maxGroups)
	}
	for _, g := range groups {
		if !symbolon.ValidName(string(g)) {
			return symbolon.Errorf(symbolon.Invalid, "groups: %q is not an identifier", g)
		}
	}
	return nil
}

func checkAttributes(attributes map[string]symbolon.Attribute) error {
	if len(attributes) > maxAttributes {
		return symbolon.Errorf(symbolon.Invalid, "attributes: at most %d", maxAttributes)
	}
	for name, a := range attributes {
		if !symbolon.ValidName(name) {
			return symbolon.Errorf(symbolon.Invalid, "attributes: %q is not an identifier", name)
		}
		written, err := json.Marshal(a.Value)
		if err != nil || len(written) > maxValue {
			return symbolon.Errorf(symbolon.Invalid, "attributes: %s is over %d bytes or no JSON value", name, maxValue)
		}
	}
	return nil
}
