// Package verify is what a resource server needs to trust nobody: it checks the token of every
// request, hears at once when trust is withdrawn, and gets tokens of its own.
//
//	feed, err := verify.NewReceiver(verify.ReceiverOptions{Issuer: issuer, Tokens: feedTokens})
//	go feed.Run(ctx)
//	v, err := verify.New(verify.Options{
//		Issuer: issuer, Audience: "https://orders.example",
//		ClientID: "orders", ClientSecret: secret, // to introspect opaque tokens
//		Receiver: feed,                           // to refuse what was revoked
//	})
//	mux.Handle("GET /orders", v.Middleware("orders.read")(handler))
//	claims, ok := verify.FromContext(r.Context()) // in the handler
//
// A JWT is checked here, with the issuer's published keys (RFC 9068). An opaque token is
// introspected (RFC 7662), and the answer is kept until it ends, grows old or a signal takes
// it away. Laws:
//
//   - What cannot be decided is refused: no keys, no issuer, a feed that has been silent for
//     longer than its staleness limit. Such refusals are of kind Unavailable, not Unauthenticated.
//   - A token for another audience, of another issuer, or from a presenter that is not on the
//     list is refused, whatever else it says.
//   - A token that is bound to a key or certificate is never taken as a bearer token. The proof of
//     the key names the address that is configured, not the one that the request claims, and passes once.
//   - A signal that arrives while an introspection is under way wins over its answer.
//   - Credentials and tokens go over TLS, or to a loopback name. No redirect is followed.
package verify
