package issuer_test

import (
	"errors"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/token"
)

// S15, S31: a proof passes once, however many replicas it is sent to at the same moment.
func TestAProofPassesOnceAmongReplicas(t *testing.T) {
	here, there := replicas(t)
	prover := must(token.NewProver(here.clock))
	for range 20 {
		proof := must(prover.Prove("POST", iss+"/token", "", ""))
		var passed, refused atomic.Int64
		var work sync.WaitGroup
		for _, replica := range []*world{here, there, here, there, here, there} {
			work.Go(func() {
				r := httptest.NewRequest("POST", "/token", nil)
				r.Header["Dpop"] = []string{proof}
				_, err := replica.Proof(ctx, r, issuer.ProofRule{})
				var known *symbolon.Error
				switch {
				case err == nil:
					passed.Add(1)
				case errors.As(err, &known) && known.Code == token.CodeInvalidProof:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		work.Wait()
		if passed.Load() != 1 || refused.Load() != 5 {
			t.Fatalf("%d passed, %d were refused", passed.Load(), refused.Load())
		}
	}
}

// RFC 9449 §8: a nonce of one replica is good at another, and at no other issuer.
func TestANonceIsTheIssuersAtEveryReplica(t *testing.T) {
	here, there := replicas(t)
	prover := must(token.NewProver(here.clock))
	ask := func(at *world, nonce string) error {
		r := httptest.NewRequest("POST", "/token", nil)
		r.Header["Dpop"] = []string{must(prover.Prove("POST", iss+"/token", "", nonce))}
		_, err := at.Proof(ctx, r, issuer.ProofRule{NonceRequired: true})
		return err
	}
	var wanted *token.NonceWanted
	if err := ask(here, ""); !errors.As(err, &wanted) {
		t.Fatal(err)
	}
	if err := ask(there, wanted.Nonce); err != nil {
		t.Error(err)
	}
	if err := ask(newWorld(t), wanted.Nonce); !errors.As(err, new(*token.NonceWanted)) {
		t.Errorf("another issuer takes the nonce: %v", err)
	}
}

// S27, S31: whatever a rule asks for, what is issued satisfies it, and what was proven is kept.
func TestBindingsAreWhatTheRulesAskFor(t *testing.T) {
	w := newWorld(t)
	key, certificate := "a-key", "a-certificate"
	for _, wants := range []string{"", "dpop", "mtls", "any"} {
		for _, client := range []symbolon.ClientBinding{{}, {DPoPBound: true}, {CertificateBound: true}, {DPoPBound: true, CertificateBound: true}} {
			for _, held := range []token.Confirmation{{}, {JKT: key}, {X5TS256: certificate}, {JKT: key, X5TS256: certificate}} {
				for _, subject := range []*token.Confirmation{nil, {JKT: "of another"}} {
					from := &token.Claims{Subject: "portal", Kind: token.KindService, Expires: w.clock().Add(1e12), Confirmation: subject}
					issued, _, err := w.Issue(ctx, issuer.Mint{Client: &symbolon.Client{ID: "orders", ClientBinding: client}, From: from, Holder: &held,
						Resource: &symbolon.Resource{ID: "x", Identifier: "https://x.example", Token: symbolon.TokenRule{Binding: wants}}})
					needKey, needCertificate := client.DPoPBound || wants == "dpop", client.CertificateBound || wants == "mtls"
					either := wants == "any" || subject != nil
					enough := (!needKey || held.JKT != "") && (!needCertificate || held.X5TS256 != "") && (!either || held != token.Confirmation{})
					if (err == nil) != enough {
						t.Fatalf("%q %+v %+v %v: %v", wants, client, held, subject, err)
					}
					if err != nil {
						continue
					}
					var got token.Confirmation
					if issued.Claims.Confirmation != nil {
						got = *issued.Claims.Confirmation
					}
					if got.JKT != held.JKT || needCertificate && got.X5TS256 != certificate || either && got == (token.Confirmation{}) {
						t.Errorf("%q %+v %+v %v: bound to %+v", wants, client, held, subject, got)
					}
				}
			}
		}
	}
}

// Where the binding ends: what a broker shows an upstream is its own word, and only a broker's is.
func TestOnlyABrokersWordIsUnbound(t *testing.T) {
	w := newWorld(t)
	subject := w.issue(issuer.Mint{Client: w.client("portal"), Resource: w.resource("orders"), Scopes: []string{"read"}, Holder: &token.Confirmation{JKT: "a-key"}})
	if issued, err := w.swap("broker", subject, "orders", issuer.FormatJWT); err != nil || issued.Claims.Confirmation != nil {
		t.Errorf("%v %v", issued.Claims, err)
	}
	mint, err := w.Exchange(ctx, issuer.Exchange{Client: w.client("orders"), Subject: must(w.Open(ctx, subject.Raw.Reveal())), Target: w.resource("billing")})
	w.check(err)
	if issued, _, err := w.Issue(ctx, mint); err == nil {
		t.Errorf("a server made a bearer token of a bound one: %v", issued.Claims)
	}
}
