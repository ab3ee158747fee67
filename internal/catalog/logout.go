package catalog

import (
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"symbolon.dev"
)

const maxContacts = 10

// logout checks where a client hears that a session is over. A frame of a page of ours may only show
// an origin that people are sent to anyway (OpenID Connect Front-Channel Logout 1.0 §2).
func (c *checker) logout(v *symbolon.Client) {
	l := v.ClientLogout
	c.endpoint("backchannel_logout_uri", l.BackchannelLogoutURI)
	c.must(l.BackchannelLogoutURI != "" || !l.BackchannelLogoutSession, "backchannel_logout_session_required: it needs a backchannel_logout_uri")
	c.must(l.FrontchannelLogoutURI != "" || !l.FrontchannelLogoutSession, "frontchannel_logout_session_required: it needs a frontchannel_logout_uri")
	if l.FrontchannelLogoutURI == "" {
		return
	}
	c.endpoint("frontchannel_logout_uri", l.FrontchannelLogoutURI)
	same := func(uri string) bool { return originOf(uri) == originOf(l.FrontchannelLogoutURI) }
	c.must(slices.ContainsFunc(v.RedirectURIs, same), "frontchannel_logout_uri: scheme, host and port must be those of a redirect URI")
	c.must(!same(c.Issuer), "frontchannel_logout_uri: this origin is our own")
}

// described checks what a client says of itself.
func (c *checker) described(v *symbolon.Client) {
	d := v.ClientDescription
	c.oneOf("application_type", d.ApplicationType, "web", "native")
	c.page("client_uri", d.ClientURI)
	c.endpoint("initiate_login_uri", d.InitiateLoginURI)
	c.text("software_id", d.SoftwareID)
	c.text("software_version", d.SoftwareVersion)
	c.must(len(d.Contacts) <= maxContacts, "contacts: more than %d", maxContacts)
	for i, contact := range d.Contacts {
		address, err := mail.ParseAddress(contact)
		c.must(err == nil && address.Address == contact && len(contact) <= maxText, "contacts[%d]: it is not an e-mail address", i)
	}
	if r := v.Registered; r != nil {
		c.must(sha256Hex(r.Token), "registered.access_token_sha256: it must be 64 lower-case hex digits")
		c.must(!v.Broker && !v.FirstParty && len(v.Groups) == 0,
			"registered: a client that registered itself cannot be a broker, of the first party or in a group; remove the mark to adopt it")
	}
}

func sha256Hex(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// originOf is scheme, host and port of an address; those of a scheme are left out.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}
