package issuer

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"maps"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// idTokenLifetime is how long a client may take to look at an ID token; it is no session.
const idTokenLifetime = 10 * time.Minute

// IDToken tells a client that a person has logged in, and how (OpenID Connect Core 1.0 §2). Who
// the person is beyond sub, the client learns at userinfo by the scopes it was given (§5.4).
type IDToken struct {
	Client        *symbolon.Client
	Authorization *symbolon.Authorization
	Nonce         string          // of the authorization request; "" = it had none
	AccessToken   symbolon.Secret // issued along with it; zero = none
	Claims        map[string]any  // about the person, that were asked for by name; never changed
}

// IDToken makes the ID token, signed as the client is registered for.
func (i *Issuer) IDToken(t IDToken) (string, error) {
	alg := t.Client.IDTokenAlg
	if alg == "" {
		alg = token.ES256
	}
	signer, err := i.Keys.Signer(alg)
	if err != nil {
		return "", err
	}
	now, given := i.Clock(), t.Authorization
	claims := &token.Claims{
		Issuer: i.Issuer, Subject: i.SubjectFor(t.Client, given.User), Audience: []string{string(t.Client.ID)},
		IssuedAt: now.Truncate(time.Second), Expires: now.Add(idTokenLifetime).Truncate(time.Second),
		AuthTime: given.AuthTime, Nonce: t.Nonce, ACR: string(given.ACR), AMR: given.AMR, SessionID: i.SessionFor(t.Client, given.Session),
	}
	claims.Extra = maps.Clone(t.Claims)
	if !t.AccessToken.Empty() {
		setExtra(claims, "at_hash", halfHash(alg, t.AccessToken.Reveal()))
	}
	return token.Sign(signer, token.TypeIDToken, claims)
}

// halfHash is the left half of the hash that goes with alg (OpenID Connect Core 1.0 §3.1.3.6).
// Ed25519 goes with SHA-512.
func halfHash(alg, value string) string {
	var sum []byte
	switch alg {
	case token.ES384:
		full := sha512.Sum384([]byte(value))
		sum = full[:]
	case token.EdDSA:
		full := sha512.Sum512([]byte(value))
		sum = full[:]
	default:
		full := sha256.Sum256([]byte(value))
		sum = full[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// UserInfo is what a client may know of a person by its scopes (OpenID Connect Core 1.0 §5.1,
// §5.4); sub is always among it. What is not known is left out.
func UserInfo(user *symbolon.User, scopes []string) map[string]any {
	info := map[string]any{"sub": string(user.ID)}
	set := func(name, value string) {
		if value != "" {
			info[name] = value
		}
	}
	if slices.Contains(scopes, "profile") {
		set("name", user.Name)
		set(claimUsername, user.Login)
		if !user.Updated.IsZero() {
			info["updated_at"] = user.Updated.Unix()
		}
	}
	if slices.Contains(scopes, "email") && user.Email != "" {
		info["email"], info["email_verified"] = user.Email, false // nobody has verified it
	}
	return info
}
