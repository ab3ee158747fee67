// Package symbolon holds the nouns of the product: what exists, and what may change.
//
// Nothing here does I/O. Every room of the house speaks in these types, and four laws
// hold wherever they appear:
//
//   - Identifiers are typed, prefixed and random ([SessionID] "ses_…"). Those that an
//     operator declares ([ClientID], [ResourceID], [GroupID]) are the operator's words.
//   - A [Secret] does not print, marshal or compare with ==.
//   - Times are UTC with microsecond precision; whoever needs "now" is given a [Clock].
//   - State moves only by a [Change]. All changes of one transition, and the [Event]
//     that tells of them, commit together or not at all.
package symbolon
