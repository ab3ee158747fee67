package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/declare"
)

// Client speaks to the API for the command line.
type Client struct {
	Issuer string
	Token  symbolon.Secret
	HTTP   *http.Client
}

// Apply sends a set; see [Applier.Apply].
func (c *Client) Apply(ctx context.Context, set declare.Set, prune, dry bool) (Outcome, error) {
	var out Outcome
	query := url.Values{"prune": {fmt.Sprint(prune)}, "dry_run": {fmt.Sprint(dry)}}
	return out, c.call(ctx, http.MethodPost, "/apply?"+query.Encode(), set, &out)
}

// Export fetches everything declared.
func (c *Client) Export(ctx context.Context) (declare.Set, error) {
	var set declare.Set
	return set, c.call(ctx, http.MethodGet, "/export", nil, &set)
}

// Events searches the log of what changed.
func (c *Client) Events(ctx context.Context, query url.Values) ([]symbolon.Event, error) {
	var out page[symbolon.Event]
	err := c.call(ctx, http.MethodGet, "/audit/events?"+query.Encode(), nil, &out)
	return out.Items, err
}

// Ledger searches what was used and decided.
func (c *Client) Ledger(ctx context.Context, query url.Values) ([]symbolon.LedgerEntry, error) {
	var out page[symbolon.LedgerEntry]
	err := c.call(ctx, http.MethodGet, "/audit/ledger?"+query.Encode(), nil, &out)
	return out.Items, err
}

// EndSession ends one session.
func (c *Client) EndSession(ctx context.Context, id symbolon.SessionID) error {
	return c.call(ctx, http.MethodDelete, "/sessions/"+url.PathEscape(string(id)), nil, nil)
}

// Enrol makes an enrolment link for the person with a login.
func (c *Client) Enrol(ctx context.Context, login string) (Enrolment, error) {
	user, err := c.user(ctx, login)
	if err != nil {
		return Enrolment{}, err
	}
	var link Enrolment
	return link, c.call(ctx, http.MethodPost, "/users/"+string(user.ID)+"/enrolment", nil, &link)
}

// Disable shuts the person with a login out.
func (c *Client) Disable(ctx context.Context, login string) error {
	return c.turn(ctx, login, "disable")
}

// Enable lets the person with a login in again.
func (c *Client) Enable(ctx context.Context, login string) error {
	return c.turn(ctx, login, "enable")
}

func (c *Client) turn(ctx context.Context, login, way string) error {
	user, err := c.user(ctx, login)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, "/users/"+string(user.ID)+"/"+way, nil, nil)
}

func (c *Client) user(ctx context.Context, login string) (*symbolon.User, error) {
	var found page[symbolon.User]
	if err := c.call(ctx, http.MethodGet, "/users?login="+url.QueryEscape(login), nil, &found); err != nil {
		return nil, err
	}
	if len(found.Items) == 0 {
		return nil, fmt.Errorf("there is no person with the login %q", login)
	}
	return &found.Items[0], nil
}

// Keys lists the signing keys.
func (c *Client) Keys(ctx context.Context) ([]SigningKey, error) {
	var out page[SigningKey]
	err := c.call(ctx, http.MethodGet, "/keys", nil, &out)
	return out.Items, err
}

// RotateKey replaces the signing key of an algorithm now.
func (c *Client) RotateKey(ctx context.Context, alg string) error {
	return c.call(ctx, http.MethodPost, "/keys/rotate", Rotation{Alg: alg}, nil)
}

const maxAnswer = 64 << 20

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var payload io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Issuer, "/")+Prefix+path, payload)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.Token.Reveal())
	request.Header.Set("Content-Type", "application/json")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return refused(response.StatusCode, text)
	}
	if out == nil || len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, out)
}

// refused keeps what the API said: what is wrong, what would help, and the reference that finds it
// in the logs.
func refused(status int, text []byte) error {
	var p Problem
	if json.Unmarshal(text, &p) != nil || p.Title == "" {
		return fmt.Errorf("the issuer answered %d and no problem; is --issuer a Symbolon issuer?", status)
	}
	message := strings.TrimSuffix(p.Title+": "+p.Detail, ": ")
	for _, e := range p.Errors {
		message += fmt.Sprintf("\n  %s: %s", e.Location, e.Message)
	}
	for _, r := range p.Remedies {
		message += fmt.Sprintf("\n  it would help to sign in with acr %q", r.ACR)
	}
	if p.RequestID != "" {
		message += fmt.Sprintf(" (request %s)", p.RequestID)
	}
	return errors.New(message)
}
