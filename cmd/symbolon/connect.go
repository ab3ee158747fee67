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
	"symbolon.dev/internal/outbound"
	"symbolon.dev/verify"
)

// connection says which issuer a command speaks to, and as whom. Secrets come from the
// environment alone: arguments can be read by every process of the machine.
type connection struct {
	issuer, clientID, caFile string
}

const connectionHelp = "The token is taken from SYMBOLON_CLI_TOKEN; or the command gets one as the client\n" +
	"--client-id with the secret in SYMBOLON_CLI_CLIENT_SECRET."

func (c *connection) flags(command *cobra.Command) {
	command.Flags().StringVar(&c.issuer, "issuer", envOr("SYMBOLON_CLI_ISSUER", "http://id.localhost:8080"), "the issuer's URL")
	command.Flags().StringVar(&c.clientID, "client-id", envOr("SYMBOLON_CLI_CLIENT_ID", "operator"), "client to get a token as")
	command.Flags().StringVar(&c.caFile, "ca-file", os.Getenv("SYMBOLON_CLI_CA_FILE"), "PEM file with a trust anchor beside the system's")
}

func envOr(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

// client makes an admin client that has a token already.
func (c *connection) client(ctx context.Context) (*admin.Client, error) {
	u, err := url.Parse(c.issuer)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("--issuer: %q is not a URL", c.issuer)
	}
	transport, err := outbound.New(outbound.Options{Allow: []string{u.Hostname()}, CAFile: c.caFile, MaxBody: 64 << 20})
	if err != nil {
		return nil, err
	}
	token, err := c.token(ctx, transport)
	if err != nil {
		return nil, err
	}
	return &admin.Client{Issuer: strings.TrimSuffix(c.issuer, "/"), Token: token, HTTP: transport}, nil
}

func (c *connection) token(ctx context.Context, transport *http.Client) (symbolon.Secret, error) {
	if token := os.Getenv("SYMBOLON_CLI_TOKEN"); token != "" {
		return symbolon.NewSecret(token), nil
	}
	secret := os.Getenv("SYMBOLON_CLI_CLIENT_SECRET")
	if secret == "" {
		return symbolon.Secret{}, errors.New("no credential: set SYMBOLON_CLI_TOKEN, or SYMBOLON_CLI_CLIENT_SECRET and --client-id")
	}
	issuer := strings.TrimSuffix(c.issuer, "/")
	as := verify.Client{Issuer: issuer, ID: c.clientID, Secret: symbolon.NewSecret(secret), HTTP: transport}
	source, err := verify.NewTokenSource(as, issuer+"/admin", "admin")
	if err != nil {
		return symbolon.Secret{}, err
	}
	return source.Token(ctx)
}
