package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"symbolon.dev"
)

// Batch is what a broker counted since its last report.
type Batch struct {
	Entries []symbolon.LedgerEntry `json:"entries" maxItems:"10000"`
}

type snapshotAnswer struct {
	Status int
	ETag   string `header:"ETag"`
	Body   json.RawMessage
}

// forBrokers mounts what a broker on another machine needs: the snapshot to decide on, and a
// place to count what it decided. Both are ordinary operations of an ordinary resource.
func (a *Admin) forBrokers() {
	handle(a, operation{http.MethodGet, "/snapshot", "get-snapshot", "snapshot.read", "snapshot", "Policies, resources and groups to decide on; no secrets", 0},
		func(ctx context.Context, _ caller, in *struct {
			IfNoneMatch string `header:"If-None-Match"`
		}) (*snapshotAnswer, error) {
			// Whoever asks has heard of a change that is committed; the snapshot in force here may
			// be that of the moment before.
			if err := a.Catalog.Reload(ctx); err != nil {
				return nil, err
			}
			current := a.Catalog.Current()
			tag := `"` + current.Version + `"`
			if in.IfNoneMatch == tag {
				return &snapshotAnswer{Status: http.StatusNotModified, ETag: tag}, nil
			}
			view, err := json.Marshal(current.Export())
			return &snapshotAnswer{Status: http.StatusOK, ETag: tag, Body: view}, err
		})
	handle(a, operation{http.MethodPost, "/ledger", "add-ledger", "ledger.write", "ledger", "Add to the access ledger", http.StatusNoContent},
		func(ctx context.Context, _ caller, in *body[Batch]) (*nothing, error) {
			for i := range in.Body.Entries {
				if err := a.plausible(&in.Body.Entries[i]); err != nil {
					return nil, symbolon.Errorf(symbolon.Invalid, "entries[%d]: %s", i, err)
				}
			}
			return nil, a.Store.AddLedger(ctx, in.Body.Entries)
		})
}

// What a broker may report: it kept counting while the issuer was away, but not for ever, and
// its clock may be a little ahead.
const (
	oldest      = 31 * 24 * time.Hour
	ahead       = 5 * time.Minute
	maxCount    = 1 << 40
	maxWord     = 512 // bytes of one field
	maxNames    = 64  // policies of one entry
	everyEffect = "allow deny challenge"
)

func (a *Admin) plausible(e *symbolon.LedgerEntry) error {
	switch now := a.now(); {
	case !e.Hour.Equal(e.Hour.Truncate(time.Hour)):
		return errors.New("hour is not the start of an hour")
	case e.Hour.Before(now.Add(-oldest)) || e.Last.After(now.Add(ahead)):
		return errors.New("the time is not now, nor a while ago")
	case e.First.Before(e.Hour) || e.Last.Before(e.First) || !e.Last.Before(e.Hour.Add(time.Hour)):
		return errors.New("first and last are not within the hour")
	case e.Count < 1 || e.Count > maxCount:
		return errors.New("count is not a count")
	case !slices.Contains(strings.Fields(everyEffect), e.Effect):
		return errors.New("effect is none of " + everyEffect)
	case len(e.Policies) > maxNames:
		return errors.New("too many policies")
	}
	for _, word := range append([]string{e.Kind, e.Subject, e.Client, e.Resource, e.Action, e.Version, e.Reason, e.Request}, e.Policies...) {
		if len(word) > maxWord || strings.ContainsFunc(word, unicode.IsControl) {
			return errors.New("a field is too long or has control characters")
		}
	}
	return nil
}
