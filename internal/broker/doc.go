// Package broker stands in front of applications and judges every request to them.
//
// It is an ordinary OAuth client and resource server: all it knows it has from the issuer's
// standard endpoints, over [Config.HTTP], whether the issuer runs in this process or far away.
//
// One request: path hygiene → is the feed fresh? → route by host and path → credential → what does
// the issuer say of it (cached) → policy "access" → only now the upstream's JWT (cached) and the
// first byte towards the upstream. Laws:
//
//   - Nothing is trusted by where it comes from. A path that two readers could read in two ways
//     is refused; a header that says who is asking is removed, however it is spelled.
//   - No connection to an upstream, not even a DNS question, before the permit.
//   - What is open hangs on the token that opened it ([trust]). A signal that takes the token
//     away cuts what is under way and stops what would begin; nothing falls between the two.
//   - A broker that has not heard of the issuer for [Config.Staleness] serves nobody and cuts
//     what is open: it cannot know what was withdrawn. Having lost signals, it forgets all it knew.
//   - A browser's cookie holds a token that was issued to this broker; one in the Authorization
//     header was issued to somebody else. Neither passes as the other, nor at another resource.
//   - A token for something else passes if it carries one for the route ([Broker.takeOut]). From there on
//     that one is what is judged, and all that the upstream is shown; it falls with what carried it.
//   - A token that is bound to a key or certificate passes only with the proof of it, made for this
//     very request to the address in the catalog, and never as a Bearer token ([proofs]). The binding
//     ends here: the upstream sees no proof.
//   - To whoever may not know, a resource that exists and one that does not give the same answer:
//     401 to the nameless and to those with a token for something else. The one exception is a
//     person's browser on its way to log in: it must be sent to the login, so the host name of an
//     app can be confirmed by opening it, as DNS and its certificate would tell anyway.
//   - The upstream sees the broker's word only: its own JWT, and what it asked to be told.
//   - Nothing on the request path waits for the ledger, the feed or a store.
package broker
