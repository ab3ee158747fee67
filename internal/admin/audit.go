package admin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"symbolon.dev"
)

type eventSearch struct {
	Types   string    `query:"type" maxLength:"512" doc:"Event types, separated by commas."`
	Actor   string    `query:"actor" maxLength:"128" doc:"Who did it: a user or client id."`
	Subject string    `query:"subject" maxLength:"128" doc:"Whom or what it is about: any id."`
	From    time.Time `query:"from"`
	To      time.Time `query:"to"`
	Before  int64     `query:"before" minimum:"0" doc:"Only entries before this sequence number."`
	Limit   int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type ledgerSearch struct {
	Kind     string    `query:"kind" maxLength:"64"`
	Effect   string    `query:"effect" enum:"allow,deny,challenge"`
	Subject  string    `query:"subject" maxLength:"128"`
	Client   string    `query:"client" maxLength:"128"`
	Resource string    `query:"resource" maxLength:"256"`
	From     time.Time `query:"from"`
	To       time.Time `query:"to"`
	Limit    int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// audit mounts the two halves of the trail: the ordered, hash-chained log of what changed, and
// the counted ledger of what was used and decided.
func (a *Admin) audit() {
	handle(a, operation{http.MethodGet, "/audit/events", "search-events", "audit.read", "audit", "What changed, newest first", 0},
		func(ctx context.Context, _ caller, in *eventSearch) (*body[page[symbolon.Event]], error) {
			query := symbolon.EventQuery{Actor: in.Actor, Subject: in.Subject, From: in.From, To: in.To, Before: in.Before, Limit: in.Limit}
			for name := range strings.SplitSeq(in.Types, ",") {
				if name != "" {
					query.Types = append(query.Types, symbolon.EventType(name))
				}
			}
			events, err := a.Store.SearchEvents(ctx, query)
			return &body[page[symbolon.Event]]{page[symbolon.Event]{Items: orEmpty(events)}}, err
		})
	handle(a, operation{http.MethodGet, "/audit/ledger", "search-ledger", "audit.read", "audit", "Who used what and what was decided, per hour", 0},
		func(ctx context.Context, _ caller, in *ledgerSearch) (*body[page[symbolon.LedgerEntry]], error) {
			entries, err := a.Store.SearchLedger(ctx, symbolon.LedgerQuery{Kind: in.Kind, Effect: in.Effect, Subject: in.Subject,
				Client: in.Client, Resource: in.Resource, From: in.From, To: in.To, Limit: in.Limit})
			return &body[page[symbolon.LedgerEntry]]{page[symbolon.LedgerEntry]{Items: orEmpty(entries)}}, err
		})
}
