// Package config reads what an operator says about one process: a strict YAML file, then the
// environment on top.
//
// Every key has a usable zero value. An unknown key is an error with its file, line and the
// nearest known key; so is a value of the wrong type. What the deployment *is* (clients,
// resources, policies, people) is not configuration: it is declared, with `symbolon apply`.
//
// The environment name of a key is SYMBOLON_ and its path in capitals: tls.cert_file is
// SYMBOLON_TLS_CERT_FILE. Lists are separated by commas there.
package config

import "symbolon.dev"

// Config is the whole file. The doc tags are the reference: docs/configuration.md is generated from them.
type Config struct {
	Issuer   string   `yaml:"issuer" doc:"The issuer's URL: scheme, host, optional port, nothing else. It is in every token; changing it invalidates them." default:"http://id.localhost:8080"`
	Listen   string   `yaml:"listen" doc:"Address to listen on. The one port serves the issuer and all apps, told apart by host." default:"127.0.0.1:8080"`
	Roles    []string `yaml:"roles" doc:"What this process does: issuer, broker or both." default:"issuer,broker"`
	Data     string   `yaml:"data" doc:"Directory for the embedded database and the generated master key." default:"./data"`
	Store    string   `yaml:"store" doc:"Where the record is kept: sqlite:PATH, or postgres://… when one machine is not enough." default:"sqlite:<data>/symbolon.db"`
	Declared string   `yaml:"declared" doc:"Directory that is applied at start and on reload, as symbolon apply does. Empty: none."`

	Drafts []string `yaml:"drafts" doc:"Drafts of standards to enable, by name: id-jag (identity assertion authorization grants, as issuer and as acceptor). None is by itself."`

	StopTimeout Duration `yaml:"stop_timeout" doc:"How long open requests may take to finish after SIGTERM." default:"20s"`

	MasterKeyFile string `yaml:"master_key_file" doc:"File with the base64 key (32 bytes) that seals private keys and token data at rest. Made on first use if missing, unless store is PostgreSQL." default:"<data>/master.key"`
	MasterKey     Secret `yaml:"master_key" doc:"The same key in the environment instead of a file. Never write it in this file."`

	TLS      TLS      `yaml:"tls"`
	Broker   Broker   `yaml:"broker"`
	Session  Session  `yaml:"session"`
	Keys     Keys     `yaml:"keys"`
	Clients  Clients  `yaml:"clients"`
	Outbound Outbound `yaml:"outbound"`
	CIBA     CIBA     `yaml:"ciba"`
	Log      Log      `yaml:"log"`
	Tracing  Tracing  `yaml:"tracing"`
}

// TLS is TLS 1.3, and 1.2 with ECDHE and AES-GCM only.
type TLS struct {
	CertFile string `yaml:"cert_file" doc:"PEM certificate chain. Without one the process speaks plain HTTP, which is refused unless the issuer is a loopback name."`
	KeyFile  string `yaml:"key_file" doc:"PEM private key."`

	ClientCertProxies []string `yaml:"client_cert_proxies" doc:"Addresses or prefixes of proxies that end TLS in front and tell the client's certificate in client_cert_header. They must remove that header from what clients send. Empty: only the certificate of the connection counts."`
	ClientCertHeader  string   `yaml:"client_cert_header" doc:"Header in which those proxies tell it, as URL-encoded PEM or by RFC 9440."`
}

