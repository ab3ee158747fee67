package grant

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Courier carries news out: to the deployment's hook, that a person is asked something, and to
// clients registered for ping, that one has answered. Nobody waits for it, and nothing hangs on
// it: the person finds the question at /approve, and the client may poll.
type Courier struct {
	HTTP    *http.Client // guarded: see internal/outbound
	Webhook string       // URL of the hook; "" = none
	Signer  func() (token.Signer, error)
	Log     *slog.Logger

	queue chan parcel
}

// parcel is one message on its way.
type parcel struct {
	what   string // for the log
	url    string
	body   []byte
	header http.Header
}

const (
	couriers     = 4
	parcels      = 1024 // that may wait; more are dropped, and the log says so
	tries        = 3
	tryPause     = 2 * time.Second
	sendTimeout  = 10 * time.Second
	webhookLife  = time.Minute
	maxAnswer    = 64 << 10
	webhookEvent = "authorization.requested"

	// SignatureHeader carries the detached JWS of a webhook: RFC 7515 appendix F.
	SignatureHeader = "Symbolon-Signature"
	// TypeWebhook is the typ of that JWS.
	TypeWebhook = "symbolon-webhook+jwt"
)

// NewCourier makes one; it carries nothing until Run.
func NewCourier(c Courier) *Courier {
	c.queue = make(chan parcel, parcels)
	return &c
}

// Run carries until ctx ends.
func (c *Courier) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for range couriers {
		running.Go(func() {
			for {
				select {
				case p := <-c.queue:
					c.carry(ctx, p)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	running.Wait()
	return nil
}

func (c *Courier) post(p parcel) {
	select {
	case c.queue <- p:
	default:
		c.Log.Error("a message is dropped: too many wait", "what", p.what)
	}
}

// carry tries a few times. Redirects are not followed (CIBA Core §10.2).
func (c *Courier) carry(ctx context.Context, p parcel) {
	var err error
	for n := range tries {
		if n > 0 {
			select {
			case <-time.After(time.Duration(n) * tryPause):
			case <-ctx.Done():
				return
			}
		}
		if err = c.send(ctx, p); err == nil {
			return
		}
	}
	c.Log.Warn("a message could not be delivered", "what", p.what, "cause", err)
}

func (c *Courier) send(ctx context.Context, p parcel) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(p.body))
	if err != nil {
		return err
	}
	r.Header = p.header.Clone()
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusNoContent && answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("it answered %d", answer.StatusCode)
	}
	return nil
}

// asking is the body of the webhook. It goes to the deployment's own hook, which has to find the
// person's telephone, so it names the person.
type asking struct {
	Issuer    string   `json:"iss"`
	Audience  string   `json:"aud"`
	ID        string   `json:"jti"`
	IssuedAt  int64    `json:"iat"`
	Expires   int64    `json:"exp"` // of this message
	Event     string   `json:"event"`
	Subject   string   `json:"sub"`
	Login     string   `json:"login"`
	Client    string   `json:"client_id"`
	Name      string   `json:"client_name,omitempty"`
	Binding   string   `json:"binding_message,omitempty"`
	Scopes    []string `json:"scopes"`
	Resources []string `json:"resources"`
	ACR       string   `json:"acr,omitempty"`
	Approve   string   `json:"approve_uri"`
	Ends      int64    `json:"request_expires"`
}

// tell has the hook tell a person that they are asked.
func (g *Grants) tell(user *symbolon.User, w *waiting, c *symbolon.Client, ask Ask) {
	if g.Courier == nil || g.Courier.Webhook == "" {
		return
	}
	body := asking{Issuer: g.Issuer, Audience: g.Courier.Webhook, ID: string(symbolon.NewEventID()), IssuedAt: w.Issued.Unix(),
		Expires: w.Issued.Add(webhookLife).Unix(), Event: webhookEvent, Subject: string(user.ID), Login: user.Login,
		Client: string(c.ID), Name: c.Name, Binding: w.Binding, Scopes: w.Scopes, ACR: string(w.ACR),
		Approve: g.Issuer + "/approve", Ends: w.Ends.Unix()}
	for _, r := range ask.Resources {
		body.Resources = append(body.Resources, r.Identifier)
	}
	p, err := g.Courier.signed(body)
	if err != nil {
		g.Courier.Log.Error("the webhook cannot be signed", "cause", err)
		return
	}
	g.Courier.post(p)
}

// signed makes the message: the JSON as the body, its signature as a header.
func (c *Courier) signed(body any) (parcel, error) {
	signer, err := c.Signer()
	if err != nil {
		return parcel{}, err
	}
	compact, err := token.Sign(signer, TypeWebhook, body)
	if err != nil {
		return parcel{}, err
	}
	parts := strings.Split(compact, ".")
	plain, err := base64.RawURLEncoding.DecodeString(parts[1])
	return parcel{what: "webhook", url: c.Webhook, body: plain, header: http.Header{SignatureHeader: {parts[0] + ".." + parts[2]}}}, err
}

// ping tells a client that is registered for it that there is an answer: CIBA Core §10.2.
func (g *Grants) ping(q *Question) {
	if g.Courier == nil || q.kind != symbolon.BackchannelTicket || q.Notify == "" || q.Client.NotificationEndpoint == "" {
		return
	}
	body, err := json.Marshal(map[string]string{"auth_req_id": q.Raw})
	if err != nil {
		return
	}
	g.Courier.post(parcel{what: "ping " + string(q.Client.ID), url: q.Client.NotificationEndpoint, body: body,
		header: http.Header{"Authorization": {"Bearer " + q.Notify}}})
}
