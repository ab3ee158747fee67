package token

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"
)

// S25: a key that can be factored signs nothing, whatever its length says.
func TestKeysOfTheWeakFormAreRefusedAndSoundOnesAreNot(t *testing.T) {
	product := big.NewInt(1)
	for _, p := range rocaPrimes {
		product.Mul(product, big.NewInt(p))
	}
	weak := func(a, k int64) *big.Int { // k·M + 65537^a mod M, as the faulty library made its primes
		residue := new(big.Int).Exp(big.NewInt(65537), big.NewInt(a), product)
		return residue.Add(residue, new(big.Int).Mul(product, big.NewInt(k)))
	}
	if !roca(new(big.Int).Mul(weak(1234567, 9876543210), weak(7654321, 1234567890))) {
		t.Error("a product of two primes of the weak form was not recognised")
	}
	for range 3 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if roca(key.N) {
			t.Error("a sound key was taken for a weak one")
		}
	}
}
