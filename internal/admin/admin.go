// Package admin is the administration API: what `symbolon apply`, the console and other
// people's scripts speak to.
//
// It is an ordinary protected resource (identifier {issuer}/admin): every operation needs an
// access token for it and a permit of the same policy engine that judges everybody (S5). There
// is no administrator's key that bypasses it. The code is the contract: openapi.json is
// generated from it and compared in the tests.
//
// Laws: whoever has no token for it learns nothing, not even which operations there are. What a
// caller sent is never repeated in a refusal, because it may hold secrets. Every refusal is an
// RFC 9457 problem with the request id that finds its cause in the log.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/directory"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/session"
)

// Prefix is where the API begins, below the issuer's URL.
const Prefix = "/admin/v1"

// Store is what the API reads beside what the rules own.
type Store interface {
	Sessions(ctx context.Context, after string, limit int) ([]symbolon.Session, error)
	Objects(ctx context.Context, kinds ...string) ([]symbolon.Object, error)
	Object(ctx context.Context, kind, id string) (*symbolon.Object, error)
	SearchEvents(context.Context, symbolon.EventQuery) ([]symbolon.Event, error)
	SearchLedger(context.Context, symbolon.LedgerQuery) ([]symbolon.LedgerEntry, error)
	AddLedger(context.Context, []symbolon.LedgerEntry) error
}

// Config is everything the API works on.
type Config struct {
	Issuer    string
	Version   string // of the product, for the API description
	Door      *door.Door
	Store     Store
	Catalog   *catalog.Catalog
	Directory *directory.Directory
	Sessions  *session.Sessions
	Tokens    *issuer.Issuer
	Keys      *key.Ring
	Ledger    interface{ Add(symbolon.LedgerEntry) }
	Metrics   http.Handler // the metrics page; behind a token like everything else
	Clock     symbolon.Clock
	Log       *slog.Logger
}

// Admin is the API.
type Admin struct {
	Config
	api  huma.API
	mux  *http.ServeMux
	pace pace
}

// New mounts every operation.
func New(c Config) *Admin {
	a := &Admin{Config: c, mux: http.NewServeMux()}
	a.api = humago.New(a.mux, description(c))
	a.users()
	a.sessions()
	a.objects()
	a.declared()
	a.keys()
	a.audit()
	a.forBrokers()
	a.mux.Handle("GET "+Prefix+"/openapi.json", a.plain("", "openapi", http.HandlerFunc(a.describe)))
	if c.Metrics != nil {
		a.mux.Handle("GET "+Prefix+"/metrics", a.plain("metrics.read", "metrics", c.Metrics))
	}
	return a
}

func description(c Config) huma.Config {
	config := huma.DefaultConfig("Symbolon administration", c.Version)
	config.CreateHooks = nil // no $schema members in answers
	config.DocsPath, config.SchemasPath = "", ""
	config.OpenAPIPath = "" // mounted behind a token, like everything else
	config.Transformers = []huma.Transformer{asProblem}
	config.Servers = []*huma.Server{{URL: c.Issuer}}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "An access token for " + c.Issuer + "/admin (RFC 6750)."},
	}
	return config
}

// Handler serves everything below [Prefix].
func (a *Admin) Handler() http.Handler {
	wide := *a.Door
	wide.MaxBody = maxSet // the widest; each operation has its own limit below that
	return wide.Handle("admin", door.AsProblem, func(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
		r = r.WithContext(withEvent(r.Context(), ev))
		if _, pattern := a.mux.Handler(r); pattern == "" {
			a.plain("", "unknown", http.HandlerFunc(a.unknown)).ServeHTTP(w, r)
			return nil
		}
		a.mux.ServeHTTP(w, r)
		return nil
	})
}

func (a *Admin) unknown(w http.ResponseWriter, r *http.Request) {
	door.AsProblem(w, r, eventOf(r.Context()), symbolon.Errorf(symbolon.NotFound, "there is no such operation"))
}

func (a *Admin) describe(w http.ResponseWriter, r *http.Request) {
	text, err := a.OpenAPI()
	if err != nil {
		door.AsProblem(w, r, eventOf(r.Context()), err)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
	_, _ = w.Write(text)
}

// OpenAPI is the description of the API, as committed in openapi.json.
func (a *Admin) OpenAPI() ([]byte, error) {
	schemas := a.api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel") // the library's form of errors, which no answer has
	delete(schemas, "ErrorDetail")
	return a.api.OpenAPI().MarshalJSON()
}

// page is a list with the place to go on from; an empty Next is the end.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Pass as after to go on."`
}

// Paging walks a list. (Exported, as are the other embedded inputs: huma fills nothing else.)
type Paging struct {
	After string `query:"after" maxLength:"256" doc:"Next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type body[T any] struct{ Body T }

type nothing struct{}

func (a *Admin) now() time.Time { return a.Clock() }

// Description is the OpenAPI document of the API, without a deployment behind it.
func Description() ([]byte, error) {
	text, err := New(Config{Issuer: "https://id.example.com", Version: "1"}).OpenAPI()
	if err != nil {
		return nil, err
	}
	var pretty bytes.Buffer
	err = json.Indent(&pretty, text, "", "  ")
	return append(pretty.Bytes(), '\n'), err
}
