package app

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/broker"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/config"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/outbound"
)

// newBroker gives the broker its credential and its way to the issuer, and nothing else: no
// store, no signing key.
func (a *App) newBroker() (*broker.Broker, error) {
	secret, err := a.brokerSecret()
	if err != nil {
		return nil, err
	}
	transport, err := a.wayToIssuer()
	if err != nil {
		return nil, err
	}
	certificates, err := door.NewCertificates(a.Config.TLS.ClientCertProxies, a.Config.TLS.ClientCertHeader)
	if err != nil {
		return nil, err
	}
	return broker.New(broker.Config{Issuer: a.Config.Issuer, ClientID: a.Config.Broker.ClientID, Secret: secret, Certificate: certificates.ThumbprintOf,
		HTTP: &http.Client{Transport: transport, Timeout: 30 * time.Second}, Door: a.door, Log: a.Log,
		Staleness: time.Duration(a.Config.Broker.Staleness), Secure: !a.Config.Plain(), Clock: symbolon.Now})
}

// brokerSecret is configured, or, beside an issuer, derived from the master key: every replica
// finds the same one, and none has to be kept.
func (a *App) brokerSecret() (symbolon.Secret, error) {
	c := a.Config.Broker
	switch {
	case !c.ClientSecret.Empty():
		return c.ClientSecret.Secret, nil
	case c.ClientSecretFile != "":
		text, err := os.ReadFile(c.ClientSecretFile)
		return symbolon.NewSecret(strings.TrimSpace(string(text))), err
	case a.issuer != nil:
		return a.issuer.derivedBrokerSecret(), nil
	}
	return symbolon.Secret{}, errors.New("the broker has no client secret")
}

func (s *issuerSide) derivedBrokerSecret() symbolon.Secret {
	sum := s.vault.MAC("broker client secret", []byte(s.app.Config.Broker.ClientID))
	return symbolon.NewSecret("symk_" + hex.EncodeToString(sum[:]))
}

// wayToIssuer is memory beside an issuer, else the network.
func (a *App) wayToIssuer() (http.RoundTripper, error) {
	if a.issuer != nil {
		return inMemory{a.issuer.handler}, nil
	}
	roots, err := outbound.Roots(a.Config.Outbound.CAFile)
	if err != nil {
		return nil, err
	}
	dialer, target := &net.Dialer{Timeout: 5 * time.Second}, dialAddress(a.Config)
	return a.tracer.Transport(&http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if target != "" {
				address = target
			}
			return dialResolved(ctx, dialer, network, address)
		},
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
	}), nil
}

// dialAddress is host:port of broker.issuer_url; names, certificates and tokens stay those of
// the issuer's public URL.
func dialAddress(c *config.Config) string {
	if c.Broker.IssuerURL == "" {
		return ""
	}
	host := hostOf(c.Broker.IssuerURL)
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	if strings.HasPrefix(c.Broker.IssuerURL, "https:") {
		return net.JoinHostPort(host, "443")
	}
	return net.JoinHostPort(host, "80")
}

func dialResolved(ctx context.Context, dialer *net.Dialer, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := outbound.Resolve(ctx, net.DefaultResolver, host)
	if err != nil {
		return nil, err
	}
	var failures error
	for _, addr := range addrs {
		conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		failures = errors.Join(failures, err)
	}
	return nil, failures
}

// bootstrapBroker declares the client of the broker in this process, unless an operator has
// declared it with this secret already. It is an ordinary client: policies judge it.
func (s *issuerSide) bootstrapBroker(ctx context.Context) error {
	c := s.app.Config
	if !c.Has("broker") || !c.Broker.ClientSecret.Empty() || c.Broker.ClientSecretFile != "" {
		return nil
	}
	sum := s.derivedBrokerSecret().Hash()
	hash := hex.EncodeToString(sum[:])
	id := symbolon.ClientID(c.Broker.ClientID)
	declared := symbolon.Client{ID: id, Name: "Access broker", Broker: true, FirstParty: true,
		GrantTypes: []string{"authorization_code", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"}}
	if there, ok := s.catalog.Current().Client(id); ok {
		declared = *there
		if slices.ContainsFunc(declared.Secrets, func(secret symbolon.ClientSecret) bool { return secret.SHA256 == hash }) {
			return nil
		}
	}
	declared.Secrets = append(slices.Clone(declared.Secrets), symbolon.ClientSecret{SHA256: hash})
	doc, err := json.Marshal(declared)
	if err != nil {
		return err
	}
	if err := s.catalog.Put(ctx, "system", "", catalog.Edit{Kind: symbolon.KindClient, ID: string(id), Doc: doc, Was: catalog.Whatever}); err != nil {
		return fmt.Errorf("declare the broker's client: %w", err)
	}
	return nil
}
