// Command symbolon is the whole product in one binary: token service, broker, and the tools to
// declare, inspect and try them.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"
)

var version = "dev" // set by the linker

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := fang.Execute(ctx, root(), fang.WithVersion(version), fang.WithoutManpage()); err != nil {
		stop()
		os.Exit(exitCode(err))
	}
}

// exitCode is 1 for whatever failed, and 2 where a command was asked to tell a difference.
func exitCode(err error) int {
	if errors.Is(err, errDiffers) {
		return 2
	}
	return 1
}

func root() *cobra.Command {
	command := &cobra.Command{
		Use:   "symbolon",
		Short: "Zero trust built on tokens: token service, login and access broker in one binary",
		Long: "Symbolon issues tokens (OAuth 2.1, OpenID Connect), authenticates people in front of that,\n" +
			"and brokers every request to the applications behind it.\n\n" +
			"See it at work with `symbolon demo`; begin for real with `symbolon init`.",
		SilenceUsage: true,
	}
	command.AddCommand(demoCommand(), initCommand(), serveCommand(), applyCommand(), diffCommand(), exportCommand(),
		enrolCommand(), userCommand(), sessionCommand(), keysCommand(), auditCommand(), hashPasswordCommand(), hashSecretCommand(), policyCommand(), referenceCommand(), tokenCommand())
	return command
}
