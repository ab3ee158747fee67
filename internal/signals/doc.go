// Package signals is the transmitter of OpenID Shared Signals Framework 1.0: it tells receivers,
// the product's own brokers among them, that trust was taken away.
//
// The event log is the queue. A stream is a cursor into it: a poll (RFC 8936) reads on from
// there, turns what concerns receivers into security event tokens (RFC 8417), and an
// acknowledgement moves the cursor. Nothing is copied, so every replica can answer every poll,
// and a receiver that was away finds all it missed. Laws:
//
//   - A stream belongs to the client that made it. To any other it does not exist.
//   - Delivery is at least once: what was not acknowledged comes again. A SET is named by its
//     event, so receivers can tell a repetition by its jti.
//   - One event, one SET, one entry in its "events" claim; never exp, never sub (SSF 1.0 §4).
//   - Every request is judged: bearer token for {issuer}/ssf, scope, and the policy action "signals".
//   - Which event becomes which SET stands in one table ([outward]).
//
// A poll with nothing to say is held until the log grows, for [Config.Hold] at most. Streams that
// nobody has polled for a day are removed by [Transmitter.Sweep].
package signals
