// Package claim computes claims of tokens by expressions in CEL (https://cel.dev).
//
// An expression is pure: it reads the facts below, calls nothing, and stops at a cost. Laws:
//
//   - What must not leave the house is not there to be read. For a resource outside, a person's
//     login, name and address are unknown words, so an expression that reads them does not even
//     compile; attributes that are labelled as personal data are taken out of the map before it
//     runs; so no expression, however written, can carry or hint at them.
//   - An expression that fails gives no value. Whoever makes a token of it refuses to.
//
// The words, each with its CEL type:
//
//	user.login, user.name, user.email            string, personal data
//	user.organisation, user.department,
//	user.employment                              string; "" = not known
//	user.groups                                  list(string)
//	user.attributes                              map(string, dyn)
//	session.acr, session.amr, session.auth_time  string, list(string), timestamp
//	client.id, client.name, client.organisation  string
//	client.groups                                list(string)
//	request.resource, request.scopes             string (the resource's id), list(string)
//	hook                                         map(string, dyn): what the resource's hook answered
//
// A service that speaks for itself has an empty user.
package claim

import (
	"fmt"
	"sync"
	"time"

	"cel.dev/cel-go/cel"

	"symbolon.dev"
)

// Limits of an expression.
const (
	MaxLength = 1000  // bytes of its text
	maxNodes  = 200   // of its syntax tree
	maxNested = 20    // levels of it
	maxCost   = 20000 // of one evaluation, in CEL's units
	maxMemory = 1 << 20
	maxKept   = 4096 // compiled expressions
)

// Sight is what an expression may see.
type Sight struct {
	Outside bool // its value leaves the house: no personal data
	Hook    bool // the answer of the resource's hook
}

// Of is the sight that the mappings of a resource have.
func Of(r *symbolon.Resource, rule *symbolon.TokenRule) Sight {
	outside := r.External()
	return Sight{Outside: outside, Hook: rule.Hook != nil && (!outside || rule.Hook.Anonymous)}
}

// Facts are what the words mean in one evaluation.
type Facts struct {
	User     *symbolon.User // nil = the subject is a service
	ACR      string
	AMR      []string
	AuthTime time.Time
	Client   *symbolon.Client
	Resource *symbolon.Resource
	Scopes   []string
	Hook     map[string]any
}

// Compiler compiles expressions, each once. It is safe for concurrent use.
type Compiler struct {
	mu    sync.Mutex
	envs  map[Sight]*cel.Env
	known map[source]*Expr
}

type source struct {
	text  string
	sight Sight
}

// NewCompiler makes an empty one.
func NewCompiler() *Compiler {
	return &Compiler{envs: map[Sight]*cel.Env{}, known: map[source]*Expr{}}
}

// Expr is a compiled expression.
type Expr struct {
	program cel.Program
	sight   Sight
}

// Compile checks an expression: its syntax, that it reads only what it may see, and its types. The
// error is of kind Invalid and says where it is wrong.
func (c *Compiler) Compile(text string, sight Sight) (*Expr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.known[source{text, sight}]; ok {
		return known, nil
	}
	if text == "" || len(text) > MaxLength {
		return nil, symbolon.Errorf(symbolon.Invalid, "an expression is 1 to %d bytes", MaxLength)
	}
	env, err := c.env(sight)
	if err != nil {
		return nil, err
	}
	program, err := compile(env, text)
	if err != nil {
		return nil, err
	}
	if len(c.known) >= maxKept {
		clear(c.known)
	}
	made := &Expr{program, sight}
	c.known[source{text, sight}] = made
	return made, nil
}

func compile(env *cel.Env, text string) (cel.Program, error) {
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "%s", issues.Errors()[0].Message).Because(issues.Err())
	}
	return env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.MemoryLimit(maxMemory))
}

func (c *Compiler) env(sight Sight) (*cel.Env, error) {
	if made, ok := c.envs[sight]; ok {
		return made, nil
	}
	texts, attributes := cel.ListType(cel.StringType), cel.MapType(cel.StringType, cel.DynType)
	words := map[string]*cel.Type{
		"user.organisation": cel.StringType, "user.department": cel.StringType, "user.employment": cel.StringType,
		"user.groups": texts, "user.attributes": attributes,
		"session.acr": cel.StringType, "session.amr": texts, "session.auth_time": cel.TimestampType,
		"client.id": cel.StringType, "client.name": cel.StringType, "client.organisation": cel.StringType, "client.groups": texts,
		"request.resource": cel.StringType, "request.scopes": texts,
	}
	if !sight.Outside {
		for _, personal := range []string{"user.login", "user.name", "user.email"} {
			words[personal] = cel.StringType
		}
	}
	if sight.Hook {
		words["hook"] = attributes
	}
	options := []cel.EnvOption{cel.OptionalTypes(), cel.DefaultUTCTimeZone(true),
		cel.ParserRecursionLimit(maxNested), cel.ExpressionNodeLimit(maxNodes), cel.ExpressionNestingDepthLimit(maxNested)}
	for name, kind := range words {
		options = append(options, cel.Variable(name, kind))
	}
	made, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	c.envs[sight] = made
	return made, nil
}

// Eval gives the value as JSON has it (string, bool, int64, float64, []any, map[string]any), or nil
// if the claim is to be left out: for null, an empty optional, and an empty string. An error, of
// kind Invalid, says what could not be computed.
func (e *Expr) Eval(f *Facts) (any, error) {
	out, _, err := e.program.Eval(f.words(e.sight))
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "the expression fails").Because(err)
	}
	value, err := plain(out, 0)
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "the expression's value fits no claim").Because(err)
	}
	return value, nil
}

// Attribute gives one attribute of a person as an audience may see it. Hidden says that it is
// there and must not leave the house.
func Attribute(user *symbolon.User, name string, outside bool) (value any, hidden bool) {
	found, ok := user.Attributes[name]
	if !ok {
		return nil, false
	}
	if outside && found.PII {
		return nil, true
	}
	return found.Value, false
}

func (f *Facts) words(sight Sight) map[string]any {
	user := f.User
	if user == nil {
		user = new(symbolon.User)
	}
	attributes := make(map[string]any, len(user.Attributes))
	for name := range user.Attributes {
		if value, hidden := Attribute(user, name, sight.Outside); !hidden {
			attributes[name] = value
		}
	}
	words := map[string]any{
		"user.organisation": string(user.Organisation), "user.department": user.Department, "user.employment": user.Employment,
		"user.groups": texts(user.Groups), "user.attributes": attributes,
		"session.acr": f.ACR, "session.amr": texts(f.AMR), "session.auth_time": f.AuthTime,
		"client.id": string(f.Client.ID), "client.name": f.Client.Name,
		"client.organisation": string(f.Client.Organisation), "client.groups": texts(f.Client.Groups),
		"request.resource": string(f.Resource.ID), "request.scopes": texts(f.Scopes),
	}
	if !sight.Outside {
		words["user.login"], words["user.name"], words["user.email"] = user.Login, user.Name, user.Email
	}
	if sight.Hook {
		words["hook"] = f.Hook
	}
	return words
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = string(one)
	}
	return out
}

var errTooBig = fmt.Errorf("it is over %d bytes, or nested too deeply", maxValue)
