package token

import (
	"crypto/rand"
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"strings"

	"symbolon.dev"
)

// Prefixes of what the product makes, so that a scanner for leaked secrets can tell them.
const (
	PrefixAccess  = "syma_" // access token
	PrefixRefresh = "symr_" // refresh token
	PrefixCode    = "symc_" // authorization code
	PrefixSession = "syms_" // session cookie
	PrefixSecret  = "symk_" // client secret
	PrefixTicket  = "symx_" // enrolment link and other tickets

	PrefixRegistration = "symm_" // registration access token (RFC 7592)
)

const (
	digits       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	entropyChars = 43 // 62^43 > 2^256
	sumChars     = 6  // 62^6 > 2^32
)

// NewOpaque makes a token of 256 random bits: prefix, 43 characters of base62, and 6 more of a
// CRC-32 over what stands before.
func NewOpaque(prefix string) symbolon.Secret {
	var entropy symbolon.Hash
	_, _ = rand.Read(entropy[:]) // never fails: crypto/rand aborts the program instead
	return OpaqueFrom(prefix, entropy)
}

// OpaqueFrom writes 256 bits that somebody else made as an opaque token. They must be as hard to
// guess as random ones, such as a MAC under a secret key.
func OpaqueFrom(prefix string, entropy symbolon.Hash) symbolon.Secret {
	b := make([]byte, 0, len(prefix)+entropyChars+sumChars)
	b = appendBase62(append(b, prefix...), entropy)
	b = appendSum(b, crc32.ChecksumIEEE(b))
	return symbolon.NewSecret(string(b))
}

// CheckOpaque reports whether s could have been made by [NewOpaque], and its prefix. It saves a
// look-up for what was mistyped, cut off or made up; it proves nothing.
func CheckOpaque(s string) (prefix string, ok bool) {
	cut := strings.IndexByte(s, '_') + 1
	if cut < 2 || len(s) != cut+entropyChars+sumChars {
		return "", false
	}
	for i := range len(s) - cut {
		if !base62(s[cut+i]) {
			return "", false
		}
	}
	body := len(s) - sumChars
	var sum [sumChars]byte
	if string(appendSum(sum[:0], crc32.ChecksumIEEE([]byte(s[:body])))) != s[body:] {
		return "", false
	}
	return s[:cut], true
}

func base62(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// appendBase62 writes n as 43 digits, dividing by 62^10 so that ten come at a time.
func appendBase62(b []byte, entropy symbolon.Hash) []byte {
	const chunk, chunkChars = 839299365868340224, 10 // 62^10
	var n [4]uint64
	for i := range n {
		n[i] = binary.BigEndian.Uint64(entropy[8*i:])
	}
	start := len(b)
	b = append(b, make([]byte, entropyChars)...)
	for at := len(b); at > start; {
		var rest uint64
		for i := range n {
			n[i], rest = bits.Div64(rest, n[i], chunk)
		}
		for i := 0; i < chunkChars && at > start; i++ {
			at--
			b[at] = digits[rest%62]
			rest /= 62
		}
	}
	return b
}

func appendSum(b []byte, sum uint32) []byte {
	var out [sumChars]byte
	for i := range out {
		out[sumChars-1-i] = digits[sum%62]
		sum /= 62
	}
	return append(b, out[:]...)
}
