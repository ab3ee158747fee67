package key

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// The vectors of the C2SP specification of XAES-256-GCM.
func TestXAESVectors(t *testing.T) {
	nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
	plain := []byte("XAES-256-GCM")
	for _, v := range []struct {
		key       byte
		aad, want string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		x := newXAES(bytes.Repeat([]byte{v.key}, 32))
		got := x.seal(nil, nonce, plain, []byte(v.aad))
		if hex.EncodeToString(got) != v.want {
			t.Errorf("key %d: %x, want %s", v.key, got, v.want)
		}
		if opened, err := x.open(nonce, got, []byte(v.aad)); err != nil || !bytes.Equal(opened, plain) {
			t.Errorf("key %d: opened %q, %v", v.key, opened, err)
		}
	}
}
