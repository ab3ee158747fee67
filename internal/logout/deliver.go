package logout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/outbound"
	"symbolon.dev/token"
)

const (
	postTimeout = 4 * time.Second // shorter than the first pause: two tries never overlap
	claimLife   = time.Hour       // longer than all tries and memory together
	tokenLife   = 2 * time.Minute // Back-Channel Logout 1.0 §2.4
	maxAnswer   = 16 << 10        // bytes of an answer that are read
	eventLogout = "http://schemas.openid.net/event/backchannel-logout"
)

// claim is the mark that lets one replica alone make a try.
func (d *delivery) claim(try int) symbolon.Change {
	name := "logout " + string(d.event.ID) + " " + string(d.client.ID) + " " + strconv.Itoa(try)
	return symbolon.MarkOnce{Key: symbolon.HashOf(name), Expires: d.event.At.Add(claimLife)}
}

// try claims one try and makes it. It reports whether there should be another one.
func (h *Herald) try(ctx context.Context, d *delivery) (again bool) {
	if err := h.Store.Commit(ctx, d.claim(d.try)); err != nil {
		return true // another replica has it, and may fail; or the store is down
	}
	err := h.post(ctx, d)
	var final refused
	switch {
	case err == nil:
		h.settle(ctx, d)
		return false
	case errors.As(err, &final), errors.Is(err, outbound.ErrRefused):
		h.Log.Warn("a client does not take the news of the end of a session", "client", d.client.ID, "session", d.event.Session, "cause", err)
		h.settle(ctx, d)
		return false
	case d.try == len(pauses)-1:
		h.Log.Warn("a client could not be told of the end of a session; it is given up", "client", d.client.ID, "session", d.event.Session, "cause", err)
	default:
		h.Log.Info("a client could not be told of the end of a session; it is tried again", "client", d.client.ID, "session", d.event.Session, "cause", err)
	}
	return true
}

// settle uses up the claims of all later tries: nobody needs to make them.
func (h *Herald) settle(ctx context.Context, d *delivery) {
	var rest []symbolon.Change
	for later := d.try + 1; later < len(pauses); later++ {
		rest = append(rest, d.claim(later))
	}
	if len(rest) == 0 || h.Store.Commit(ctx, rest...) == nil {
		return
	}
	for _, claim := range rest { // another replica was early with one of them
		_ = h.Store.Commit(ctx, claim)
	}
}

// refused is an answer that another try would not change.
type refused int

func (r refused) Error() string { return fmt.Sprintf("it answered %d", int(r)) }

// post is the request of Back-Channel Logout 1.0 §2.5, and §2.8 on its answer.
func (h *Herald) post(ctx context.Context, d *delivery) error {
	signed, err := h.logoutToken(d)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	body := url.Values{"logout_token": {signed}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.client.BackchannelLogoutURI, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := h.HTTP.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	switch code := answer.StatusCode; {
	case code == http.StatusOK || code == http.StatusNoContent:
		return nil
	case code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout:
		return fmt.Errorf("it answered %d", code)
	default:
		return refused(code)
	}
}

// logoutToken is Back-Channel Logout 1.0 §2.4: signed as the client's ID tokens are, of a type of
// its own, and without a nonce, so that neither passes for the other.
func (h *Herald) logoutToken(d *delivery) (string, error) {
	alg := d.client.IDTokenAlg
	if alg == "" {
		alg = token.ES256
	}
	signer, err := h.Signer(alg)
	if err != nil {
		return "", err
	}
	now := h.Clock().Truncate(time.Second)
	return token.Sign(signer, token.TypeLogout, &token.Claims{
		Issuer: h.Issuer, Subject: h.Subject(d.client, d.event.User), Audience: []string{string(d.client.ID)},
		IssuedAt: now, Expires: now.Add(tokenLife), ID: string(symbolon.NewEventID()), SessionID: h.Session(d.client, d.event.Session),
		Extra: map[string]any{"events": map[string]any{eventLogout: map[string]any{}}},
	})
}
