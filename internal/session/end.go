package session

import (
	"context"
	"time"

	"symbolon.dev"
)

// endTries bounds how often sessions that end under our hands make EndAll look again.
const endTries = 4

// End ends a session: the end, a revocation mark under its id and session.ended in one commit.
// Actor is a user or client id, or "system"; reason is a few words for the audit. It is nil if
// the session had ended already, NotFound if there is none.
func (s *Sessions) End(ctx context.Context, id symbolon.SessionID, actor, reason, requestID string) error {
	found, err := s.store.Session(ctx, id)
	if err != nil {
		return err
	}
	if !found.Ended.IsZero() {
		return nil
	}
	held, err := s.store.AuthorizationsOf(ctx, found.User)
	if err != nil {
		return err
	}
	err = s.store.Commit(ctx, ending(found, held, s.clock(), actor, reason, requestID)...)
	if symbolon.IsKind(err, symbolon.Conflict) {
		return nil // somebody else ended it between the look and the commit
	}
	return err
}

// EndAll ends a person's live sessions but one (except may be ""), all in one commit, and says
// how many.
func (s *Sessions) EndAll(ctx context.Context, user symbolon.UserID, except symbolon.SessionID, actor, reason, requestID string) (int, error) {
	var err error
	for range endTries {
		var ended int
		ended, err = s.endAll(ctx, user, except, actor, reason, requestID)
		if !symbolon.IsKind(err, symbolon.Conflict) {
			return ended, err
		}
	}
	return 0, err
}

func (s *Sessions) endAll(ctx context.Context, user symbolon.UserID, except symbolon.SessionID, actor, reason, requestID string) (int, error) {
	live, err := s.Of(ctx, user)
	if err != nil {
		return 0, err
	}
	held, err := s.store.AuthorizationsOf(ctx, user)
	if err != nil {
		return 0, err
	}
	var changes []symbolon.Change
	ended, now := 0, s.clock()
	for i := range live {
		if live[i].ID != except {
			changes = append(changes, ending(&live[i], held, now, actor, reason, requestID)...)
			ended++
		}
	}
	if ended == 0 {
		return 0, nil
	}
	return ended, s.store.Commit(ctx, changes...)
}

// ending is the one transition that ends a session. The mark stays for as long as anything that
// hangs on the session could still be alive by itself.
func ending(found *symbolon.Session, held []symbolon.Authorization, now time.Time, actor, reason, requestID string) []symbolon.Change {
	until := later(found.Expires, now)
	for i := range held {
		if held[i].Session == found.ID {
			until = later(until, held[i].Expires)
		}
	}
	return []symbolon.Change{
		symbolon.EndSession{ID: found.ID, At: now},
		symbolon.Revoke{Revocation: symbolon.Revocation{Target: string(found.ID), Until: until.Add(markMargin)}},
		symbolon.Event{
			ID: symbolon.NewEventID(), At: now, Type: symbolon.SessionEnded, Actor: actor, User: found.User,
			Session: found.ID, Reason: reason, RequestID: requestID,
		},
	}
}

// markMargin covers clocks that differ and leeway that verifiers allow.
const markMargin = time.Hour

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
