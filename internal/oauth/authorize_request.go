package oauth

import (
	"slices"
	"strconv"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/grant"
)

// pkceNonce is the registration that lets the OIDC nonce stand in for PKCE.
const pkceNonce = "nonce"

// The values of prompt (OIDC Core §3.1.2.1), as metadata publishes them.
const (
	promptNone    = "none"
	promptLogin   = "login"
	promptConsent = "consent"
	promptSelect  = "select_account"
)

var prompts = []string{promptNone, promptLogin, promptConsent, promptSelect}

func (a *authorization) wellFormed() error { return a.malformed }

func (a *authorization) mayUseCodes() error {
	if !grant.Registered(a.client, grant.TypeCode) {
		return symbolon.Refuse(symbolon.Denied, "unauthorized_client", "this client is not registered for authorization codes")
	}
	return nil
}

func (a *authorization) responseType() error {
	switch a.params.Get("response_type") {
	case "code":
		return nil
	case "":
		return invalid("the parameter response_type is missing")
	}
	return symbolon.Refuse(symbolon.Invalid, "unsupported_response_type", "the only response_type here is code")
}

func (a *authorization) responseMode() error {
	if mode := a.params.Get("response_mode"); mode != "" && mode != "query" {
		return invalid("the only response_mode here is query")
	}
	return nil
}

func (a *authorization) noRequestObject() error {
	for _, name := range [...]string{"request", "request_uri", "registration"} {
		if a.params.Get(name) != "" {
			return symbolon.Refuse(symbolon.Invalid, name+"_not_supported", "the parameter %s is not taken here", name)
		}
	}
	return nil
}

// pkce asks for an S256 challenge, of every client. Only a confidential one that is declared so
// may send an OpenID nonce instead (RFC 9700 §2.1.1).
func (a *authorization) pkce() error {
	challenge, method := a.params.Get("code_challenge"), a.params.Get("code_challenge_method")
	if challenge == "" && method == "" && a.nonceStandsIn() {
		return nil
	}
	switch {
	case challenge == "":
		return invalid("the parameter code_challenge is missing: PKCE is required")
	case method != "S256":
		return invalid("code_challenge_method must be S256")
	case !grant.ValidChallenge(challenge):
		return invalid("code_challenge must be the base64url of a SHA-256, 43 characters without padding")
	}
	a.challenge = challenge
	return nil
}

func (a *authorization) nonceStandsIn() bool {
	return a.client.PKCE == pkceNonce && !client.Public(a.client) && a.params.Get("nonce") != "" &&
		slices.Contains(a.params.words("scope"), grant.ScopeOpenID)
}

func (a *authorization) resolve() error {
	scopes, err := scopesOf(&a.params)
	if err != nil {
		return err
	}
	a.ask, err = a.Grants.Ask(a.catalog, a.client, scopes, a.params.All("resource"))
	if err == nil {
		a.ev.Resource = string(a.ask.Resources[0].ID)
	}
	return err
}

func (a *authorization) readPrompt() error {
	a.prompt = a.params.words("prompt")
	for _, value := range a.prompt {
		if !slices.Contains(prompts, value) {
			return invalid("prompt has a value that is not offered; the metadata lists those that are")
		}
	}
	if len(a.prompt) > 1 && slices.Contains(a.prompt, promptNone) {
		return invalid("prompt=none goes with no other value")
	}
	return nil
}

func (a *authorization) prompts(value string) bool { return slices.Contains(a.prompt, value) }

const maxMaxAge = 10 * 365 * 24 * 3600 // seconds

func (a *authorization) readMaxAge() error {
	text := a.params.Get("max_age")
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > maxMaxAge {
		return invalid("max_age must be a number of seconds")
	}
	a.maxAge = &seconds
	return nil
}

// readACR takes the weakest of the classes that exist here: whoever reaches that reaches one of
// those asked for. A request that names only unknown ones gets what there is, and the ID token
// says what that was (OIDC Core §5.5.1.1).
func (a *authorization) readACR() error {
	for _, value := range a.params.words("acr_values") {
		acr := symbolon.ACR(value)
		if acr.Level() > 0 && (a.acr == symbolon.ACRNone || acr.Level() < a.acr.Level()) {
			a.acr = acr
		}
	}
	return nil
}
