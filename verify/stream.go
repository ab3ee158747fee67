package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// stream is this receiver's subscription at the transmitter (OpenID SSF 1.0 §8.1).
type stream struct {
	ID        string   `json:"stream_id"`
	Issuer    string   `json:"iss"`
	Audience  audience `json:"aud"`
	Delivered []string `json:"events_delivered"`
	Delivery  delivery `json:"delivery"`
}

type delivery struct {
	Method   string `json:"method"`
	Endpoint string `json:"endpoint_url,omitempty"`
}

// errGone says that the transmitter does not know our stream (any more).
var errGone = errors.New("the stream is gone")

// call sends JSON with our token; a token that is refused is not used again.
func (r *Receiver) call(ctx context.Context, method, address string, body any) (int, []byte, error) {
	access, err := r.tokens.Token(ctx)
	if err != nil {
		return 0, nil, err
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(encoded))
	if err != nil {
		return 0, nil, symbolon.Errorf(symbolon.Invalid, "%q is not a URL", address).Because(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+access.Reveal())
	status, answer, err := r.issuer.do(req)
	if status == http.StatusUnauthorized {
		r.tokens.Forget(access)
	}
	return status, answer, err
}

// subscribe makes a stream with poll delivery, or takes the one over that the transmitter says is
// there already (SSF 1.0 §8.1.1.1).
func (r *Receiver) subscribe(ctx context.Context) (*stream, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	known, err := r.issuer.describe(ctx)
	if err != nil {
		return nil, err
	}
	if known.ConfigurationEndpoint == "" {
		return nil, symbolon.Errorf(symbolon.Unavailable, "the transmitter has no configuration endpoint")
	}
	status, body, err := r.call(ctx, http.MethodPost, known.ConfigurationEndpoint, struct {
		Events      []string `json:"events_requested"`
		Delivery    delivery `json:"delivery"`
		Description string   `json:"description,omitempty"`
	}{r.events, delivery{Method: DeliveryPoll}, r.description})
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusConflict:
		return r.existing(ctx, known.ConfigurationEndpoint)
	case status != http.StatusCreated && status != http.StatusOK:
		return nil, unexpected("the stream configuration endpoint", status)
	}
	made := new(stream)
	if err := json.Unmarshal(body, made); err != nil {
		return nil, unavailable(err, "the transmitter described the stream in broken JSON")
	}
	return made, r.accept(made)
}

func (r *Receiver) existing(ctx context.Context, endpoint string) (*stream, error) {
	status, body, err := r.call(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return nil, err
	}
	var all []stream
	if status != http.StatusOK || json.Unmarshal(body, &all) != nil {
		return nil, unexpected("the stream configuration endpoint", status)
	}
	for i := range all {
		if all[i].Delivery.Method == DeliveryPoll && r.accept(&all[i]) == nil {
			return &all[i], nil
		}
	}
	return nil, symbolon.Errorf(symbolon.Unavailable, "the transmitter allows no stream with poll delivery beside those there are")
}

// accept checks what SSF 1.0 §8.1.1.1 has a receiver check, and that polling will be safe.
func (r *Receiver) accept(s *stream) error {
	switch {
	case s.ID == "" || len(s.Audience) == 0:
		return symbolon.Errorf(symbolon.Unavailable, "the transmitter made a stream without an id or an audience")
	case s.Issuer != r.issuer.id:
		return symbolon.Errorf(symbolon.Unavailable, "the transmitter made a stream of another issuer")
	case s.Delivery.Method != DeliveryPoll:
		return symbolon.Errorf(symbolon.Unavailable, "the transmitter does not deliver by poll")
	}
	return secureURL(s.Delivery.Endpoint)
}

// unsubscribe deletes the stream, so that the transmitter keeps nothing for nobody.
func (r *Receiver) unsubscribe(ctx context.Context, s *stream) error {
	known, err := r.issuer.describe(ctx)
	if err != nil {
		return err
	}
	address, err := url.Parse(known.ConfigurationEndpoint)
	if err != nil {
		return err
	}
	query := address.Query()
	query.Set("stream_id", s.ID)
	address.RawQuery = query.Encode()
	status, _, err := r.call(ctx, http.MethodDelete, address.String(), nil)
	if err == nil && status != http.StatusNoContent && status != http.StatusNotFound {
		err = unexpected("the stream configuration endpoint", status)
	}
	return err
}

