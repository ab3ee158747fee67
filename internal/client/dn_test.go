package client

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// RFC 4514 §2, §3
func TestDistinguishedNames(t *testing.T) {
	name := pkix.Name{CommonName: "a+b,c \"d\" #é ", Organization: []string{"Bank"}, Country: []string{"CH"}}
	raw, err := asn1.Marshal(name.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`CN=a\+b\,c \"d\" \#é\ ,O=Bank,C=CH`:                    true,
		`cn = a\2Bb\2cc \22d\22 \23\c3\a9\20 , o = Bank , c=CH`: true,
		`OID.2.5.4.3=a\+b\,c \"d\" \#é\ ,O=Bank,C=CH`:           true,
		`C=CH,O=Bank,CN=a\+b\,c \"d\" \#é\ `:                    false,
		`CN=a\+b\,c \"d\" \#é,O=Bank,C=CH`:                      false,
		`CN=a\+b\,c \"d\" \#é\ ,O=bank,C=CH`:                    false,
		`CN=a\+b\,c \"d\" \#é\ ,O=Bank`:                         false,
		`CN=a\+b\,c \"d\" \#é\ +O=Bank,C=CH`:                    false,
		``:                                                      false, `CN`: false, `CN=`: false, `CN=x,`: false, `XY=x`: false, `1=x`: false, `CN=\`: false, `CN=\zz`: false, `CN=a;b`: false, `CN=<x>`: false,
	} {
		if got := sameDN(text, raw); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if sameDN("CN=x", nil) || sameDN("CN=x", append(raw, 0)) {
		t.Error("broken subjects have no name")
	}
}

func FuzzDN(f *testing.F) {
	f.Add(`CN=a\+b,O=x+OU=y,2.5.4.3=\c3\a9`)
	f.Add(`CN=#0401,=`)
	f.Fuzz(func(t *testing.T, text string) {
		names, err := parseDN(text)
		if err != nil {
			return
		}
		for _, set := range names {
			for _, one := range set {
				if one.value == "" || !dotted(one.oid) {
					t.Fatalf("%q: %+v", text, one)
				}
			}
		}
	})
}
