package token

import "math/big"

// rocaPrimes are those below 170: enough that a sound modulus passes for a weak one with a
// chance of about one in a hundred million.
var rocaPrimes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
	103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// roca reports whether an RSA modulus has the form of CVE-2017-15361: primes made as
// k·M + (65537^a mod M), which can be factored. Such a modulus is a power of 65537 modulo every
// small prime; a sound one is not.
func roca(modulus *big.Int) bool {
	var rest, prime big.Int
	for _, p := range rocaPrimes {
		if !powerOf65537(rest.Mod(modulus, prime.SetInt64(p)).Int64(), p) {
			return false
		}
	}
	return true
}

func powerOf65537(wanted, p int64) bool {
	power := int64(1)
	for range p - 1 {
		if power == wanted {
			return true
		}
		power = power * 65537 % p
	}
	return false
}
