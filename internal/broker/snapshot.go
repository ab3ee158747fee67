package broker

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
)

const (
	snapshotTimeout  = 10 * time.Second
	snapshotInterval = time.Minute // looked at again although nothing was said
	minPause         = 100 * time.Millisecond
	maxPause         = 5 * time.Second
	maxSnapshot      = 64 << 20
)

// snapshotVersion keeps count of what was said about the snapshot and what of it was followed.
type snapshotVersion struct{ *versionState }

type versionState struct {
	bell chan struct{} // rung when a new one is wanted

	mu     sync.Mutex
	wanted uint64
	since  time.Time // the first want that is not followed
	loaded uint64
	floor  uint64 // a gap: nothing older than this may be used at all
}

func newSnapshotVersion() snapshotVersion {
	return snapshotVersion{&versionState{bell: make(chan struct{}, 1), wanted: 1, floor: 1}}
}

// want notes that the catalog has changed.
func (v *versionState) want(now time.Time) {
	v.mu.Lock()
	if v.loaded == v.wanted {
		v.since = now
	}
	v.wanted++
	v.mu.Unlock()
	v.ring()
}

// lose notes that it may have changed in any way.
func (v *versionState) lose(now time.Time) {
	v.want(now)
	v.mu.Lock()
	v.floor = v.wanted
	v.mu.Unlock()
}

func (v *versionState) ring() {
	select {
	case v.bell <- struct{}{}:
	default:
	}
}

func (v *versionState) target() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.wanted
}

// reach notes that a snapshot was fetched after so many wants, and reports whether any of them is
// new, and whether that is all.
func (v *versionState) reach(wants uint64, begun time.Time) (news, all bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	news = v.loaded < wants
	v.loaded = wants
	if v.loaded < v.wanted {
		v.since = begun
	}
	return news, v.loaded == v.wanted
}

func (v *versionState) current(now time.Time, staleness time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.loaded >= v.floor && (v.loaded == v.wanted || now.Sub(v.since) <= staleness)
}

// follow fetches the snapshot whenever a new one is wanted, until ctx ends.
func (b *Broker) follow(ctx context.Context) error {
	regular := time.NewTicker(snapshotInterval)
	defer regular.Stop()
	var tag string
	pause := minPause
	for {
		var again <-chan time.Time
		select {
		case <-ctx.Done():
			return nil
		case <-b.version.bell:
		case <-regular.C:
		}
		for {
			err := b.refresh(ctx, &tag)
			if err == nil {
				pause = minPause
				break
			}
			b.Log.WarnContext(ctx, "the snapshot cannot be fetched", "cause", err.Error())
			again = time.After(pause)
			pause = min(2*pause, maxPause)
			select {
			case <-ctx.Done():
				return nil
			case <-again:
			}
		}
	}
}

// refresh fetches the snapshot if it is another than the tag's, and puts it in force. What is
// open is then judged anew.
func (b *Broker) refresh(ctx context.Context, tag *string) error {
	wants, begun := b.version.target(), b.Clock()
	view, err := b.fetch(ctx, tag)
	if err != nil {
		return err
	}
	if view != nil {
		snapshot, err := catalog.Import(*view)
		if err != nil {
			*tag = ""
			return err
		}
		t := b.newTable(snapshot)
		b.table.Store(t)
		b.upstreams.keep(t)
	}
	news, all := b.version.reach(wants, begun)
	if !all {
		b.version.ring()
	}
	if news || view != nil {
		go b.rejudge(b.trust.open())
	}
	return nil
}

// fetch gets the view of the catalog, nil if it is still the tag's (RFC 9110 §13.1.2).
func (b *Broker) fetch(ctx context.Context, tag *string) (*catalog.View, error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.Issuer+"/admin/v1/snapshot", nil)
	if err != nil {
		return nil, err
	}
	if *tag != "" {
		req.Header.Set("If-None-Match", *tag)
	}
	res, err := b.callAdmin(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	switch res.StatusCode {
	case http.StatusNotModified:
		return nil, nil
	case http.StatusOK:
	default:
		return nil, symbolon.Errorf(symbolon.Unavailable, "the snapshot was answered with %d", res.StatusCode)
	}
	view := new(catalog.View)
	if err := json.NewDecoder(http.MaxBytesReader(nil, res.Body, maxSnapshot)).Decode(view); err != nil {
		return nil, err
	}
	if view.Issuer != b.Issuer {
		return nil, symbolon.Errorf(symbolon.Unavailable, "the snapshot is of another issuer")
	}
	*tag = res.Header.Get("ETag")
	return view, nil
}

// callAdmin sends a request to the admin API with the broker's own token.
func (b *Broker) callAdmin(req *http.Request) (*http.Response, error) {
	access, err := b.admin.Token(req.Context())
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+access.Reveal())
	req.Header.Set("Accept", "application/json")
	res, err := b.issuer.http.Do(req)
	if err == nil && res.StatusCode == http.StatusUnauthorized {
		b.admin.Forget(access)
	}
	return res, err
}
