package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"symbolon.dev/internal/admin"
)

func keysCommand() *cobra.Command {
	command := &cobra.Command{Use: "keys", Short: "See and replace the keys that sign tokens"}
	command.AddCommand(keysListCommand(), keysRotateCommand())
	return command
}

func keysListCommand() *cobra.Command {
	var c connection
	var asJSON bool
	command := &cobra.Command{
		Use:     "list",
		Short:   "List the signing keys and where they are in their life",
		Long:    "A key is published before it signs, and verifies for a while after.\n\n" + connectionHelp,
		Example: "  symbolon keys list\n  symbolon keys list --json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := c.client(command.Context())
			if err != nil {
				return err
			}
			keys, err := client.Keys(command.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return jsonLines(command.OutOrStdout(), keys)
			}
			return printKeys(command.OutOrStdout(), keys)
		},
	}
	c.flags(command)
	command.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return command
}

func printKeys(out io.Writer, keys []admin.SigningKey) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "KEY\tALGORITHM\tSTATE\tSIGNS FROM\tSIGNS UNTIL\tVERIFIES UNTIL")
	for _, k := range keys {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Alg, k.State, moment(k.Active), moment(k.Retired), moment(k.Expires))
	}
	return table.Flush()
}

func moment(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format(time.RFC3339)
}

func keysRotateCommand() *cobra.Command {
	var c connection
	command := &cobra.Command{
		Use:   "rotate ALGORITHM",
		Short: "Replace the signing key of an algorithm now, instead of when it is due",
		Long: "The old key verifies what it signed until that has expired, so nobody is cut off.\n" +
			"If the old key is in wrong hands, that is not enough: end what was issued as well.\n\n" + connectionHelp,
		Example: "  symbolon keys rotate ES256",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client(command.Context())
			if err != nil {
				return err
			}
			if err := client.RotateKey(command.Context(), args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "A new %s key signs from now on.\n", args[0])
			return err
		},
	}
	c.flags(command)
	return command
}