// Clients says what an operator lets clients do without being declared.
type Clients struct {
	MetadataHosts  []string `yaml:"metadata_document_hosts" doc:"Hosts whose client ID metadata documents are read: a client there describes itself at the URL that is its id. * is any host. Empty: clients are declared."`
	MetadataScopes []string `yaml:"metadata_document_scopes" doc:"What such a client may ask for." default:"openid"`

	Registration           string   `yaml:"registration" doc:"Whether clients may register themselves (RFC 7591): none, token (with a token for ISSUER/register), or open (anybody). The policy decides too, by action clients.register." default:"none"`
	RegistrationScopes     []string `yaml:"registration_scopes" doc:"What such a client may ask for." default:"openid,profile,email,offline_access"`
	RegistrationGrants     []string `yaml:"registration_grants" doc:"Grant types that such a client may use." default:"authorization_code,refresh_token"`
	RegistrationNonce      bool     `yaml:"registration_nonce" doc:"Let confidential clients that register use the nonce of OpenID Connect in place of PKCE." default:"false"`
	RegistrationLimit      int      `yaml:"registration_limit" doc:"How many such clients there may be at once." default:"1000"`
	RegistrationSecretLife Duration `yaml:"registration_secret_life" doc:"How long the secrets of such clients last; an update in the second half of it gives a new one. 0s: for ever." default:"0s"`
}

// Broker is what a process with the broker role needs to know of itself.
type Broker struct {
	ClientID         string   `yaml:"client_id" doc:"The broker's client at the issuer." default:"broker"`
	ClientSecret     Secret   `yaml:"client_secret" doc:"Its secret, from the environment. A process that is issuer too makes its own."`
	ClientSecretFile string   `yaml:"client_secret_file" doc:"File that holds the secret."`
	IssuerURL        string   `yaml:"issuer_url" doc:"Where the broker dials the issuer, if that is not the issuer's public URL."`
	Staleness        Duration `yaml:"staleness" doc:"How long the broker trusts what it knows after it last heard from the issuer. Then it refuses everything." default:"15s"`
}

// Session bounds a person's life at the issuer after a login.
type Session struct {
	Lifetime Duration `yaml:"lifetime" doc:"Absolute end of a session." default:"24h"`
	Idle     Duration `yaml:"idle" doc:"End of a session without use." default:"1h"`
}

// Keys says how signing keys rotate.
type Keys struct {
	Period     Duration `yaml:"period" doc:"How long one key signs." default:"720h"`
	Prepublish Duration `yaml:"prepublish" doc:"How long a key is published before it signs." default:"24h"`
	Overlap    Duration `yaml:"overlap" doc:"How long a key verifies after it stopped signing. At least the longest life of a JWT." default:"48h"`
}

// Outbound guards calls to addresses that others name: metadata, keys, pushes.
type Outbound struct {
	Allow  []string `yaml:"allow" doc:"Host names that may resolve to private or loopback addresses."`
	CAFile string   `yaml:"ca_file" doc:"PEM file with trust anchors beside the system's."`
}

// CIBA is how people are told that a client asks them something (OpenID CIBA). They find it at
// /approve in any case.
type CIBA struct {
	Webhook string `yaml:"webhook" doc:"URL that is sent a signed JSON message for each request, to reach the person by push or text message. Empty: none."`
}

// Log is where the log lines go: always standard error.
type Log struct {
	Format string `yaml:"format" doc:"json, text, or auto: text on a terminal, json elsewhere." default:"auto"`
	Level  string `yaml:"level" doc:"debug, info, warn or error." default:"info"`
}

// Tracing is off unless an endpoint is named.
type Tracing struct {
	Endpoint string  `yaml:"endpoint" doc:"OTLP over HTTP, for example http://localhost:4318. Empty: no traces."`
	Sample   float64 `yaml:"sample" doc:"Share of requests to trace, 0 to 1." default:"1"`
}

// Duration is written as in Go: 90s, 15m, 24h.
type Duration = symbolon.Duration

// Has reports whether the process has a role.
func (c *Config) Has(role string) bool {
	for _, r := range c.Roles {
		if r == role {
			return true
		}
	}
	return false
}

// Plain reports whether the process speaks HTTP without TLS.
func (c *Config) Plain() bool { return c.TLS.CertFile == "" }

// Secret is a [symbolon.Secret] that a file or the environment may hold.
type Secret struct{ symbolon.Secret }

// UnmarshalText takes the bare value.
func (s *Secret) UnmarshalText(text []byte) error {
	s.Secret = symbolon.NewSecret(string(text))
	return nil
}
