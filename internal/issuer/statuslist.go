package issuer

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"math/big"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Token Status Lists tell offline verifiers which JWTs of ours still stand. Laws:
//
//   - A list's name is random and belongs to the process that made it. Nobody else gives its places,
//     so replicas need not agree, and a process that starts anew begins a new list.
//   - Places are given in random order: an index says nothing of when a token was issued.
//   - A bit is not stored. It follows from the revocations and from what the token hangs on, just as
//     introspection does, so whatever revokes a token sets it.
//   - A list is signed anew as soon as something has been revoked, a key of ours too, and each minute.
//   - Places are swept when their tokens have ended; a list without any does not exist.
const (
	StatusPath = "/status/" // under the issuer, followed by a list's name

	// StatusTTL is how long a verifier may keep a list (ttl, Token Status List §5.1).
	StatusTTL = time.Minute

	statusSize   = 1 << 16
	statusExpiry = 5 * time.Minute // when the signed list ends
	statusKept   = 256             // signed lists in memory
	statusName   = 16              // random bytes of a list's name
)

// places are those of the list that this process fills.
type places struct {
	mu   sync.Mutex // guards what follows
	list string
	free []uint16
}

// take gives a random free place.
func (p *places) take() (list string, index int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		if err := p.begin(); err != nil {
			return "", 0, err
		}
	}
	n, err := rand.Int(rand.Reader, big.NewInt(int64(len(p.free))))
	if err != nil {
		return "", 0, err
	}
	last, at := len(p.free)-1, int(n.Int64())
	taken := p.free[at]
	p.free[at] = p.free[last]
	p.free = p.free[:last]
	return p.list, int(taken), nil
}

func (p *places) begin() error {
	name := make([]byte, statusName)
	if _, err := rand.Read(name); err != nil {
		return err
	}
	p.list, p.free = base64.RawURLEncoding.EncodeToString(name), make([]uint16, statusSize)
	for n := range p.free {
		p.free[n] = uint16(n)
	}
	return nil
}

// enlist gives a JWT its place, if its resource's rule wants one, and tells it in the claim "status"
// (Token Status List §6.1). The caller commits the change with the token.
func (i *Issuer) enlist(rule *symbolon.TokenRule, claims *token.Claims) ([]symbolon.Change, error) {
	if !rule.Status {
		return nil, nil
	}
	list, index, err := i.statuses.places.take()
	if err != nil {
		return nil, err
	}
	setExtra(claims, claimStatus, map[string]any{"status_list": map[string]any{"idx": int64(index), "uri": i.Issuer + StatusPath + list}})
	o := hung(claims, claims.IssuedAt)
	return []symbolon.Change{symbolon.ListStatus{Status: symbolon.Status{
		Token: symbolon.TokenID(claims.ID), List: list, Index: index, Issued: o.issued, Expires: claims.Expires, Targets: o.targets,
	}}}, nil
}

// statuses are the lists: the one that is filled, and those that were signed of late.
type statuses struct {
	places places
	signed *otter.Cache[string, *signedList]
	making singleflight.Group
}

type signedList struct {
	compact string
	key     string // that signed it
	version int64
	until   time.Time
}

func newStatuses() (*statuses, error) {
	signed, err := otter.New(&otter.Options[string, *signedList]{MaximumSize: statusKept})
	return &statuses{signed: signed}, err
}

// StatusList gives the signed list of a name. The error is of kind NotFound if it has no place that counts.
func (i *Issuer) StatusList(ctx context.Context, name string) (string, error) {
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(name); err != nil || len(raw) != statusName {
		return "", noList()
	}
	version, err := i.revocationsNow(ctx)
	if err != nil {
		return "", err
	}
	if kept, ok := i.statuses.signed.GetIfPresent(name); ok && kept.version == version && i.Clock().Before(kept.until) && i.trusted(kept.key) {
		return kept.compact, nil
	}
	made, err, _ := i.statuses.making.Do(name, func() (any, error) { return i.signList(context.WithoutCancel(ctx), name) })
	if err != nil {
		return "", err
	}
	list := made.(*signedList)
	if list.version < version { // it was under way before the last revocation
		if list, err = i.signList(ctx, name); err != nil {
			return "", err
		}
	}
	return list.compact, nil
}

func (i *Issuer) trusted(key string) bool {
	_, err := i.Keys.Key(key, token.ES256)
	return err == nil
}

func noList() error {
	return symbolon.Errorf(symbolon.NotFound, "there is no such status list")
}

// revocationsNow grows whenever something has been revoked.
func (i *Issuer) revocationsNow(ctx context.Context) (int64, error) {
	if i.Shared {
		return i.Store.EventHead(ctx)
	}
	return i.marks.version(), nil
}

// signedStatusList is the payload of Token Status List §5.1.
type signedStatusList struct {
	Issuer   string           `json:"iss"`
	Subject  string           `json:"sub"`
	IssuedAt int64            `json:"iat"`
	Expires  int64            `json:"exp"`
	TTL      int64            `json:"ttl"`
	List     token.StatusList `json:"status_list"`
}

// signList makes a list anew. The version is looked at first, so that nothing revoked meanwhile is lost.
func (i *Issuer) signList(ctx context.Context, name string) (*signedList, error) {
	version, err := i.revocationsNow(ctx)
	if err != nil {
		return nil, err
	}
	bits, err := i.statusBits(ctx, name)
	if err != nil {
		return nil, err
	}
	signer, err := i.Keys.Signer(token.ES256)
	if err != nil {
		return nil, err
	}
	now := i.Clock()
	compact, err := token.Sign(signer, token.TypeStatusList, signedStatusList{
		Issuer: i.Issuer, Subject: i.Issuer + StatusPath + name, IssuedAt: now.Unix(), Expires: now.Add(statusExpiry).Unix(),
		TTL: int64(StatusTTL / time.Second), List: bits})
	if err != nil {
		return nil, err
	}
	made := &signedList{compact, signer.KeyID(), version, now.Add(StatusTTL)}
	i.statuses.signed.Set(name, made)
	return made, nil
}

func (i *Issuer) statusBits(ctx context.Context, name string) (token.StatusList, error) {
	given, err := i.Store.Statuses(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(given) == 0 {
		return nil, noList()
	}
	standing := i.marks
	if i.Shared {
		if standing, err = i.allMarks(ctx); err != nil {
			return nil, err
		}
	}
	bits := token.NewStatusList(statusSize)
	for _, place := range given {
		if place.Index >= 0 && place.Index < statusSize && standing.cover(place.Issued, place.Targets) {
			bits.Invalidate(place.Index)
		}
	}
	return bits, nil
}

// allMarks reads what is revoked at this moment at any replica.
func (i *Issuer) allMarks(ctx context.Context) (*marks, error) {
	all, err := i.Store.AllRevocations(ctx)
	if err != nil {
		return nil, err
	}
	now := newMarks(i.Clock)
	for _, r := range all {
		now.add(r)
	}
	return now, nil
}
