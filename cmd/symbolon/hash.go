package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/telemetry"
	"symbolon.dev/token"
)

func hashPasswordCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "hash-password",
		Short:   "Read a password from standard input and print its argon2id hash for a declared person",
		Example: "  symbolon hash-password < password.txt\n  printf %s \"$PASSWORD\" | symbolon hash-password",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			password, err := readLine(command.InOrStdin(), command.ErrOrStderr(), "Password: ")
			if err != nil {
				return err
			}
			hash, err := authn.HashPassword(password)
			if err != nil {
				return err
			}
			if utf8.RuneCountInString(password) < authn.MinPassword {
				_, _ = fmt.Fprintf(command.ErrOrStderr(), "warning: a password under %d characters should not stand alone; let its person add a passkey\n", authn.MinPassword)
			}
			_, err = fmt.Fprintln(command.OutOrStdout(), hash)
			return err
		},
	}
}

func hashSecretCommand() *cobra.Command {
	var generate bool
	command := &cobra.Command{
		Use:     "hash-secret",
		Short:   "Print the SHA-256 of a client secret for a declared client; --new makes the secret too",
		Example: "  symbolon hash-secret --new\n  printf %s \"$SECRET\" | symbolon hash-secret",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			secret := token.NewOpaque(token.PrefixSecret)
			if !generate {
				line, err := readLine(command.InOrStdin(), command.ErrOrStderr(), "Secret: ")
				if err != nil {
					return err
				}
				if len(line) < 32 {
					return errors.New("a client secret must be generated: at least 32 characters; try --new")
				}
				secret = symbolon.NewSecret(line)
			} else if _, err := fmt.Fprintf(command.OutOrStdout(), "secret: %s\n", secret.Reveal()); err != nil {
				return err
			}
			sum := secret.Hash()
			_, err := fmt.Fprintf(command.OutOrStdout(), "sha256: %s\n", hex.EncodeToString(sum[:]))
			return err
		},
	}
	command.Flags().BoolVar(&generate, "new", false, "make a new secret and print it first")
	return command
}

// readLine reads one line, asking for it on a terminal. A trailing line end is not part of it.
func readLine(in io.Reader, prompt io.Writer, ask string) (string, error) {
	if file, ok := in.(*os.File); ok && telemetry.Terminal(file) {
		_, _ = fmt.Fprint(prompt, ask)
	}
	text, err := io.ReadAll(io.LimitReader(in, 4096))
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" && err == nil {
		err = errors.New("nothing was given on standard input")
	}
	return line, err
}
