package page

import (
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"
)

// functions are what templates need beyond their own language.
var functions = template.FuncMap{
	"minutes":  func(seconds int64) int64 { return seconds / 60 },
	"sentence": sentence,
}

// sentence makes one of an error's message, which begins small and ends without a stop.
func sentence(message string) string {
	first, size := utf8.DecodeRuneInString(message)
	if message == "" || first == utf8.RuneError {
		return message
	}
	message = string(unicode.ToUpper(first)) + message[size:]
	if strings.HasSuffix(message, ".") {
		return message
	}
	return message + "."
}
