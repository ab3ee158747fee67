package token_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"symbolon.dev/token"
)

// S20: the example of Token Status List §4.1, 16 tokens in two bytes, the lowest bit first.
func TestStatusListOfTheStandard(t *testing.T) {
	var list token.StatusList
	if err := json.Unmarshal([]byte(`{"bits":1,"lst":"eNrbuRgAAhcBXQ"}`), &list); err != nil {
		t.Fatal(err)
	}
	made := token.NewStatusList(16)
	for index, bit := range []int{1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1} {
		if list.Valid(index) != (bit == 0) {
			t.Errorf("token %d is valid: %v", index, list.Valid(index))
		}
		if bit == 1 {
			made.Invalidate(index)
		}
	}
	if !bytes.Equal(list, made) || list.Valid(16) || list.Valid(-1) {
		t.Errorf("%x, made %x", list, made)
	}
	var back token.StatusList
	if text, err := json.Marshal(made); err != nil || json.Unmarshal(text, &back) != nil || !bytes.Equal(back, made) {
		t.Errorf("%s, %v: %x", text, err, back)
	}
}

// A list comes from outside: nothing that it packs makes the reader hold more than a list can be.
func TestStatusListsThatAreNone(t *testing.T) {
	var bomb bytes.Buffer
	w := zlib.NewWriter(&bomb)
	_, _ = w.Write(make([]byte, token.MaxStatusList+1))
	_ = w.Close()
	for name, text := range map[string]string{
		"two bits":   `{"bits":2,"lst":"eNrbuRgAAhcBXQ"}`,
		"no bits":    `{"lst":"eNrbuRgAAhcBXQ"}`,
		"padded":     `{"bits":1,"lst":"eNrbuRgAAhcBXQ=="}`,
		"not packed": `{"bits":1,"lst":"uaM"}`,
		"cut off":    `{"bits":1,"lst":"eNrbuRgA"}`,
		"too long":   fmt.Sprintf(`{"bits":1,"lst":%q}`, base64.RawURLEncoding.EncodeToString(bomb.Bytes())),
		"no object":  `[]`,
	} {
		var list token.StatusList
		if err := json.Unmarshal([]byte(text), &list); err == nil || list != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzStatusList(f *testing.F) {
	f.Add([]byte(`{"bits":1,"lst":"eNrbuRgAAhcBXQ"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var list token.StatusList
		if list.UnmarshalJSON(data) != nil {
			return
		}
		var back token.StatusList
		if text, err := json.Marshal(list); err != nil || back.UnmarshalJSON(text) != nil || !bytes.Equal(back, list) {
			t.Errorf("%x came back as %x, %v", list, back, err)
		}
	})
}
