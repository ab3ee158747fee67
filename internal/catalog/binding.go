package catalog

import "symbolon.dev"

// binding: a broker has no key to bind tokens to. Those of browsers it keeps in cookies.
func (c *checker) binding(v *symbolon.Client) {
	c.must(!v.Broker || !(v.DPoPBound || v.CertificateBound), "broker: the tokens of a broker cannot be bound (dpop_bound_access_tokens, tls_client_certificate_bound_access_tokens)")
}
