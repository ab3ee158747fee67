package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"symbolon.dev/internal/app"
	"symbolon.dev/internal/config"
	"symbolon.dev/internal/telemetry"
)

func serveCommand() *cobra.Command {
	var file string
	var roles []string
	var check, asJSON bool
	command := &cobra.Command{
		Use:   "serve -c symbolon.yaml",
		Short: "Run the issuer, the broker, or both",
		Long: "Reads a strict configuration file; the environment (SYMBOLON_…) overrides it. Stops cleanly on SIGTERM;\n" +
			"SIGHUP reads certificates and declared files again. Tells systemd when it is ready.",
		Example: "  symbolon serve -c symbolon.yaml\n  symbolon serve -c symbolon.yaml --check\n  symbolon serve -c broker.yaml --roles broker",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			reload := make(chan os.Signal, 1)
			signal.Notify(reload, syscall.SIGHUP) // first of all: until then it would end the process
			environ := os.Environ()
			if len(roles) > 0 {
				environ = append(environ, "SYMBOLON_ROLES="+strings.Join(roles, ","))
			}
			c, err := config.Load(file, environ)
			if err != nil {
				return err
			}
			if check {
				_, err := fmt.Fprintln(command.OutOrStdout(), "The configuration is valid.")
				return err
			}
			lines := telemetry.NewLines(command.ErrOrStderr())
			defer lines.Close()
			a, err := app.New(command.Context(), app.Options{Config: c, Version: version, Reload: reload,
				Log: telemetry.Logger(lines, c.Log.Format, c.Log.Level)})
			if err != nil {
				return err
			}
			return a.Run(command.Context(), func(ready app.Ready) {
				if asJSON {
					_ = json.NewEncoder(command.OutOrStdout()).Encode(ready)
				}
			})
		},
	}
	command.Flags().StringVarP(&file, "config", "c", "", "configuration file; without one the defaults and the environment serve")
	command.Flags().StringSliceVar(&roles, "roles", nil, "override roles: issuer, broker")
	command.Flags().BoolVar(&check, "check", false, "check the configuration and exit")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON line on standard output when ready")
	return command
}
