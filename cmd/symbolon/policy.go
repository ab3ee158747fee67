package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/declare"
)

func policyCommand() *cobra.Command {
	command := &cobra.Command{Use: "policy", Short: "Work with policies"}
	command.AddCommand(policyCheckCommand())
	return command
}

func policyCheckCommand() *cobra.Command {
	var issuer string
	command := &cobra.Command{
		Use:   "check PATH",
		Short: "Validate declared files, policies above all, without a deployment",
		Long: "Checks the *.yaml and *.cedar files of a directory as a fresh deployment would: every document, what\n" +
			"they say of each other, and every policy against the schema and the things that are declared.",
		Example: "  symbolon policy check deployment/",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			set, err := declare.Read(args[0], os.Getenv)
			if err != nil {
				return err
			}
			c, err := catalog.Open(command.Context(), &drawer{}, catalog.Options{Issuer: issuer})
			if err != nil {
				return err
			}
			edits, policies := make([]catalog.Edit, len(set.Objects)), 0
			for i, o := range set.Objects {
				edits[i] = catalog.Edit{Kind: o.Kind, ID: o.ID, Doc: o.Doc, Was: catalog.Whatever}
				if o.Kind == symbolon.KindPolicy {
					policies++
				}
			}
			if err := c.Check(command.Context(), edits...); err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "%d declared objects are valid, %d of them policy documents.\n", len(set.Objects), policies)
			return err
		},
	}
	command.Flags().StringVar(&issuer, "issuer", "https://id.example.com", "the issuer's URL")
	return command
}

// drawer keeps objects for the time of one check.
type drawer struct{ objects []symbolon.Object }

func (d *drawer) Objects(_ context.Context, kinds ...string) ([]symbolon.Object, error) {
	var found []symbolon.Object
	for _, o := range d.objects {
		if slices.Contains(kinds, o.Kind) {
			found = append(found, o)
		}
	}
	return found, nil
}

// Commit takes what a fresh catalog begins with: new objects alone.
func (d *drawer) Commit(_ context.Context, changes ...symbolon.Change) error {
	for _, change := range changes {
		if put, ok := change.(symbolon.PutObject); ok {
			put.Object.Version = put.Was + 1
			d.objects = append(d.objects, put.Object)
		}
	}
	return nil
}
