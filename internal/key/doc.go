// Package key keeps the issuer's secrets: the vault that seals what is stored, and the ring of
// signing keys.
//
// One master key, from a file or the environment, is the root. [Vault] derives from it a key per
// purpose, so that nothing sealed for one purpose opens for another. The private signing keys lie
// sealed in the store that all replicas share.
//
// The life of a signing key is written down when it is made and then needs no further step:
//
//	Created ── published in the JWKS ──▶ Active ── signs ──▶ Retired ── only verifies ──▶ Expires
//
// Keys overlap: the successor is published [Options.Prepublish] before it signs, so that every
// resource server has fetched it, and the predecessor verifies for [Options.Overlap] after it
// has stopped, so that the last token that it signed can reach its end. Laws:
//
//   - A key has one algorithm for life.
//   - Each key has one successor. Replicas that race to make it are parted by a mark in the
//     store that only one of them can set; the loser loads what the winner made.
//   - A master key that does not open the stored keys is an error at start, never a new ring.
package key
