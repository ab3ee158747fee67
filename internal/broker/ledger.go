package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/policy"
)

const (
	reportTimeout = 10 * time.Second
	maxReport     = 1000 // entries in one request
)

// count notes a decision in the access ledger. It waits for nothing.
func (b *Broker) count(e *entry, r *route, d *policy.Decision, requestID string) {
	c := e.claims
	b.ledger.Add(symbolon.LedgerEntry{Kind: "access", Effect: string(d.Effect), Subject: c.Subject, Client: c.ClientID,
		Resource: string(r.resource.ID), Action: "access", Policies: d.Policies, Version: d.Version, Request: requestID})
	for _, o := range d.Observed {
		b.ledger.Add(symbolon.LedgerEntry{Kind: "observe", Effect: string(o.Effect), Subject: c.Subject, Client: c.ClientID,
			Resource: string(r.resource.ID), Action: "access", Policies: []string{o.Policy}, Version: d.Version, Request: requestID})
	}
}

// countRefusal notes a request that came to no decision (S3: a refusal is never silent).
func (b *Broker) countRefusal(ev *door.Event, r *route, why string) {
	ev.Decision = string(policy.Deny)
	refused := symbolon.LedgerEntry{Kind: "access", Effect: string(policy.Deny), Action: "access", Reason: why, Request: ev.RequestID}
	if r != nil {
		refused.Resource = string(r.resource.ID)
	}
	b.ledger.Add(refused)
}

// report sends a batch of the ledger to the issuer.
func (b *Broker) report(ctx context.Context, entries []symbolon.LedgerEntry) error {
	for len(entries) > 0 {
		n := min(len(entries), maxReport)
		if err := b.reportSome(ctx, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func (b *Broker) reportSome(ctx context.Context, entries []symbolon.LedgerEntry) error {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]any{"entries": entries})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.Issuer+"/admin/v1/ledger", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := b.callAdmin(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxIssuerAnswer))
	switch status := res.StatusCode; {
	case status/100 == 2:
		return nil
	case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity || status == http.StatusRequestEntityTooLarge:
		// It would be no better the next time, and would keep back all that comes after it.
		b.Log.ErrorContext(ctx, "the issuer does not take a batch of the ledger", "entries", len(entries), "status", status)
		return nil
	default:
		return symbolon.Errorf(symbolon.Unavailable, "the ledger was answered with %d", status)
	}
}
