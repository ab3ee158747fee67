package profile

import (
	"reflect"
	"slices"
	"testing"

	"symbolon.dev"
)

// S14: the FAPI 2.0 Security Profile, final, §5.3.2, line by line; Message Signing, final, §5.
func TestTheTableSaysWhatTheStandardsSay(t *testing.T) {
	security, signing := Of(&symbolon.Client{ClientRequests: symbolon.ClientRequests{Profile: FAPI2}}), Of(&symbolon.Client{ClientRequests: symbolon.ClientRequests{Profile: Signing}})
	for _, r := range []Rules{security, signing} {
		if !r.Pushed || !r.Challenge || !r.Confidential || !r.Bound || !r.KeepRefresh || !r.IssuerAudience || r.CodeLife.Seconds() != 60 {
			t.Fatalf("%+v", r)
		}
		for method, may := range map[string]bool{"private_key_jwt": true, "tls_client_auth": true, "self_signed_tls_client_auth": true,
			"none": false, "client_secret_basic": false, "client_secret_post": false, "client_secret_jwt": false, "": false} {
			if r.TakesMethod(method) != may {
				t.Error(method)
			}
		}
		for alg, may := range map[string]bool{"PS256": true, "ES256": true, "EdDSA": true, "RS256": false, "none": false, "HS256": false} {
			if r.Takes(alg) != may {
				t.Error(alg)
			}
		}
	}
	if security.SignedRequest || security.SignedResponse || !signing.SignedRequest || !signing.SignedResponse || !signing.SignedIntrospection || signing.RequestLife.Minutes() != 60 {
		t.Fatalf("%+v", signing)
	}
}

func TestNothingLoosens(t *testing.T) {
	base := reflect.ValueOf(Of(&symbolon.Client{}))
	if !base.IsZero() {
		t.Fatal("the baseline is what holds for everybody")
	}
	for _, name := range append(Names(), "unknown") {
		plain := symbolon.Client{ClientRequests: symbolon.ClientRequests{Profile: name}}
		more := plain
		more.RequirePushed, more.RequireSignedRequest, more.DPoPBound = true, true, true
		r := Of(&more)
		if !r.Pushed || !r.SignedRequest || !r.Bound {
			t.Error(name)
		}
	}
	if odd := Of(&symbolon.Client{ClientRequests: symbolon.ClientRequests{Profile: "fapi3"}}); !odd.Pushed || !odd.SignedRequest || !odd.Confidential {
		t.Error("a profile that is not known must not mean none")
	}
	if got := Of(&symbolon.Client{ClientRequests: symbolon.ClientRequests{Profile: FAPI2}}).Allowed([]string{"RS256", "ES256"}); !slices.Equal(got, []string{"ES256"}) {
		t.Error(got)
	}
}
