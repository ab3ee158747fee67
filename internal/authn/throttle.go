package authn

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"symbolon.dev"
)

// Failures of passwords are counted by login, whether it exists or not, and by the network that
// the attempt comes from. After freeFailures each further one makes the login wait, longer each
// time; after maxFailures in a row the password of a person is closed until they set a new one by
// an enrolment link (NIST SP 800-63B-4 §3.2.2). Counts live in the store: replicas share them.
const (
	freeFailures = 5
	maxFailures  = 100
	firstDelay   = time.Second
	maxDelay     = 15 * time.Minute

	recent  = 24 * time.Hour            // how long a failure makes a login wait
	forever = 10 * 365 * 24 * time.Hour // how long it counts towards maxFailures

	networkFailures = 50
	networkWindow   = 15 * time.Minute
)

// RetryAfter stands in the chain of a TooMany error when waiting this long helps.
type RetryAfter time.Duration

func (r RetryAfter) Error() string { return "retry after " + time.Duration(r).String() }

// Seconds rounds up, as the Retry-After header wants it (RFC 9110 §10.2.3).
func (r RetryAfter) Seconds() int64 { return int64((time.Duration(r) + time.Second - 1) / time.Second) }

// throttle is the counters that one password attempt touches.
type throttle struct {
	*core
	login   string        // failures of late
	total   string        // failures since the last success
	keep    time.Duration // of total: for a person without end, for nobody as long as login
	wait    string        // is there while the login must wait
	network string
}

// throttleOf names the counters. Keys are MACs: what people type as a login is personal, and at
// times it is their password.
func (c *core) throttleOf(login string, user *symbolon.User, from Caller) throttle {
	t := throttle{core: c, keep: recent, network: "network/" + c.hidden(networkOf(from.Address))}
	name := strings.ToLower(login)
	if user != nil {
		name, t.keep = string(user.ID), forever
	}
	name = c.hidden(name)
	t.login, t.total, t.wait = "password/"+name, "password-total/"+name, "password-wait/"+name
	return t
}

func (c *core) hidden(value string) string {
	sum := c.vault.MAC("attempts", []byte(value))
	return hex.EncodeToString(sum[:16])
}

// networkOf is what one subscriber usually has: an IPv4 address, an IPv6 /64.
func networkOf(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if network, err := a.Prefix(64); err == nil {
			return network.String()
		}
	}
	return a.String()
}

// enter lets an attempt through or refuses it. The attempt is counted as a failure before it is
// judged, and looked at again after: of many at once only the first few see a low count.
func (t throttle) enter(ctx context.Context) error {
	before, err := t.look(ctx)
	if err != nil {
		return err
	}
	if err := t.count(ctx, before); err != nil {
		return err
	}
	now, err := t.store.Attempts(ctx, t.login)
	if err != nil {
		return err
	}
	if now > max(before+1, freeFailures) {
		return tooMany(delayAfter(now))
	}
	return nil
}

// look refuses what must wait or is closed, and says how many failures there were of late.
func (t throttle) look(ctx context.Context) (failures int, err error) {
	var counts [4]int
	for i, key := range [...]string{t.login, t.wait, t.network, t.total} {
		if counts[i], err = t.store.Attempts(ctx, key); err != nil {
			return 0, err
		}
	}
	failures = counts[0]
	switch {
	case max(failures, counts[3]) >= maxFailures:
		return 0, symbolon.Errorf(symbolon.TooMany, "this password is closed after too many failures; use a passkey, or ask for a new enrolment link")
	case counts[1] > 0:
		return 0, tooMany(delayAfter(failures))
	case counts[2] >= networkFailures:
		return 0, tooMany(networkWindow)
	}
	return failures, nil
}

func (t throttle) count(ctx context.Context, before int) error {
	now := t.clock()
	changes := []symbolon.Change{
		symbolon.Attempt{Key: t.login, At: now, Expires: now.Add(recent)},
		symbolon.Attempt{Key: t.total, At: now, Expires: now.Add(t.keep)},
	}
	if delay := delayAfter(before + 1); delay > 0 {
		changes = append(changes, symbolon.Attempt{Key: t.wait, At: now, Expires: now.Add(delay)})
	}
	return t.store.Commit(ctx, changes...)
}

// fail counts against the network too. Only failures do: many people sign in from one address.
func (t throttle) fail(ctx context.Context) error {
	now := t.clock()
	return t.store.Commit(ctx, symbolon.Attempt{Key: t.network, At: now, Expires: now.Add(networkWindow)})
}

// forget is what a success does: the login's failures are gone, the network's stay, or one good
// account would buy any number of guesses at others.
func (t throttle) forget() []symbolon.Change {
	return []symbolon.Change{
		symbolon.ClearAttempts{Key: t.login}, symbolon.ClearAttempts{Key: t.total}, symbolon.ClearAttempts{Key: t.wait},
	}
}

func tooMany(delay time.Duration) error {
	return symbolon.Errorf(symbolon.TooMany, "too many failures; wait %s, or use a passkey", wordsFor(delay)).Because(RetryAfter(delay))
}

func wordsFor(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d seconds", int64(d/time.Second))
	}
	return fmt.Sprintf("%d minutes", int64((d+time.Minute-1)/time.Minute))
}

// delayAfter is how long a login waits after so many failures: nothing, then 1 s, doubling.
func delayAfter(failures int) time.Duration {
	if failures < freeFailures {
		return 0
	}
	return min(firstDelay<<min(failures-freeFailures, 20), maxDelay)
}
