package admin

import (
	"context"
	"encoding/json"
	"net/http"

	"symbolon.dev"
)

const maxLedgerBatch = 10_000

type snapshotAnswer struct {
	Status int
	ETag   string `header:"ETag"`
	Body   json.RawMessage
}

// forBrokers mounts what a broker on another machine needs: the snapshot to decide on, and a
// place to count what it decided. Both are ordinary operations of an ordinary resource.
func (a *Admin) forBrokers() {
	handle(a, operation{http.MethodGet, "/snapshot", "get-snapshot", "snapshot.read", "snapshot", "Policies, resources and groups to decide on; no secrets", 0},
		func(_ context.Context, _ caller, in *struct {
			IfNoneMatch string `header:"If-None-Match"`
		}) (*snapshotAnswer, error) {
			current := a.Catalog.Current()
			tag := `"` + current.Version + `"`
			if in.IfNoneMatch == tag {
				return &snapshotAnswer{Status: http.StatusNotModified, ETag: tag}, nil
			}
			view, err := json.Marshal(current.Export())
			return &snapshotAnswer{Status: http.StatusOK, ETag: tag, Body: view}, err
		})
	handle(a, operation{http.MethodPost, "/ledger", "add-ledger", "ledger.write", "ledger", "Add to the access ledger", http.StatusNoContent},
		func(ctx context.Context, who caller, in *struct {
			Body struct {
				Entries []symbolon.LedgerEntry `json:"entries" maxItems:"10000"`
			}
		}) (*nothing, error) {
			return nil, a.Store.AddLedger(ctx, in.Body.Entries)
		})
}
