package token

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"symbolon.dev"
)

// Bounds for JSON from outside.
const (
	maxDepth   = 16
	maxMembers = 256 // of one object
)

func malformed(format string, args ...any) *symbolon.Error {
	return symbolon.Refuse(symbolon.Unauthenticated, "invalid_token", format, args...)
}

// member is one name and its raw value.
type member struct {
	name string
	raw  []byte
}

// parseObject splits one JSON object into its members. Unlike encoding/json it refuses
// duplicate names at any depth and bytes that are not UTF-8, and names are compared exactly.
func parseObject(data []byte) ([]member, error) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, malformed("the JSON is not well formed")
	}
	start := skipSpace(data, 0)
	if data[start] != '{' {
		return nil, malformed("the JSON is not an object")
	}
	members, _, err := walkObject(data, start, 0)
	return members, err
}

// walkObject and its kin read JSON that is known to be valid; they return the index after it.
func walkObject(data []byte, at, depth int) ([]member, int, error) {
	if depth > maxDepth {
		return nil, 0, malformed("the JSON is nested too deeply")
	}
	var members []member
	at = skipSpace(data, at+1)
	for data[at] != '}' {
		end := endOfString(data, at)
		name, err := text(data[at:end])
		if err != nil {
			return nil, 0, err
		}
		if len(members) == maxMembers {
			return nil, 0, malformed("the JSON has too many members")
		}
		if slices.ContainsFunc(members, func(m member) bool { return m.name == name }) {
			return nil, 0, malformed("the JSON has a duplicate member")
		}
		start := skipSpace(data, skipSpace(data, end)+1) // after the colon
		if at, err = walkValue(data, start, depth); err != nil {
			return nil, 0, err
		}
		members = append(members, member{name, data[start:at]})
		at = skipComma(data, at)
	}
	return members, at + 1, nil
}

func walkArray(data []byte, at, depth int) (int, error) {
	if depth > maxDepth {
		return 0, malformed("the JSON is nested too deeply")
	}
	at = skipSpace(data, at+1)
	for data[at] != ']' {
		var err error
		if at, err = walkValue(data, at, depth); err != nil {
			return 0, err
		}
		at = skipComma(data, at)
	}
	return at + 1, nil
}

func walkValue(data []byte, at, depth int) (end int, err error) {
	switch data[at] {
	case '"':
		return endOfString(data, at), nil
	case '{':
		_, end, err = walkObject(data, at, depth+1)
		return end, err
	case '[':
		return walkArray(data, at, depth+1)
	}
	for at < len(data) && !endsScalar(data[at]) {
		at++
	}
	return at, nil
}

func endsScalar(c byte) bool { return c == ',' || c == '}' || c == ']' || isSpace(c) }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func skipSpace(data []byte, at int) int {
	for at < len(data) && isSpace(data[at]) {
		at++
	}
	return at
}

func skipComma(data []byte, at int) int {
	if at = skipSpace(data, at); data[at] == ',' {
		at = skipSpace(data, at+1)
	}
	return at
}

func endOfString(data []byte, at int) int {
	for at++; data[at] != '"'; at++ {
		if data[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// text reads a JSON string.
func text(raw []byte) (string, error) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", malformed("the JSON has something else where a string belongs")
	}
	if inner := raw[1 : len(raw)-1]; plain(string(inner)) {
		return string(inner), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil || strings.ContainsRune(s, utf8.RuneError) { // a lone surrogate
		return "", malformed("the JSON has a broken string").Because(err)
	}
	return s, nil
}

// plain reports whether s is written in JSON as it stands.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendText writes a JSON string.
func appendText(b []byte, s string) []byte {
	if plain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	encoded, _ := json.Marshal(s) // a string always marshals
	return append(b, encoded...)
}

// elements splits an array.
func elements(raw []byte) ([][]byte, error) {
	if len(raw) == 0 || raw[0] != '[' {
		return nil, malformed("the JSON has something else where a list belongs")
	}
	var out [][]byte
	for at := skipSpace(raw, 1); raw[at] != ']'; {
		end, err := walkValue(raw, at, 0)
		if err != nil {
			return nil, err
		}
		out = append(out, raw[at:end])
		at = skipComma(raw, end)
	}
	return out, nil
}

// list reads an array of strings.
func list(raw []byte) ([]string, error) {
	values, err := elements(raw)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(values))
	for i, value := range values {
		if out[i], err = text(value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func appendList(b []byte, values []string) []byte {
	b = append(b, '[')
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, value)
	}
	return append(b, ']')
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }
