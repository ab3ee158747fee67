// Package store keeps the record: SQLite for one machine, PostgreSQL for several.
//
// Its laws:
//
//   - [DB.Commit] is the only writer of state. Its changes happen together, in order, or not at
//     all, and when it returns nil they survive the loss of the process and of the power.
//   - Its answer is exact. An error means that nothing happened, except "outcome_unknown" of kind
//     Unavailable: the connection to PostgreSQL was lost while it committed.
//   - Whatever can be used once is used once, by all replicas together.
//   - Events are numbered without gaps in the order in which they become visible, each linked
//     to the one before. A reader that follows the numbers misses nothing.
//   - What is read after a Commit has returned sees that Commit, at every replica.
//   - A missing thing is a [symbolon.Error] of kind NotFound. Sealed data is bytes to the store.
//
// The flow of a write: the caller turns its changes into [statement]s (one file for each family
// of tables), puts them into a lane's queue and waits. The lane takes whatever is queued,
// runs it in one transaction and waits once for the disk (group commit). A statement says
// how many rows it must touch; if one misses, the transaction is undone and each Commit in it
// is tried again by itself behind a savepoint, so that only those fail that must.
//
// SQLite has one lane: it has one writer anyway. PostgreSQL has two, so that tokens need not
// wait for the head of the event log, which one replica at a time may hold. SQL text is the
// same for both; migrations and the two files that implement [engine] are what differs.
package store
