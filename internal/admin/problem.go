package admin

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/issuer"
)

// Problem is how the API refuses: RFC 9457, with what is wrong and where.
type Problem struct {
	door.Problem
	Errors  []Fault `json:"errors,omitempty"`
	headers http.Header
	cause   error
}

// Fault is one thing wrong with what was sent. It does not repeat what was sent.
type Fault struct {
	Location string `json:"location,omitempty" doc:"Where, for example body.people[0].login."`
	Message  string `json:"message"`
}

func (p *Problem) Error() string             { return p.cause.Error() }
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) ContentType(string) string { return "application/problem+json" }
func (p *Problem) GetHeaders() http.Header   { return p.headers }

// lostUpdate is a precondition of RFC 9110 §13.1 that does not hold.
type lostUpdate struct{ error }

func (l lostUpdate) Unwrap() error { return l.error }

// refusal makes the public form of an error of an operation, and leaves the cause for the log.
func refusal(ctx context.Context, err error) error {
	ev := eventOf(ctx)
	ev.Cause = err
	public := door.AsValue(door.Known(err), ev.RequestID)
	if errors.As(err, new(lostUpdate)) {
		public.Status, public.Title = http.StatusPreconditionFailed, http.StatusText(http.StatusPreconditionFailed)
	}
	return &Problem{Problem: public, headers: beside(err), cause: err}
}

// beside are the headers that go with a refusal: how to do better (RFC 6750 §3, RFC 9470 §3), or when.
func beside(err error) http.Header {
	headers := http.Header{}
	if challenge := issuer.BearerChallenge(err); challenge != "" {
		headers.Set("WWW-Authenticate", challenge)
	}
	if door.Known(err).Kind == symbolon.TooMany {
		headers.Set("Retry-After", "1")
	}
	return headers
}

// asProblem turns what the library says about malformed input into our form, without the values
// that it repeats.
func asProblem(ctx huma.Context, _ string, value any) (any, error) {
	theirs, ok := value.(*huma.ErrorModel)
	if !ok {
		return value, nil
	}
	ev := eventOf(ctx.Context())
	p := &Problem{Problem: door.Problem{Type: "about:blank", Title: theirs.Title, Status: theirs.Status, Detail: theirs.Detail, RequestID: ev.RequestID}}
	said := []string{theirs.Detail}
	for _, e := range theirs.Errors {
		if e != nil {
			p.Errors = append(p.Errors, Fault{e.Location, e.Message})
			said = append(said, e.Location+": "+e.Message)
		}
	}
	p.cause = errors.New(strings.Join(said, "; "))
	ev.Cause = p.cause
	return p, nil
}

// refusals describes the answers that any operation may give instead of its own.
func (a *Admin) refusals() map[string]*huma.Response {
	schema := a.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	content := map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}
	return map[string]*huma.Response{
		"4XX": {Description: "Refused: the token (401), the policy (403), a precondition (412), the pace (429), or what was sent.", Content: content},
		"5XX": {Description: "Ours to mend; request_id finds it in the log.", Content: content},
	}
}
