package event

import "symbolon.dev"

// Verify proves that events, in order, follow without gaps an entry whose chain value is
// previous (the zero Hash before the first), and that nothing in them was changed since.
func Verify(events []symbolon.Event, previous symbolon.Hash) error {
	for i, e := range events {
		if i > 0 && e.Seq != events[i-1].Seq+1 {
			return symbolon.Errorf(symbolon.Conflict, "the log misses what stood between %d and %d", events[i-1].Seq, e.Seq)
		}
		link, err := e.Link(previous)
		if err != nil {
			return symbolon.Errorf(symbolon.Conflict, "entry %d cannot be read", e.Seq).Because(err)
		}
		if link != e.Chain {
			return symbolon.Errorf(symbolon.Conflict, "entry %d, or the one before it, is not what was written", e.Seq)
		}
		previous = e.Chain
	}
	return nil
}
