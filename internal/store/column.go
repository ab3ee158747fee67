package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"symbolon.dev"
)

// How values look in a row: times as microseconds since 1970 (0 = none), lists and maps as
// JSON text, hashes as 32 bytes, flags as 0 and 1.

func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// array writes a list; an empty one and none are the same.
func array[T any](list []T) string {
	if len(list) == 0 {
		return "[]"
	}
	text, _ := json.Marshal(list) // strings always marshal
	return string(text)
}

func text[T ~string](v T) string { return string(v) }

// blob makes bytes that are never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

type (
	intoTime   struct{ at *time.Time }
	intoFlag   struct{ to *bool }
	intoHash   struct{ to *symbolon.Hash }
	intoBlob   struct{ to *[]byte }
	intoJSON   struct{ to any }
	intoPeriod struct{ to *time.Duration }
)

func (c intoTime) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time is not a %T", src)
	}
	*c.at = time.Time{}
	if n != 0 {
		*c.at = time.UnixMicro(n).UTC()
	}
	return nil
}

func (c intoPeriod) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a period is not a %T", src)
	}
	*c.to = time.Duration(n) * time.Microsecond
	return nil
}

func (c intoFlag) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a flag is not a %T", src)
	}
	*c.to = n != 0
	return nil
}

func (c intoHash) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(c.to) {
		return fmt.Errorf("a hash is not a %T of %d bytes", src, len(b))
	}
	copy(c.to[:], b)
	return nil
}

func (c intoBlob) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok && src != nil {
		return fmt.Errorf("bytes are not a %T", src)
	}
	*c.to = append([]byte(nil), b...)
	return nil
}

func (c intoJSON) Scan(src any) error {
	switch text := src.(type) {
	case string:
		if text == "[]" || text == "{}" {
			return nil
		}
		return json.Unmarshal([]byte(text), c.to)
	case []byte:
		return c.Scan(string(text))
	}
	return fmt.Errorf("JSON is not a %T", src)
}

// Fold is how logins are compared: case-folded and in Unicode's compatible normal form.
func fold(login string) string {
	for i := range len(login) {
		if login[i] >= utf8.RuneSelf {
			return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(login)))
		}
	}
	return strings.ToLower(login)
}

// speakable refuses text that one of the databases cannot hold.
func speakable(list []statement) error {
	for _, s := range list {
		if !spoken(s.args) {
			return symbolon.Errorf(symbolon.Invalid, "text holds bytes that are not UTF-8, or NUL")
		}
	}
	return nil
}

func spoken(args []any) bool {
	for _, arg := range args {
		if s, ok := arg.(string); ok && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
			return false
		}
	}
	return true
}

// printable makes free text of outside origin fit to be kept.
func printable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
