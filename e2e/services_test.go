package e2e

import (
	"context"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// S14, S17, S22, S24, S28, S29: golang.org/x/oauth2 gets tokens, coreos/go-oidc believes them,
// the broker serves them, and orders acts at billing by exchange.
func TestServicesCallEachOtherWithClientsThatOthersWrote(t *testing.T) {
	w := demo(t)
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, w.http)
	provider, err := oidc.NewProvider(ctx, w.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	orders, billing := w.Services["orders"], w.Services["billing"]
	config := clientcredentials.Config{ClientID: orders.ClientID, ClientSecret: orders.ClientSecret,
		TokenURL: provider.Endpoint().TokenURL, EndpointParams: url.Values{"resource": {orders.Resource}}}
	own, err := config.Token(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(own.AccessToken, ".") > 0 || own.TokenType != "Bearer" {
		t.Errorf("outside, a token is opaque: %q %q", own.TokenType, own.AccessToken)
	}

	served := w.get(orders.Resource+"/", own.AccessToken)
	if served.status != http.StatusOK || served.json["client_id"] != "broker" || served.json["sub"] != "orders" {
		t.Fatalf("orders served %d %s", served.status, served.text)
	}
	if refused := w.get(billing.Resource+"/", own.AccessToken); refused.status != http.StatusUnauthorized {
		t.Errorf("billing took a token for orders: %d %s", refused.status, refused.text)
	}

	exchanged := w.exchange(orders, own.AccessToken, billing.Resource)
	token, _ := exchanged.json["access_token"].(string)
	if exchanged.status != http.StatusOK || exchanged.json["issued_token_type"] == nil {
		t.Fatalf("exchange: %d %s", exchanged.status, exchanged.text)
	}
	at := w.get(billing.Resource+"/", token)
	actor, _ := at.json["act"].(map[string]any)
	if at.status != http.StatusOK || actor["sub"] != "orders" {
		t.Errorf("billing: %d %s", at.status, at.text)
	}
	if back := w.get(orders.Resource+"/", token); back.status != http.StatusUnauthorized {
		t.Errorf("orders took a token for billing: %d", back.status)
	}
	if through := w.get(orders.Resource+"/invoice", own.AccessToken); through.status != http.StatusOK {
		t.Errorf("orders did not reach billing by itself: %d %s", through.status, through.text)
	}
}

// S14, S17: npm openid-client and oauth4webapi, independent implementations, drive the same.
func TestNodeClients(t *testing.T) {
	w := demo(t)
	command := exec.Command("node", "services.mjs")
	command.Dir = absolute(t, "clients")
	command.Stdin = strings.NewReader(string(w.ready))
	out, err := command.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// S2, S28: no token of one resource passes at another, whichever pair is tried.
func TestNoTokenPassesAnywhereElse(t *testing.T) {
	w := demo(t)
	orders, billing := w.Services["orders"], w.Services["billing"]
	exchanged := w.exchange(orders, w.token(orders, orders.Resource), billing.Resource)
	forBilling, _ := exchanged.json["access_token"].(string)
	tokens := map[string]string{
		orders.Resource: w.token(orders, orders.Resource), billing.Resource: forBilling,
		w.Apps["chat"]: w.token(orders, w.Apps["chat"]), w.Operator.Resource: w.AdminToken,
	}
	places := []string{orders.Resource, billing.Resource, w.Apps["wiki"], w.Apps["payroll"], w.Apps["chat"], w.Operator.Resource}
	tried := 0
	for audience, token := range tokens {
		if token == "" {
			t.Fatalf("no token for %s", audience)
		}
		for _, place := range places {
			target := place + "/"
			if place == w.Operator.Resource {
				target = w.Admin + "/users"
			}
			got := w.get(target, token).status
			tried++
			if audience == place && got != http.StatusOK {
				t.Errorf("a token for %s is refused there: %d", audience, got)
			}
			if audience != place && got != http.StatusUnauthorized {
				t.Errorf("a token for %s passes at %s: %d", audience, place, got)
			}
		}
	}
	t.Logf("%d pairs tried", tried)
}

// S3, S9: an anonymous caller learns nothing: a service that is there, one that is not, and a
// host nobody serves answer alike.
func TestAnonymousCallersCannotTellWhatExists(t *testing.T) {
	w := demo(t)
	real := w.get(w.Services["orders"].Resource+"/", "")
	missing := w.get(strings.Replace(w.Services["orders"].Resource, "orders.", "nothing-here.", 1)+"/", "")
	if real.status != http.StatusUnauthorized || missing.status != real.status {
		t.Fatalf("%d and %d", real.status, missing.status)
	}
	for _, name := range []string{"Www-Authenticate", "Content-Type", "Cache-Control"} {
		if real.header.Get(name) != missing.header.Get(name) {
			t.Errorf("%s tells them apart: %q, %q", name, real.header.Get(name), missing.header.Get(name))
		}
	}
}
