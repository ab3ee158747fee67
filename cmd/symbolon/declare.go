package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"symbolon.dev/internal/admin"
	"symbolon.dev/internal/declare"
)

type declareFlags struct {
	connection
	from              string
	prune, json, code bool
}

func applyCommand() *cobra.Command {
	var f declareFlags
	command := &cobra.Command{
		Use:   "apply -f DIR",
		Short: "Make what a directory declares true",
		Long: "Reads the *.yaml and *.cedar files of a directory (or one file) and makes the deployment what they\n" +
			"say: clients, resources, policies, groups, organisations, people. Applying twice changes nothing.\n\n" + connectionHelp,
		Example: "  symbolon apply -f deployment/ --issuer https://id.example.com\n  symbolon apply -f deployment/ --prune --json",
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return f.run(command, false) },
	}
	f.bind(command)
	return command
}

func diffCommand() *cobra.Command {
	var f declareFlags
	command := &cobra.Command{
		Use:     "diff -f DIR",
		Short:   "Show what apply would change",
		Long:    "Compares a directory with the deployment and changes nothing.\n\n" + connectionHelp,
		Example: "  symbolon diff -f deployment/\n  symbolon diff -f deployment/ --exit-code",
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return f.run(command, true) },
	}
	f.bind(command)
	command.Flags().BoolVar(&f.code, "exit-code", false, "exit with 2 if anything differs")
	return command
}

func (f *declareFlags) bind(command *cobra.Command) {
	f.flags(command)
	command.Flags().StringVarP(&f.from, "file", "f", "", "directory or file that declares")
	command.Flags().BoolVar(&f.prune, "prune", false, "also delete declared objects that the directory does not name")
	command.Flags().BoolVar(&f.json, "json", false, "print the differences as JSON")
	_ = command.MarkFlagRequired("file")
}

func (f *declareFlags) run(command *cobra.Command, dry bool) error {
	set, err := declare.Read(f.from, os.Getenv)
	if err != nil {
		return err
	}
	client, err := f.client(command.Context())
	if err != nil {
		return err
	}
	outcome, err := client.Apply(command.Context(), set, f.prune, dry)
	if err != nil {
		return err
	}
	if f.json {
		err = json.NewEncoder(command.OutOrStdout()).Encode(outcome)
	} else {
		printOutcome(command.OutOrStdout(), outcome, dry)
	}
	if err == nil && f.code && len(outcome.Differences) > 0 {
		return errDiffers
	}
	return err
}

var errDiffers = errors.New("the deployment is not what the directory declares")

var signs = map[string]string{"create": "+", "change": "~", "delete": "-"}

func printOutcome(out io.Writer, outcome admin.Outcome, dry bool) {
	for _, d := range outcome.Differences {
		_, _ = fmt.Fprintf(out, "%s %s %s\n", signs[d.Action], d.Kind, plain(d.ID))
		for _, field := range d.Fields {
			_, _ = fmt.Fprintf(out, "    %s\n", plain(field))
		}
	}
	switch n := len(outcome.Differences); {
	case n == 0:
		_, _ = fmt.Fprintln(out, "Nothing differs.")
	case dry:
		_, _ = fmt.Fprintf(out, "%d would change.\n", n)
	default:
		_, _ = fmt.Fprintf(out, "%d changed.\n", n)
	}
}

func exportCommand() *cobra.Command {
	var f declareFlags
	command := &cobra.Command{
		Use:   "export -f DIR",
		Short: "Write everything declared into a directory, in the form that apply takes",
		Long: "Password hashes are left out; applying a person without one leaves their password as it is.\n\n" +
			connectionHelp,
		Example: "  symbolon export -f deployment/",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := f.client(command.Context())
			if err != nil {
				return err
			}
			set, err := client.Export(command.Context())
			if err != nil {
				return err
			}
			if err := declare.Write(f.from, set); err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(command.OutOrStdout()).Encode(map[string]any{"directory": f.from, "objects": len(set.Objects), "people": len(set.People)})
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "Wrote %d objects and %d people to %s.\n", len(set.Objects), len(set.People), f.from)
			return err
		},
	}
	f.flags(command)
	command.Flags().StringVarP(&f.from, "file", "f", "", "directory to write to")
	command.Flags().BoolVar(&f.json, "json", false, "say as JSON what was written")
	_ = command.MarkFlagRequired("file")
	return command
}
