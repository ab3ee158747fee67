package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"symbolon.dev"
	"symbolon.dev/internal/admin"
	"symbolon.dev/internal/config"
	"symbolon.dev/internal/outbound"
	"symbolon.dev/verify"
)

// connection says which issuer a command speaks to, and as whom. Secrets come from the
// environment alone: arguments can be read by every process of the machine.
type connection struct {
	issuer, clientID, caFile string
}

const (
	connectionHelp = "The token is taken from SYMBOLON_CLI_TOKEN; or the command gets one as the client\n" +
		"--client-id with the secret in SYMBOLON_CLI_CLIENT_SECRET."
	defaultIssuer   = "http://id.localhost:8080"
	defaultClientID = "operator"
)

func (c *connection) flags(command *cobra.Command) {
	command.Flags().StringVar(&c.issuer, "issuer", "", "the issuer's URL; else SYMBOLON_CLI_ISSUER, else "+defaultIssuer)
	command.Flags().StringVar(&c.clientID, "client-id", "", "client to get a token as; else SYMBOLON_CLI_CLIENT_ID, else "+defaultClientID)
	command.Flags().StringVar(&c.caFile, "ca-file", "", "PEM file with a trust anchor beside the system's; else SYMBOLON_CLI_CA_FILE")
}

// settle fills in what no flag said.
func (c *connection) settle() {
	c.issuer = strings.TrimSuffix(firstOf(c.issuer, os.Getenv("SYMBOLON_CLI_ISSUER"), defaultIssuer), "/")
	c.clientID = firstOf(c.clientID, os.Getenv("SYMBOLON_CLI_CLIENT_ID"), defaultClientID)
	c.caFile = firstOf(c.caFile, os.Getenv("SYMBOLON_CLI_CA_FILE"))
}

func firstOf(candidates ...string) string {
	for _, c := range candidates {
		if c != "" {
			return c
		}
	}
	return ""
}

// client makes an admin client that has a token already.
func (c *connection) client(ctx context.Context) (*admin.Client, error) {
	c.settle()
	u, err := url.Parse(c.issuer)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("--issuer: %q is not a URL, such as https://id.example.com", c.issuer)
	}
	if u.Scheme != "https" && !config.Loopback(u.Hostname()) {
		return nil, fmt.Errorf("--issuer: %s would send the token readable over the network; use https", c.issuer)
	}
	transport, err := outbound.New(outbound.Options{Allow: []string{u.Hostname()}, CAFile: c.caFile, MaxBody: 64 << 20})
	if err != nil {
		return nil, err
	}
	token, err := c.token(ctx, transport)
	if err != nil {
		return nil, err
	}
	return &admin.Client{Issuer: c.issuer, Token: token, HTTP: transport}, nil
}

func (c *connection) token(ctx context.Context, transport *http.Client) (symbolon.Secret, error) {
	if token := os.Getenv("SYMBOLON_CLI_TOKEN"); token != "" {
		return symbolon.NewSecret(token), nil
	}
	secret := os.Getenv("SYMBOLON_CLI_CLIENT_SECRET")
	if secret == "" {
		return symbolon.Secret{}, errors.New("no credential: set SYMBOLON_CLI_TOKEN, or SYMBOLON_CLI_CLIENT_SECRET and --client-id")
	}
	as := verify.Client{Issuer: c.issuer, ID: c.clientID, Secret: symbolon.NewSecret(secret), HTTP: transport}
	source, err := verify.NewTokenSource(as, c.issuer+"/admin", "admin")
	if err != nil {
		return symbolon.Secret{}, err
	}
	token, err := source.Token(ctx)
	if err != nil {
		return token, fmt.Errorf("no token from %s as the client %s: %w", c.issuer, c.clientID, err)
	}
	return token, nil
}
