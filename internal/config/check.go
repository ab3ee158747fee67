package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// check refuses what could only fail later, or fail open.
func (c *Config) check() error {
	return errors.Join(c.checkIssuer(), c.checkRoles(), c.checkTLS(), c.checkBroker(), c.checkWords(), c.checkTimes(), c.checkDecoupled())
}

func (c *Config) checkIssuer() error {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("issuer: %q is not a URL of scheme, host and optional port, without a trailing slash", c.Issuer)
	}
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("issuer: the scheme is %q; use https", u.Scheme)
	case !Loopback(u.Hostname()):
		return fmt.Errorf("issuer: plain http is for loopback names alone; use https for %s", u.Hostname())
	}
	return nil
}

// Loopback reports whether a host name can only mean this machine (RFC 6761 §6.3).
func Loopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (c *Config) checkRoles() error {
	for _, role := range c.Roles {
		if role != "issuer" && role != "broker" {
			return fmt.Errorf("roles: %q is neither issuer nor broker", role)
		}
	}
	return nil
}

func (c *Config) checkTLS() error {
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		return errors.New("tls: cert_file and key_file go together")
	}
	if c.Plain() && strings.HasPrefix(c.Issuer, "https:") {
		return errors.New("tls: the issuer is https, so cert_file and key_file are needed")
	}
	if !c.Plain() && strings.HasPrefix(c.Issuer, "http:") {
		return errors.New("issuer: with tls.cert_file the issuer must be https")
	}
	if c.Plain() {
		return c.checkPlainListen()
	}
	return nil
}

// checkPlainListen keeps plain HTTP on the machine: tokens would cross the network readable.
func (c *Config) checkPlainListen() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if !Loopback(host) {
		return fmt.Errorf("listen: without TLS only a loopback address may be listened on, not %q", c.Listen)
	}
	return nil
}

func (c *Config) checkBroker() error {
	if !c.Has("broker") || c.Has("issuer") {
		return nil
	}
	if c.Broker.ClientSecret.Empty() && c.Broker.ClientSecretFile == "" {
		return errors.New("broker: a broker without the issuer role needs client_secret or client_secret_file")
	}
	return nil
}

func (c *Config) checkWords() error {
	for _, w := range []struct{ key, value, allowed string }{
		{"clients.registration", c.Clients.Registration, "none token open"},
		{"log.format", c.Log.Format, "json text auto"}, {"log.level", c.Log.Level, "debug info warn error"},
	} {
		if !strings.Contains(" "+w.allowed+" ", " "+w.value+" ") {
			return fmt.Errorf("%s: %q is none of %s", w.key, w.value, strings.ReplaceAll(w.allowed, " ", ", "))
		}
	}
	if c.Clients.RegistrationLimit < 0 || c.Clients.RegistrationSecretLife < 0 {
		return errors.New("clients: registration_limit and registration_secret_life are not negative")
	}
	if c.Tracing.Sample < 0 || c.Tracing.Sample > 1 {
		return fmt.Errorf("tracing.sample: %v is not between 0 and 1", c.Tracing.Sample)
	}
	return nil
}

func (c *Config) checkTimes() error {
	for key, d := range map[string]Duration{
		"stop_timeout": c.StopTimeout, "broker.staleness": c.Broker.Staleness, "session.lifetime": c.Session.Lifetime,
		"session.idle": c.Session.Idle, "keys.period": c.Keys.Period, "keys.prepublish": c.Keys.Prepublish, "keys.overlap": c.Keys.Overlap,
	} {
		if d <= 0 {
			return fmt.Errorf("%s: must be more than zero", key)
		}
	}
	return nil
}

// drafts that there is code for.
var drafts = []string{"id-jag"}

func (c *Config) checkDecoupled() error {
	for _, name := range c.Drafts {
		if !slices.Contains(drafts, name) {
			return fmt.Errorf("drafts: %q is none of %s", name, strings.Join(drafts, ", "))
		}
	}
	if c.CIBA.Webhook == "" {
		return nil
	}
	u, err := url.Parse(c.CIBA.Webhook)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !Loopback(u.Hostname())) {
		return errors.New("ciba.webhook: it must be an https:// URL")
	}
	return nil
}
