// Package token makes and checks the formats that trust travels in.
//
// A JWT here is the compact JWS of RFC 7515 with the claims of RFC 7519 and the access-token
// profile of RFC 9068. An opaque token is a prefix, 256 random bits and a checksum; what it
// stands for lives at the issuer alone. Laws:
//
//   - A signature is checked with a key that the verifier already had. Nothing in a token can
//     bring, name or fetch one: jwk, jku, x5u and x5c are not read, crit and b64 are refused.
//   - The key decides the algorithm, from an allow-list of asymmetric ones (RFC 8725 §3.1).
//   - There is one way to write a token. Padding, line breaks, stray bits, JSON serialisations
//     and duplicate members are refused, so two readers never see two tokens in one string.
//   - [Verifier.Verify] judges the signature and every claim that says when, by whom and for
//     whom; what the bearer may do is for a policy. [Verifier.Payload] judges the signature
//     alone, for formats whose claims are of another kind (RFC 8417).
//   - A claim that the product knows cannot be overridden by an extra one.
package token
