package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"symbolon.dev"
	"symbolon.dev/internal/admin"
)

func auditCommand() *cobra.Command {
	command := &cobra.Command{Use: "audit", Short: "Look into the audit trail"}
	command.AddCommand(auditSearchCommand())
	return command
}

type auditFlags struct {
	connection
	types, actor, subject, kind, effect, resource string
	since                                         time.Duration
	limit                                         int
	ledger, json                                  bool
}

func auditSearchCommand() *cobra.Command {
	var f auditFlags
	command := &cobra.Command{
		Use:   "search",
		Short: "Find what happened: logins, grants, revocations, refusals, administrative changes",
		Long: "Without --ledger it searches the ordered, hash-chained log of what changed; with it the counted\n" +
			"ledger of what was used and decided, refusals included.\n\n" + connectionHelp,
		Example: "  symbolon audit search --subject usr_… --since 24h\n  symbolon audit search --type session.ended,login.failed\n" +
			"  symbolon audit search --ledger --effect deny --json",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := f.client(command.Context())
			if err != nil {
				return err
			}
			if f.ledger {
				return f.searchLedger(command.Context(), client, command.OutOrStdout())
			}
			return f.searchEvents(command.Context(), client, command.OutOrStdout())
		},
	}
	f.flags(command)
	command.Flags().StringVar(&f.types, "type", "", "event types, separated by commas")
	command.Flags().StringVar(&f.actor, "actor", "", "who did it: a user or client id")
	command.Flags().StringVar(&f.subject, "subject", "", "whom or what it is about: any id")
	command.Flags().DurationVar(&f.since, "since", 0, "how far back, e.g. 24h")
	command.Flags().IntVar(&f.limit, "limit", 100, "entries at most (1000)")
	command.Flags().BoolVar(&f.ledger, "ledger", false, "search uses and decisions instead of changes")
	command.Flags().StringVar(&f.kind, "kind", "", "with --ledger: access, issue, exchange, introspect, login, admin")
	command.Flags().StringVar(&f.effect, "effect", "", "with --ledger: allow, deny, challenge")
	command.Flags().StringVar(&f.resource, "resource", "", "with --ledger: resource id")
	command.Flags().BoolVar(&f.json, "json", false, "one JSON object a line")
	return command
}

func (f *auditFlags) query(members map[string]string) url.Values {
	query := url.Values{"limit": {strconv.Itoa(f.limit)}}
	for name, value := range members {
		if value != "" {
			query.Set(name, value)
		}
	}
	if f.since > 0 {
		query.Set("from", time.Now().UTC().Add(-f.since).Format(time.RFC3339Nano))
	}
	return query
}

func (f *auditFlags) searchEvents(ctx context.Context, client *admin.Client, out io.Writer) error {
	events, err := client.Events(ctx, f.query(map[string]string{"type": f.types, "actor": f.actor, "subject": f.subject}))
	if err != nil {
		return err
	}
	if f.json {
		return jsonLines(out, events)
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "SEQ\tWHEN\tWHAT\tACTOR\tABOUT\tREASON\tREQUEST")
	for _, e := range events {
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Seq, moment(e.At), e.Type, plain(e.Actor), plain(about(e)), plain(e.Reason), plain(e.RequestID))
	}
	return table.Flush()
}

func about(e symbolon.Event) string {
	var ids []string
	for _, id := range []string{string(e.User), string(e.Session), string(e.Client), string(e.Resource), string(e.Authorization), string(e.Token), string(e.Credential)} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	return strings.Join(ids, " ")
}

func (f *auditFlags) searchLedger(ctx context.Context, client *admin.Client, out io.Writer) error {
	entries, err := client.Ledger(ctx, f.query(map[string]string{"kind": f.kind, "effect": f.effect, "subject": f.subject, "client": f.actor, "resource": f.resource}))
	if err != nil {
		return err
	}
	if f.json {
		return jsonLines(out, entries)
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "LAST\tCOUNT\tKIND\tEFFECT\tSUBJECT\tCLIENT\tRESOURCE\tPOLICIES\tREASON\tREQUEST")
	for _, e := range entries {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", moment(e.Last), e.Count, plain(e.Kind), plain(e.Effect),
			plain(e.Subject), plain(e.Client), plain(e.Resource), plain(strings.Join(e.Policies, ",")), plain(e.Reason), plain(e.Request))
	}
	return table.Flush()
}

// plain makes text harmless to a terminal and a table: strangers may have written it.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}

func jsonLines[T any](out io.Writer, items []T) error {
	encoder := json.NewEncoder(out)
	for _, item := range items {
		if err := encoder.Encode(item); err != nil {
			return err
		}
	}
	return nil
}