// pollRequest is RFC 8936 §2.2.
type pollRequest struct {
	MaxEvents         int                 `json:"maxEvents"`
	ReturnImmediately bool                `json:"returnImmediately"`
	Ack               []string            `json:"ack,omitempty"`
	Errors            map[string]setError `json:"setErrs,omitempty"`
}

// setError is RFC 8936 §2.6; Code is one of RFC 8935 §2.4.
type setError struct {
	Code        string `json:"err"`
	Description string `json:"description"`
}

// delivered is one SET of a poll response, and once opened its signals.
type delivered struct {
	id, compact string
	signals     []Signal
	err         error // why it cannot be believed
}

func (r *Receiver) poll(ctx context.Context, s *stream, request pollRequest) (sets []delivered, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	status, body, err := r.call(ctx, http.MethodPost, s.Delivery.Endpoint, request)
	switch {
	case err != nil:
		return nil, false, err
	case status == http.StatusNotFound || status == http.StatusGone:
		return nil, false, errGone
	case status != http.StatusOK:
		return nil, false, unexpected("the poll endpoint", status)
	}
	return parsePoll(body)
}

// parsePoll reads RFC 8936 §2.3. The SETs come in the order in which they stand there, which an
// object need not keep: see [inOrderOfEvents].
func parsePoll(body []byte) (sets []delivered, more bool, err error) {
	var answer struct {
		Sets json.RawMessage `json:"sets"`
		More bool            `json:"moreAvailable"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, false, unavailable(err, "the poll endpoint answered in broken JSON")
	}
	if sets, err = parseSets(answer.Sets); err != nil {
		return nil, false, unavailable(err, "the poll endpoint answered with broken sets")
	}
	return sets, answer.More, nil
}

func parseSets(object json.RawMessage) (sets []delivered, err error) {
	if len(object) == 0 {
		return nil, errors.New("the member sets is missing")
	}
	decoder := json.NewDecoder(bytes.NewReader(object))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return nil, errors.New("the member sets is not an object")
	}
	for decoder.More() {
		id, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		set := delivered{id: id.(string)} // a member's name
		if err := decoder.Decode(&set.compact); err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// open verifies one SET (RFC 8417, SSF 1.0 §4.1): its signature, type, issuer, audience and id.
// The error is of kind Unavailable if it might succeed later; else its Code is for setErrs.
func (r *Receiver) open(ctx context.Context, s *stream, d delivered) ([]Signal, error) {
	verifier := token.Verifier{Keys: bound{ctx, r.keys}, Types: []string{token.TypeSecurityEvent}, MaxSize: maxAnswer}
	payload, err := verifier.Payload(d.compact)
	if symbolon.IsKind(err, symbolon.Unavailable) {
		return nil, err
	}
	if err != nil {
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_key", "the signature of the SET cannot be verified").Because(err)
	}
	var claims set
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the SET is malformed").Because(err)
	}
	switch {
	case claims.Issuer != r.issuer.id:
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_issuer", "the SET is of another issuer")
	case !meet(claims.Audience, s.Audience):
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_audience", "the SET is for another audience")
	case claims.ID != d.id || claims.IssuedAt == nil || len(claims.Events) == 0:
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the SET lacks one of jti, iat and events")
	}
	signals, err := claims.signals(r.issuer.id)
	if err != nil {
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the SET is malformed").Because(err)
	}
	return signals, nil
}

// inOrderOfEvents sorts what was opened by when it happened.
func inOrderOfEvents(sets []delivered) {
	slices.SortStableFunc(sets, func(a, b delivered) int { return a.signals[0].At.Compare(b.signals[0].At) })
}

func meet(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

const pollTimeout = 30 * time.Second
