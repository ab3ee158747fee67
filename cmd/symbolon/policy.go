package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"symbolon.dev"
	"symbolon.dev/internal/declare"
	"symbolon.dev/internal/policy"
)

func policyCommand() *cobra.Command {
	command := &cobra.Command{Use: "policy", Short: "Work with policies"}
	command.AddCommand(policyCheckCommand())
	return command
}

func policyCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check PATH",
		Short:   "Validate Cedar policies against the schema, without a deployment",
		Example: "  symbolon policy check deployment/",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			set, err := declare.Read(args[0], os.Getenv)
			if err != nil {
				return err
			}
			var documents []policy.Document
			for _, o := range set.Objects {
				var p symbolon.Policy
				if o.Kind != symbolon.KindPolicy {
					continue
				}
				if err := json.Unmarshal(o.Doc, &p); err != nil {
					return err
				}
				documents = append(documents, policy.Document{ID: o.ID, Text: p.Text})
			}
			if _, err := policy.Compile(documents, nil); err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "%d policy documents are valid.\n", len(documents))
			return err
		},
	}
}
