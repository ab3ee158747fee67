package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"symbolon.dev"
	"symbolon.dev/internal/admin"
)

// act is a command that does one thing to what its one argument names.
func act(use, short, long, example string, do func(context.Context, *admin.Client, string, io.Writer) error) *cobra.Command {
	var c connection
	command := &cobra.Command{
		Use: use, Short: short, Long: long + "\n\n" + connectionHelp, Example: example, Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client(command.Context())
			if err != nil {
				return err
			}
			return do(command.Context(), client, args[0], command.OutOrStdout())
		},
	}
	c.flags(command)
	return command
}

func userCommand() *cobra.Command {
	command := &cobra.Command{Use: "user", Short: "Shut a person out, or let them in again"}
	command.AddCommand(
		act("disable LOGIN", "Shut a person out: sessions, tokens and open connections end at once",
			"Nobody signs in as that person until they are enabled. Declared files leave it at that, unless they\nsay `disabled: false`.",
			"  symbolon user disable ada",
			func(ctx context.Context, c *admin.Client, login string, out io.Writer) error {
				return said(out, c.Disable(ctx, login), "%s is shut out.\n", login)
			}),
		act("enable LOGIN", "Let a person in again; nothing that ended revives",
			"They sign in anew with the passkeys and the password that they had.",
			"  symbolon user enable ada",
			func(ctx context.Context, c *admin.Client, login string, out io.Writer) error {
				return said(out, c.Enable(ctx, login), "%s may sign in again.\n", login)
			}))
	return command
}

func sessionCommand() *cobra.Command {
	command := &cobra.Command{Use: "session", Short: "End a session"}
	command.AddCommand(act("end ID", "End a session: its tokens die and its open connections are cut",
		"`symbolon audit search --type session.started` shows the ids of sessions.",
		"  symbolon session end ses_50z0w6n3qfx7qazwp1fw55wehg",
		func(ctx context.Context, c *admin.Client, id string, out io.Writer) error {
			return said(out, c.EndSession(ctx, symbolon.SessionID(id)), "%s is over.\n", id)
		}))
	return command
}

func said(out io.Writer, err error, format string, args ...any) error {
	if err == nil {
		_, err = fmt.Fprintf(out, format, args...)
	}
	return err
}

func enrolCommand() *cobra.Command {
	var asJSON bool
	command := act("enrol LOGIN", "Make a single-use link by which a person adds a first passkey or password",
		"Give the link to that person over a channel that is theirs. It works once, for 24 hours.",
		"  symbolon enrol ada\n  symbolon enrol ada --json",
		func(ctx context.Context, c *admin.Client, login string, out io.Writer) error {
			link, err := c.Enrol(ctx, login)
			if err == nil && asJSON {
				return json.NewEncoder(out).Encode(link)
			}
			return said(out, err, "%s\n", link.URL)
		})
	command.Flags().BoolVar(&asJSON, "json", false, "print the link as JSON")
	return command
}
