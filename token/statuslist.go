package token

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
)

const (
	// TypeStatusList is the typ of a signed list, and with "application/" before it its media type
	// (Token Status List §5.1, §14.7).
	TypeStatusList = "statuslist+jwt"

	// MaxStatusList is the size in bytes that a list may have when it is unpacked.
	MaxStatusList = 1 << 20
)

// StatusList says of many tokens whether they are valid, in one bit each (Token Status List §4): 0 is
// valid, 1 is invalid. In JSON it is {"bits":1,"lst":…}, packed by zlib.
type StatusList []byte

// NewStatusList makes a list for size tokens, a multiple of 8, that are all valid.
func NewStatusList(size int) StatusList { return make(StatusList, size/8) }

// Invalidate sets the bit of a token; the index must be within the list.
func (l StatusList) Invalidate(index int) { l[index/8] |= 1 << (index % 8) }

// Valid reports whether the list has the index and says that its token is valid.
func (l StatusList) Valid(index int) bool {
	return index >= 0 && index/8 < len(l) && l[index/8]&(1<<(index%8)) == 0
}

// packedList is Token Status List §4.2.
type packedList struct {
	Bits int    `json:"bits"`
	List string `json:"lst"`
}

// MarshalJSON packs the list.
func (l StatusList) MarshalJSON() ([]byte, error) {
	var packed bytes.Buffer
	w, err := zlib.NewWriterLevel(&packed, zlib.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(l); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return json.Marshal(packedList{1, base64.RawURLEncoding.EncodeToString(packed.Bytes())})
}

// UnmarshalJSON unpacks a list of one bit a token. The error is of kind Unauthenticated with code
// invalid_token.
func (l *StatusList) UnmarshalJSON(data []byte) error {
	var packed packedList
	if err := json.Unmarshal(data, &packed); err != nil || packed.Bits != 1 {
		return malformed("the status list is not one of single bits").Because(err)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(packed.List)
	if err != nil {
		return malformed("the status list is not base64url").Because(err)
	}
	r, err := zlib.NewReader(bytes.NewReader(raw))
	if err != nil {
		return malformed("the status list is not packed by zlib").Because(err)
	}
	list, err := io.ReadAll(io.LimitReader(r, MaxStatusList+1))
	if err != nil || len(list) > MaxStatusList {
		return malformed("the status list is broken or too long").Because(err)
	}
	*l = list
	return nil
}
