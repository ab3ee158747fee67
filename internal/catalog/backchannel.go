package catalog

import (
	"net/url"

	"symbolon.dev"
)

// requestAlgs may sign an authentication request: FAPI-CIBA §5.2.2, and EdDSA.
var requestAlgs = []string{"ES256", "ES384", "EdDSA", "PS256"}

// backchannel is CIBA Core 1.0 §4. Push, which hands tokens to whoever answers at an address,
// does not exist here.
func (c *checker) backchannel(v *symbolon.Client, registered bool) {
	b := v.ClientBackchannel
	c.must(registered || b == symbolon.ClientBackchannel{}, "backchannel_…: the client is not registered for %s", grantCIBA)
	c.oneOf("backchannel_token_delivery_mode", b.DeliveryMode, "poll", "ping")
	c.oneOf("backchannel_authentication_request_signing_alg", b.BackchannelAlg, requestAlgs...)
	ping := b.DeliveryMode == "ping"
	c.must(!ping || b.NotificationEndpoint != "", "backchannel_client_notification_endpoint: ping needs one")
	c.must(ping || b.NotificationEndpoint == "", "backchannel_client_notification_endpoint: it is for ping alone")
	c.endpoint("backchannel_client_notification_endpoint", b.NotificationEndpoint)
	c.must(b.BackchannelAlg == "" || len(v.JWKS) > 0 || v.JWKSURI != "",
		"backchannel_authentication_request_signing_alg: signed requests need jwks or jwks_uri")
}

// endpoint is an address that the product calls: https, or http on a loopback host.
func (c *checker) endpoint(field, value string) {
	u, err := url.Parse(value)
	good := err == nil && plainASCII(value) && len(value) <= maxURI && u.Host != "" && u.User == nil && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
	c.must(value == "" || good, "%s: it must be an https:// URL", field)
}
