package authn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"symbolon.dev"
)

// Passkeys is WebAuthn (Level 3): discoverable credentials with user verification. A proof by
// one is bound to our origin, so it cannot be relayed by another site.
type Passkeys struct {
	*core
	web *webauthn.WebAuthn
}

// KindPasskey is the kind of a passkey's [symbolon.Credential].
const KindPasskey = "passkey"

const (
	credentialPurpose = "credential"
	maxAnswer         = 64 << 10 // bytes of a browser's JSON
	countWindow       = time.Hour
)

func newPasskeys(shared *core, o Options) (*Passkeys, error) {
	for _, origin := range o.Origins {
		if err := originFits(origin, o.RPID); err != nil {
			return nil, symbolon.Errorf(symbolon.Invalid, "passkeys: origin %q: %v", origin, err)
		}
	}
	discoverable := true
	web, err := webauthn.New(&webauthn.Config{
		RPID: o.RPID, RPOrigins: o.Origins, RPDisplayName: o.Name,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &discoverable,
			UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{
			Login:        webauthn.TimeoutConfig{Timeout: ceremonyLifetime, TimeoutUVD: ceremonyLifetime},
			Registration: webauthn.TimeoutConfig{Timeout: ceremonyLifetime, TimeoutUVD: ceremonyLifetime},
		},
	})
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "passkeys: %v", err)
	}
	return &Passkeys{core: shared, web: web}, nil
}

// originFits holds an origin to the rules that browsers have for it: the RP id is its host or a
// parent of it, and plain HTTP is for this machine alone.
func originFits(origin, rpID string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return errors.New("want scheme://host[:port]")
	}
	host := u.Hostname()
	if host != rpID && !strings.HasSuffix(host, "."+rpID) {
		return fmt.Errorf("is not within %q", rpID)
	}
	local := host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return errors.New("wants https")
	}
	return nil
}

// Begin asks for a passkey. With user "" any person's is taken, which is what a login page wants:
// no name is typed, so none can be tried. A user is given only for somebody who is signed in
// already: then their passkeys are listed and nobody else's is taken. NotFound if they have none.
func (p *Passkeys) Begin(ctx context.Context, user symbolon.UserID) (Ceremony, error) {
	if user == "" {
		options, data, err := p.web.BeginDiscoverableLogin()
		if err != nil {
			return Ceremony{}, err
		}
		return p.ceremony(forLogin, "", options.Response, data)
	}
	holder, err := p.holder(ctx, user)
	if err != nil {
		return Ceremony{}, err
	}
	if len(holder.credentials) == 0 {
		return Ceremony{}, symbolon.Errorf(symbolon.NotFound, "there is no passkey")
	}
	options, data, err := p.web.BeginLogin(holder)
	if err != nil {
		return Ceremony{}, err
	}
	return p.ceremony(forLogin, user, options.Response, data)
}

// Finish judges an answer to [Passkeys.Begin] (an AuthenticationResponseJSON). Unauthenticated
// for whatever is wrong with it; Denied if it is right and the account is disabled.
func (p *Passkeys) Finish(ctx context.Context, from Caller, state string, response []byte) (Result, error) {
	asked, answer, err := p.readLogin(state, response)
	if err != nil {
		return Result{}, p.refuse(ctx, from, nil, err)
	}
	holder, err := p.holderOf(ctx, asked, answer)
	if symbolon.IsKind(err, symbolon.NotFound) {
		return Result{}, p.refuse(ctx, from, nil, err)
	}
	if err != nil {
		return Result{}, err
	}
	proven, err := p.verify(holder, asked, answer)
	if err != nil {
		return Result{}, p.refuse(ctx, from, holder.user, err)
	}
	if holder.user.Disabled {
		return Result{}, errDisabled()
	}
	return p.accept(ctx, from, holder, asked, answer, proven)
}

func (p *Passkeys) readLogin(state string, response []byte) (*pending, *protocol.ParsedCredentialAssertionData, error) {
	asked, err := p.open(forLogin, state)
	if err != nil {
		return nil, nil, err
	}
	answer, err := parseAssertion(response)
	return asked, answer, err
}

