package client

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"sync"
	"time"

	strict "github.com/go-json-experiment/json"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Keys at an address are asked for again after minutes, so that one taken away is soon refused,
// and are trusted for an hour if the address does not answer.
var keysFresh = span{least: time.Minute, usual: 10 * time.Minute, most: time.Hour}

const (
	keysTrusted = time.Hour
	maxKeySet   = 256 << 10 // bytes
)

// keys is all that one JWKS can prove.
type keys struct {
	signing token.KeySet           // of clients and issuers
	svid    token.KeySet           // of a SPIFFE bundle, for JWT-SVIDs
	leaves  map[symbolon.Hash]bool // certificates given whole (x5c), by SHA-256
	anchors []*x509.Certificate    // of a SPIFFE bundle, for X.509-SVIDs
}

// parseKeys reads a JWKS; keys that are of no use here are left out.
func parseKeys(_ string, data []byte) (keys, error) {
	signing, err := token.ParseJWKS(data)
	if err != nil {
		return keys{}, err
	}
	svid, err := token.ParseBundle(data, "jwt-svid")
	if err != nil {
		return keys{}, err
	}
	k := keys{signing: signing, svid: svid, leaves: map[symbolon.Hash]bool{}}
	return k, k.takeCertificates(data)
}

// takeCertificates reads the x5c members (RFC 7517 §4.7).
func (k *keys) takeCertificates(data []byte) error {
	var set struct {
		Keys []struct {
			Use string   `json:"use"`
			X5C []string `json:"x5c"`
		} `json:"keys"`
	}
	if err := strict.Unmarshal(data, &set); err != nil {
		return err
	}
	for _, one := range set.Keys {
		if len(one.X5C) == 0 {
			continue
		}
		der, err := base64.StdEncoding.Strict().DecodeString(one.X5C[0])
		if err != nil {
			return errors.New("an x5c is not base64")
		}
		if one.Use != "x509-svid" {
			k.leaves[thumbprint(der)] = true
		} else if anchor, err := x509.ParseCertificate(der); err == nil {
			k.anchors = append(k.anchors, anchor)
		}
	}
	return nil
}

// declaredKeys remembers what declared documents parse to; the text itself is the key, so a
// changed declaration is read anew.
type declaredKeys struct {
	mu    sync.RWMutex
	known map[string]keys
}

func (d *declaredKeys) parse(text json.RawMessage) (keys, error) {
	d.mu.RLock()
	k, ok := d.known[string(text)]
	d.mu.RUnlock()
	if ok {
		return k, nil
	}
	k, err := parseKeys("", text)
	if err != nil {
		return k, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= maxKept {
		d.known = map[string]keys{}
	}
	d.known[string(text)] = k
	return k, nil
}

var errNoKeys = errors.New("no keys are registered")

// keysAt gives the keys that are declared, or those at an address.
func (a *Authenticator) keysAt(ctx context.Context, declared json.RawMessage, address string, lacks func(keys) bool) (keys, error) {
	switch {
	case len(declared) > 0:
		return a.declared.parse(declared)
	case address != "":
		return a.remoteKeys.get(ctx, address, lacks)
	}
	return keys{}, errNoKeys
}

// pick says which set of a JWKS may sign.
type pick func(keys) token.KeySet

func signing(k keys) token.KeySet { return k.signing }
func svid(k keys) token.KeySet    { return k.svid }

// source is a [token.KeySource] over keysAt. A key id that is missing sends us to the address again.
func (a *Authenticator) source(ctx context.Context, declared json.RawMessage, address string, from pick) token.KeySource {
	return token.KeyFunc(func(kid, alg string) (crypto.PublicKey, error) {
		found, err := a.keysAt(ctx, declared, address, func(k keys) bool {
			_, err := from(k).Key(kid, alg)
			return err != nil
		})
		if err != nil {
			return nil, err
		}
		return from(found).Key(kid, alg)
	})
}

func thumbprint(der []byte) symbolon.Hash { return sha256.Sum256(der) }
