package policy

import (
	"fmt"
	"strings"

	"symbolon.dev"
)

// checkText refuses what the recursive parser should not be given.
func checkText(document Document) error {
	if !symbolon.ValidName(document.ID) {
		return fmt.Errorf("a document's name is 1 to 128 of a-z A-Z 0-9 . _ : / -")
	}
	if len(document.Text) > MaxDocument {
		return fmt.Errorf("the document is over %d bytes", MaxDocument)
	}
	if line := tooDeep(document.Text); line > 0 {
		return fmt.Errorf("line %d: brackets or attributes nest deeper than %d", line, maxNesting)
	}
	return nil
}

// tooDeep gives the line where brackets or dots outside of strings and comments nest too deep,
// else 0.
func tooDeep(text string) int {
	brackets, dots, line := 0, 0, 1
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; {
		case ch == '\n':
			line++
		case ch == '"':
			i, line = skipString(text, i, line)
			dots = 0
		case ch == '/' && strings.HasPrefix(text[i:], "//"):
			i += max(strings.IndexByte(text[i:]+"\n", '\n')-1, 0)
		case ch == '.':
			dots++
		case ch == '(' || ch == '[' || ch == '{':
			brackets, dots = brackets+1, 0
		case ch == ')' || ch == ']' || ch == '}':
			brackets, dots = max(brackets-1, 0), 0
		case strings.IndexByte("&|=<>!+-*,;@:", ch) >= 0:
			dots = 0
		}
		if brackets > maxNesting || dots > maxNesting {
			return line
		}
	}
	return 0
}

// skipString gives the place of a string's closing quote, and its line.
func skipString(text string, i, line int) (end, atLine int) {
	for i++; i < len(text) && text[i] != '"'; i++ {
		switch text[i] {
		case '\\':
			i++
		case '\n':
			line++
		}
	}
	return i, line
}
