package key

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"

	"symbolon.dev"
)

// minMaster is the length below which a master key cannot hold 128 bits in any usual writing.
const minMaster = 32

// The first byte of everything sealed.
const versionXAES = 1

const nonceSize = 24

// Vault seals and authenticates under keys derived from the master key, one per purpose. A
// purpose is a constant of the code, never input. It is safe for concurrent use.
type Vault struct {
	master []byte
	seals  sync.Map // purpose → *xaes
	macs   sync.Map // purpose → []byte
}

// NewMaster makes a master key: 256 random bits in base64url.
func NewMaster() symbolon.Secret {
	var entropy [32]byte
	_, _ = rand.Read(entropy[:]) // never fails: crypto/rand aborts the program instead
	return symbolon.NewSecret(base64.RawURLEncoding.EncodeToString(entropy[:]))
}

// NewVault refuses a master key of fewer than 32 characters with kind Invalid. The key must
// come of [NewMaster] or have as much entropy; a passphrase has not.
func NewVault(master symbolon.Secret) (*Vault, error) {
	if len(master.Reveal()) < minMaster {
		return nil, symbolon.Errorf(symbolon.Invalid, "the master key needs at least %d characters of random text", minMaster)
	}
	extracted, err := hkdf.Extract(sha256.New, []byte(master.Reveal()), []byte("symbolon.dev/vault/1"))
	if err != nil {
		return nil, err
	}
	return &Vault{master: extracted}, nil
}

func (v *Vault) derive(use, purpose string) []byte {
	derived, err := hkdf.Expand(sha256.New, v.master, use+"/"+purpose, 32)
	if err != nil {
		panic(err) // only a length over 8160 bytes fails
	}
	return derived
}

// Seal encrypts and authenticates plain, and authenticates aad, which must be given again to
// open. Nonces are random; XAES-256-GCM leaves room for 2^80 messages per purpose.
func (v *Vault) Seal(purpose string, plain, aad []byte) []byte {
	sealed := make([]byte, 1+nonceSize, 1+nonceSize+len(plain)+16)
	sealed[0] = versionXAES
	_, _ = rand.Read(sealed[1:])
	return v.sealer(purpose).seal(sealed, sealed[1:], plain, aad)
}

// Open undoes Seal. Whatever is wrong, the error is of kind Invalid and says no more.
func (v *Vault) Open(purpose string, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < 1+nonceSize || sealed[0] != versionXAES {
		return nil, symbolon.Errorf(symbolon.Invalid, "the sealed data is damaged or was sealed with another key")
	}
	plain, err := v.sealer(purpose).open(sealed[1:1+nonceSize], sealed[1+nonceSize:], aad)
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "the sealed data is damaged or was sealed with another key").Because(err)
	}
	return plain, nil
}

func (v *Vault) sealer(purpose string) *xaes {
	if known, ok := v.seals.Load(purpose); ok {
		return known.(*xaes)
	}
	made, _ := v.seals.LoadOrStore(purpose, newXAES(v.derive("seal", purpose)))
	return made.(*xaes)
}

// MAC is HMAC-SHA256 over the parts, each with its length before it, so that no two lists of
// parts have one MAC.
func (v *Vault) MAC(purpose string, parts ...[]byte) symbolon.Hash {
	derived, ok := v.macs.Load(purpose)
	if !ok {
		derived, _ = v.macs.LoadOrStore(purpose, v.derive("mac", purpose))
	}
	mac := hmac.New(sha256.New, derived.([]byte))
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		mac.Write(length[:])
		mac.Write(part)
	}
	return symbolon.Hash(mac.Sum(nil))
}

// xaes is XAES-256-GCM of C2SP: a key for AES-256-GCM is derived by AES-CMAC from the first half
// of a 192-bit nonce, the second half is the nonce under it.
type xaes struct {
	block cipher.Block
	k1    [aes.BlockSize]byte
}

func newXAES(key []byte) *xaes {
	x := &xaes{block: mustAES(key)}
	x.block.Encrypt(x.k1[:], x.k1[:])
	var carry byte
	for i := len(x.k1) - 1; i >= 0; i-- {
		x.k1[i], carry = x.k1[i]<<1|carry, x.k1[i]>>7
	}
	x.k1[len(x.k1)-1] ^= carry * 0x87
	return x
}

func (x *xaes) gcm(nonce []byte) cipher.AEAD {
	var key [2 * aes.BlockSize]byte
	for i := range 2 {
		half := key[i*aes.BlockSize : (i+1)*aes.BlockSize]
		half[1], half[2] = byte(i+1), 'X'
		copy(half[4:], nonce[:12])
		for j := range half {
			half[j] ^= x.k1[j]
		}
		x.block.Encrypt(half, half)
	}
	aead, err := cipher.NewGCM(mustAES(key[:]))
	if err != nil {
		panic(err) // only a block size other than 16 fails
	}
	return aead
}

func (x *xaes) seal(to, nonce, plain, aad []byte) []byte {
	return x.gcm(nonce).Seal(to, nonce[12:], plain, aad)
}

func (x *xaes) open(nonce, sealed, aad []byte) ([]byte, error) {
	return x.gcm(nonce).Open(nil, nonce[12:], sealed, aad)
}

func mustAES(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only a key length other than 32 fails
	}
	return block
}
