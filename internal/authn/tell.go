package authn

import (
	"context"
	"math/bits"
	"time"

	"symbolon.dev"
)

const (
	tellWindow = 24 * time.Hour
	tellMost   = 4096 // failures counted in a window; by then a dozen events have been written
)

// tellFailure counts a failure of a method and writes login.failed at the first and then at
// powers of two: by person, and for nobody under one count for all. So nobody can fill the log.
// Its error is a private cause; the attempt has failed in any case.
func (c *core) tellFailure(ctx context.Context, from Caller, user *symbolon.User, method Method) error {
	now := c.clock()
	key, event := "failed/"+string(method), symbolon.Event{
		ID: symbolon.NewEventID(), At: now, Type: symbolon.LoginFailed, Actor: "anonymous", RequestID: from.RequestID, Reason: "unknown login",
	}
	if user != nil {
		key += "/" + string(user.ID)
		event.User, event.Reason = user.ID, "wrong "+string(method)
	}
	count, err := c.store.Attempts(ctx, key)
	if err != nil || count >= tellMost {
		return err
	}
	changes := []symbolon.Change{symbolon.Attempt{Key: key, At: now, Expires: now.Add(tellWindow)}}
	if count++; bits.OnesCount(uint(count)) == 1 {
		event.Data = map[string]any{"method": string(method), "failures": count}
		changes = append(changes, event)
	}
	return c.store.Commit(ctx, changes...)
}
