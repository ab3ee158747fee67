package broker

import (
	"context"
	"sync"
	"time"

	"symbolon.dev/verify"
)

const (
	watchEvery    = time.Second
	rejudgeAtOnce = 16 // flights judged anew at the same time
)

// hear does what a signal demands. It never waits for anything: the next signal may be the one
// that matters.
func (b *Broker) hear(s verify.Signal) {
	switch s.Type {
	case verify.CatalogChanged:
		b.version.want(b.Clock())
	case verify.KeyRotated:
		b.issuer.keys.Store(nil)
	case verify.SessionRevoked, verify.AccountDisabled, verify.AccountPurged, verify.TokenRevoked,
		verify.AuthorizationRevoked, verify.ClientDisabled:
		for _, f := range b.withdraw(s.Subject) {
			f.end(cutRevoked)
		}
	case verify.CredentialChange, verify.AssuranceLevelChange, verify.AccountEnabled:
		// None of these changes what an issued token says or may do.
	default:
		go b.rejudge(b.withdraw(s.Subject))
	}
}

// withdraw forgets what a signal is about, everything if it does not say, and gives what is open.
func (b *Broker) withdraw(about verify.SubjectID) []*flight {
	names := namesIn(about)
	if len(names) == 0 {
		flights := b.trust.withdraw(nil)
		go b.rejudge(flights)
		return nil
	}
	return b.trust.withdraw(names)
}

// lost: signals may have been missed. Nothing that was known counts any more; nobody is served
// until there is a snapshot that was fetched after this, and then what is open is judged anew.
func (b *Broker) lost() {
	b.trust.withdraw(nil)
	b.version.lose(b.Clock())
}

// rejudge judges flights anew, some at a time.
func (b *Broker) rejudge(flights []*flight) {
	var turn sync.WaitGroup
	free := make(chan struct{}, rejudgeAtOnce)
	for _, f := range flights {
		free <- struct{}{}
		turn.Go(func() {
			defer func() { <-free }()
			b.again(f)
		})
	}
	turn.Wait()
}

// watch cuts everything when the feed has gone stale: what is open might have been withdrawn.
func (b *Broker) watch(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			b.cutIfStale()
		}
	}
}

func (b *Broker) cutIfStale() {
	if b.fresh() {
		return
	}
	for _, f := range b.trust.open() {
		f.end(cutStale)
	}
}
