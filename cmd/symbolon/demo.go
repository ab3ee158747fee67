package main

import (
	"github.com/spf13/cobra"

	"symbolon.dev/internal/demo"
)

func demoCommand() *cobra.Command {
	o := demo.Options{Version: version}
	command := &cobra.Command{
		Use:   "demo",
		Short: "See it at work: issuer, broker, sample apps, services and people on one loopback port",
		Long: "Runs everything in one process with an embedded database. The sample apps listen only on sockets\n" +
			"that the broker reaches. Ctrl-C ends it; without --data nothing is left behind.",
		Example: "  symbolon demo\n  symbolon demo --tour\n  symbolon demo --tls --listen 127.0.0.1:8443\n  symbolon demo --listen 127.0.0.1:0 --json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			o.Out, o.Errors = command.OutOrStdout(), command.ErrOrStderr()
			return demo.Run(command.Context(), o)
		},
	}
	command.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8080", "loopback address; port 0 picks a free one")
	command.Flags().StringVar(&o.Data, "data", "", "directory to keep the data in (default: a temporary one)")
	command.Flags().BoolVar(&o.TLS, "tls", false, "serve TLS with a development CA of its own")
	command.Flags().BoolVar(&o.JSON, "json", false, "print the facts as one JSON line when ready")
	command.Flags().BoolVar(&o.Tour, "tour", false, "play the service half step by step in the terminal")
	return command
}
