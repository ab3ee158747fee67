package token

import (
	"sync"
	"time"

	"symbolon.dev"
)

// Replays remembers, in this process, the proofs that were used at a server without a store. Each
// proof passes once here. Another replica of the server has a memory of its own, so with n of them
// a proof that somebody caught, together with its access token, could pass n times, for the same
// method and address, until it is a minute old. Nothing is forgotten before its time: a memory
// that is full refuses.
type Replays struct {
	clock  symbolon.Clock
	shards [16]replayShard
}

type replayShard struct {
	sync.Mutex
	young, old map[replayKey]struct{} // of this turn, and of the one before
	turn       time.Time              // the end of this one
}

type replayKey [16]byte

const (
	replayTurn  = ProofAge + ProofAhead // the longest that a proof can be good for from when it is first seen
	maxPerShard = 1 << 16               // a million in all, 50 MB
)

// NewReplays makes an empty memory.
func NewReplays(clock symbolon.Clock) *Replays { return &Replays{clock: clock} }

// Once is nil the first time that it is given a proof. Errors: Unauthenticated with
// invalid_dpop_proof for a replay, Unavailable if nothing more can be remembered.
func (r *Replays) Once(p *Proof) error {
	s, key := &r.shards[p.Key[len(p.Key)-1]%16], replayKey(p.Key[:len(replayKey{})])
	s.Lock()
	defer s.Unlock()
	s.advance(r.clock())
	if _, seen := s.young[key]; seen {
		return Replayed()
	}
	if _, seen := s.old[key]; seen {
		return Replayed()
	}
	if len(s.young)+len(s.old) >= maxPerShard {
		return symbolon.Errorf(symbolon.Unavailable, "there are more proofs than can be remembered; try again in a minute")
	}
	s.young[key] = struct{}{}
	return nil
}

// advance begins a new turn when it is time, so that what is forgotten is a turn old at least.
func (s *replayShard) advance(now time.Time) {
	switch {
	case now.Before(s.turn):
		return
	case now.Before(s.turn.Add(replayTurn)):
		s.old = s.young
	default:
		s.old = nil
	}
	s.young, s.turn = map[replayKey]struct{}{}, now.Add(replayTurn)
}

// Replayed is the refusal of a proof that was used before, for memories of any kind.
func Replayed() *symbolon.Error { return badProof("the proof was used before") }
