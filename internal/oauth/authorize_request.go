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
	promptCreate  = "create" // Initiating User Registration via OpenID Connect 1.0
)

var prompts = []string{promptNone, promptLogin, promptConsent, promptSelect, promptCreate}

func (a *authorization) wellFormed() error { return a.malformed }

// asProfiled refuses what did not come in the form that the client is declared to use.
func (a *authorization) asProfiled() error {
	switch {
	case a.rules.Pushed && !a.pushing && (a.pushed == nil || a.pushed.Parked):
		return invalid("this client must push its authorization requests (RFC 9126)")
	case a.rules.SignedRequest && !a.signed:
		return invalid("this client must sign its authorization requests (RFC 9101)")
	case a.rules.Resource && len(a.params.All("resource")) == 0:
		return symbolon.Refuse(symbolon.Invalid, "invalid_target", "this client must name the resource that the token is for (RFC 8707)")
	}
	return nil
}

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
	return a.client.PKCE == pkceNonce && !a.rules.Challenge && !client.Public(a.client) && a.params.Get("nonce") != "" &&
		slices.Contains(a.params.words("scope"), grant.ScopeOpenID)
}

// readKey takes the thumbprint of the key that alone may redeem the code.
func (a *authorization) readKey() error {
	if jkt := a.params.Get("dpop_jkt"); jkt != "" && !grant.ValidChallenge(jkt) {
		return invalid("dpop_jkt must be the base64url of a SHA-256, 43 characters without padding")
	}
	return nil
}

const maxDetails = 3 << 10 // bytes of all authorization details: they travel to the consent page

func (a *authorization) readDetails() (err error) {
	raw := a.params.Get("authorization_details")
	if raw == "" {
		return nil
	}
	if a.details, err = a.catalog.ReadDetails(a.client, raw); err != nil {
		return err
	}
	size := 0
	for _, d := range a.details {
		size += len(d)
	}
	if size > maxDetails {
		return symbolon.Refuse(symbolon.Invalid, "invalid_authorization_details", "the authorization details are over %d bytes", maxDetails)
	}
	return nil
}

// resolve finds the resources that are asked for: those named, and those of the details.
func (a *authorization) resolve() error {
	scopes, err := scopesOf(&a.params)
	if err != nil {
		return err
	}
	named := a.params.All("resource")
	if usual, ok := a.catalog.Resource(symbolon.ResourceID(a.client.DefaultResource)); ok && len(named) == 0 && len(a.details) > 0 {
		named = append(named, usual.Identifier)
	}
	for _, d := range a.details {
		if r, ok := a.catalog.DetailResource(d); ok {
			named = append(named, r.Identifier)
		}
	}
	a.ask, err = a.Grants.Ask(a.catalog, a.client, scopes, named)
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
		a.maxAge = a.client.DefaultMaxAge
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
	wanted := a.params.words("acr_values")
	if len(wanted) == 0 {
		for _, acr := range a.client.DefaultACR {
			wanted = append(wanted, string(acr))
		}
	}
	a.acr = weakest(wanted)
	return nil
}

// weakest of the classes that are known here.
func weakest(values []string) (least symbolon.ACR) {
	for _, value := range values {
		acr := symbolon.ACR(value)
		if acr.Level() > 0 && (least == symbolon.ACRNone || acr.Level() < least.Level()) {
			least = acr
		}
	}
	return least
}
