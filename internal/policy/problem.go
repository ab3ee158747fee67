package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Problem is one thing wrong with a policy document. Line and Column count from 1; 0 is unknown.
type Problem struct {
	Document string `json:"document"`
	Policy   string `json:"policy,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Message  string `json:"message"`
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Document)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	if p.Policy != "" {
		fmt.Fprintf(&b, ": policy %s", p.Policy)
	}
	return b.String() + ": " + p.Message
}

// Problems is why documents do not compile: all of them at once.
type Problems struct{ List []Problem }

func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, problem := range p.List {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

func (p *Problems) add(problem Problem) { p.List = append(p.List, problem) }

// located reads the position out of a parser's message ("parse error at <input>:3:14 …").
func located(document string, err error) Problem {
	problem := Problem{Document: document, Message: err.Error()}
	found := regexp.MustCompile(`^(?:parser error: )?(?:parse error at )?<input>:(\d+):(\d+):? ?`).FindStringSubmatch(problem.Message)
	if found == nil {
		return problem
	}
	problem.Line, _ = strconv.Atoi(found[1])
	problem.Column, _ = strconv.Atoi(found[2])
	problem.Message = strings.TrimPrefix(problem.Message, found[0])
	return problem
}