func parseAssertion(response []byte) (*protocol.ParsedCredentialAssertionData, error) {
	if len(response) > maxAnswer {
		return nil, errors.New("the answer is too long")
	}
	return protocol.ParseCredentialRequestResponseBytes(response)
}

// holderOf finds whose passkey answered. The user handle in the answer is what the authenticator
// was told at registration; it must name the person whose the stored credential is.
func (p *Passkeys) holderOf(ctx context.Context, asked *pending, answer *protocol.ParsedCredentialAssertionData) (*holder, error) {
	stored, err := p.store.CredentialByHandle(ctx, answer.RawID)
	if err != nil {
		return nil, err
	}
	if stored.Kind != KindPasskey || (asked.User != "" && asked.User != stored.User) {
		return nil, symbolon.Errorf(symbolon.NotFound, "the passkey is not one of those asked for")
	}
	return p.holder(ctx, stored.User)
}

func (p *Passkeys) verify(h *holder, asked *pending, answer *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
	if asked.User != "" {
		return p.web.ValidateLogin(h, asked.Data, answer)
	}
	return p.web.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		if string(handle) != string(h.user.ID) {
			return nil, errors.New("the user handle names another person")
		}
		return h, nil
	}, asked.Data, answer)
}

// accept writes down that the passkey was used. The row is deleted and put back in one commit, so
// that one which its owner removed meanwhile stays removed.
func (p *Passkeys) accept(ctx context.Context, from Caller, h *holder, asked *pending, answer *protocol.ParsedCredentialAssertionData, proven *webauthn.Credential) (Result, error) {
	stored := h.stored(proven.ID)
	if proven.Authenticator.CloneWarning {
		return Result{}, p.refuse(ctx, from, h.user, fmt.Errorf("the signature counter of %s went back: it may have been copied", stored.ID))
	}
	next, err := p.sealed(*stored, proven)
	if err != nil {
		return Result{}, err
	}
	next.LastUsed = p.clock()
	changes := []symbolon.Change{asked.spent(), symbolon.DeleteCredential{ID: next.ID, User: next.User}, symbolon.PutCredential{Credential: next}}
	if count := answer.Response.AuthenticatorData.Counter; count > 0 {
		changes = append(changes, p.counted(next.ID, count))
	}
	err = p.store.Commit(ctx, changes...)
	if symbolon.IsKind(err, symbolon.Conflict) || symbolon.IsKind(err, symbolon.NotFound) { // answered before, or removed meanwhile
		return Result{}, p.refuse(ctx, from, h.user, err)
	}
	if err != nil {
		return Result{}, err
	}
	return resultOf(h.user, next.ID, factorOf(proven, answer.Response.AuthenticatorData.Flags)), nil
}

// counted keeps one value of a counter from being used by two authenticators at the same moment.
func (p *Passkeys) counted(id symbolon.CredentialID, count uint32) symbolon.Change {
	value := "counter/" + string(id) + "/" + strconv.FormatUint(uint64(count), 10)
	return symbolon.MarkOnce{Key: symbolon.HashOf(value), Expires: p.clock().Add(countWindow)}
}

// factorOf is what one assertion proves. Attestation is not verified, so no key is said to be in
// hardware.
func factorOf(proven *webauthn.Credential, flags protocol.AuthenticatorFlags) Factor {
	return Factor{Method: MethodPasskey, Verified: flags.HasUserVerified(), Synced: proven.Flags.BackupEligible}
}

// refuse counts a wrong answer and says the same of each.
func (p *Passkeys) refuse(ctx context.Context, from Caller, user *symbolon.User, cause error) error {
	return errPasskey(errors.Join(cause, p.tellFailure(ctx, from, user, MethodPasskey)))
}

func errPasskey(cause error) error {
	return symbolon.Errorf(symbolon.Unauthenticated, "this passkey was not accepted; try again, or use another one").Because(detailed(cause))
}

// detailed adds what the library says for developers; it goes to the log alone.
func detailed(err error) error {
	var theirs *protocol.Error
	if errors.As(err, &theirs) && theirs.DevInfo != "" {
		return fmt.Errorf("%w (%s)", err, theirs.DevInfo)
	}
	return err
}
