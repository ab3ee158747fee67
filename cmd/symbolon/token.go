package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"symbolon.dev/token"
)

func tokenCommand() *cobra.Command {
	command := &cobra.Command{Use: "token", Short: "Look at tokens"}
	command.AddCommand(tokenVerifyCommand())
	return command
}

// verdict is what `token verify --json` says of one line.
type verdict struct {
	Valid   bool   `json:"valid"`
	Payload string `json:"payload,omitempty"` // base64url, of a valid one
	Error   string `json:"error,omitempty"`
}

const maxTokenLine = 1 << 20

func tokenVerifyCommand() *cobra.Command {
	var file string
	var asJSON bool
	command := &cobra.Command{
		Use:   "verify --jwks FILE",
		Short: "Check the form and signature of compact JWS tokens, one a line on standard input",
		Long: "Says of each line whether it is a well-formed token signed by a key of the set, as strictly as the\n" +
			"product itself reads: no claim, type or time is judged. Without --json it exits with 1 if any line is not valid.",
		Example: "  symbolon token verify --jwks jwks.json < tokens.txt\n  echo \"$TOKEN\" | symbolon token verify --jwks jwks.json --json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			keys, err := token.ParseJWKS(text)
			if err != nil {
				return err
			}
			verifier := &token.Verifier{Keys: keys, AnyType: true}
			return verifyLines(command.InOrStdin(), command.OutOrStdout(), verifier, asJSON)
		},
	}
	command.Flags().StringVar(&file, "jwks", "", "file with the JSON Web Key Set of those who may have signed")
	command.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, in the order of the input")
	_ = command.MarkFlagRequired("jwks")
	return command
}

var errNotValid = errors.New("not every token is valid")

func verifyLines(in io.Reader, out io.Writer, verifier *token.Verifier, asJSON bool) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxTokenLine)
	writer := bufio.NewWriter(out)
	all := true
	for lines.Scan() {
		v := judge(verifier, lines.Text())
		all = all && v.Valid
		if err := v.write(writer, asJSON); err != nil {
			return err
		}
	}
	if err := errors.Join(lines.Err(), writer.Flush()); err != nil {
		return err
	}
	if !all && !asJSON {
		return errNotValid
	}
	return nil
}

func judge(verifier *token.Verifier, line string) verdict {
	payload, err := verifier.Payload(line)
	if err != nil {
		return verdict{Error: err.Error()}
	}
	return verdict{Valid: true, Payload: base64.RawURLEncoding.EncodeToString(payload)}
}

func (v verdict) write(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(v)
	}
	text := "invalid  " + v.Error
	if v.Valid {
		text = "valid    " + v.Payload
	}
	_, err := fmt.Fprintln(out, text)
	return err
}
