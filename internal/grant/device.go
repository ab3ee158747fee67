package grant

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// The device authorization grant, RFC 8628. A user code has 20^8 values, 34 bits. Only a person
// who is signed in may have one looked up, and only after they sent it by a form of ours; each look
// counts against them, and each miss against the network they come from. So with a thousand live
// codes an account that guesses for a day hits one with a chance of 2 in 100,000 (§5.1).
const (
	deviceLife = 10 * time.Minute

	// letters of a user code: no vowels, so no words, and nothing that looks alike (§6.1).
	codeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	codeLength  = 8

	personLooks   = 20 // of codes, by one person within lookWindow
	networkMisses = 50 // of codes, from one network
	lookWindow    = time.Hour

	macUserCode = "grant/usercode"
	macNetwork  = "grant/network"
	sealEntered = "grant/entered"
)

// DeviceCodes is what a device is given: RFC 8628 §3.2.
type DeviceCodes struct {
	DeviceCode symbolon.Secret
	UserCode   string // with a dash, as it is shown
	ExpiresIn  int64  // seconds
	Interval   int64
}

// StartDevice gives a device its codes. The client is authenticated, or public.
func (g *Grants) StartDevice(ctx context.Context, c *symbolon.Client, scopes, resources []string) (DeviceCodes, error) {
	if !Registered(c, TypeDevice) {
		return DeviceCodes{}, symbolon.Refuse(symbolon.Denied, "unauthorized_client", "this client is not registered for the device grant")
	}
	ask, err := g.Ask(g.Catalog.Current(), c, scopes, resources)
	if err != nil {
		return DeviceCodes{}, err
	}
	raw, now := token.NewOpaque(token.PrefixTicket), g.Clock()
	w := &waiting{Client: c.ID, Scopes: ask.Scopes, Resources: ask.IDs(), Issued: now, Ends: now.Add(deviceLife),
		Gives: symbolon.NewAuthorizationID(), hash: raw.Hash(), kind: symbolon.DeviceTicket}
	for range 3 { // two live codes alike: once in millions
		w.UserCode = newUserCode()
		if err = g.putDevice(ctx, w); !symbolon.IsKind(err, symbolon.Conflict) {
			break
		}
	}
	return DeviceCodes{raw, w.UserCode, int64(deviceLife / time.Second), int64(pollInterval / time.Second)}, err
}

// putDevice stores a request and the way to it from its user code, which is kept only as a MAC.
func (g *Grants) putDevice(ctx context.Context, w *waiting) error {
	row, err := g.put(w)
	if err != nil {
		return err
	}
	way := g.userCodeHash(w.UserCode)
	return g.Store.Commit(ctx, row, symbolon.IssueTicket{Ticket: symbolon.Ticket{
		Hash: way, Kind: symbolon.UserCodeTicket, Expires: w.Ends, Data: g.Vault.Seal(sealWaiting, w.hash[:], way[:]),
	}})
}

func (g *Grants) userCodeHash(code string) symbolon.Hash {
	return g.Vault.MAC(macUserCode, []byte(code))
}

// newUserCode draws letters evenly, by leaving out the bytes that do not divide.
func newUserCode() string {
	const fair = 256 - 256%len(codeLetters)
	code := make([]byte, 0, codeLength+1)
	for len(code) <= codeLength {
		var b [1]byte
		_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
		if int(b[0]) >= fair {
			continue
		}
		if len(code) == codeLength/2 {
			code = append(code, '-')
		}
		code = append(code, codeLetters[int(b[0])%len(codeLetters)])
	}
	return string(code)
}

// UserCode writes what somebody typed as the code it can only mean, in whatever case and with
// whatever between the letters (§6.1); false if it cannot be one.
func UserCode(typed string) (string, bool) {
	if len(typed) > 64 {
		return "", false
	}
	code := make([]byte, 0, codeLength+1)
	for _, r := range typed {
		if strings.ContainsRune(" -._", r) {
			continue
		}
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		if !strings.ContainsRune(codeLetters, r) || len(code) > codeLength {
			return "", false
		}
		if len(code) == codeLength/2 {
			code = append(code, '-')
		}
		code = append(code, byte(r))
	}
	return string(code), len(code) == codeLength+1
}

// Enter keeps a code that was typed into our own form while the person signs in: only so can it be
// looked up, and no link of somebody else's makes a browser guess. Invalid if it is no code.
func (g *Grants) Enter(typed string) (string, error) {
	code, ok := UserCode(typed)
	if !ok {
		return "", symbolon.Errorf(symbolon.Invalid, "a code is %d letters, as your device shows them", codeLength)
	}
	return base64.RawURLEncoding.EncodeToString(g.Vault.Seal(sealEntered, []byte(code), nil)), nil
}

// Entered finds the device's request for a code that was entered, for a person who is signed in.
// NotFound if the code is wrong or over, TooMany after too many of those.
func (g *Grants) Entered(ctx context.Context, user symbolon.UserID, from netip.Addr, entered string) (*Question, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(entered)
	if err != nil {
		return nil, wrongCode()
	}
	code, err := g.Vault.Open(sealEntered, sealed, nil)
	if err != nil {
		return nil, wrongCode()
	}
	network := g.networkKey(from)
	if err := g.mayLook(ctx, user, network); err != nil {
		return nil, err
	}
	q, err := g.byUserCode(ctx, string(code), user)
	if symbolon.IsKind(err, symbolon.NotFound) {
		now := g.Clock()
		if err := g.Store.Commit(ctx, symbolon.Attempt{Key: network, At: now, Expires: now.Add(lookWindow)}); err != nil {
			return nil, err
		}
		return nil, wrongCode()
	}
	return q, err
}

func wrongCode() error {
	return symbolon.Errorf(symbolon.NotFound, "this code is not known, or is over; look at your device again")
}

func (g *Grants) byUserCode(ctx context.Context, code string, user symbolon.UserID) (*Question, error) {
	way := g.userCodeHash(code)
	ticket, err := g.Store.Ticket(ctx, way)
	if err != nil {
		return nil, err
	}
	plain, err := g.Vault.Open(sealWaiting, ticket.Data, way[:])
	if err != nil || len(plain) != len(symbolon.Hash{}) {
		return nil, symbolon.Errorf(symbolon.Internal, "a stored user code cannot be opened").Because(err)
	}
	w, err := g.find(ctx, symbolon.Hash(plain), symbolon.DeviceTicket)
	if err != nil {
		return nil, err
	}
	q, err := g.question(ctx, w)
	if err == nil {
		q.Ref = g.refer(w, user)
	}
	return q, err
}

// networkKey names the counter of wrong codes from what one subscriber usually has.
func (g *Grants) networkKey(from netip.Addr) string {
	if from = from.Unmap(); from.Is6() {
		if network, err := from.WithZone("").Prefix(64); err == nil {
			from = network.Addr()
		}
	}
	mac := g.Vault.MAC(macNetwork, []byte(from.String()))
	return "usercode-network/" + hex.EncodeToString(mac[:16])
}

// mayLook counts a look-up before it is made, right or wrong, so that many at once are no more
// than one after the other.
func (g *Grants) mayLook(ctx context.Context, user symbolon.UserID, network string) error {
	key, now := "usercode/"+string(user), g.Clock()
	if err := g.Store.Commit(ctx, symbolon.Attempt{Key: key, At: now, Expires: now.Add(lookWindow)}); err != nil {
		return err
	}
	own, err := g.Store.Attempts(ctx, key)
	if err != nil {
		return err
	}
	misses, err := g.Store.Attempts(ctx, network)
	if err == nil && (own > personLooks || misses >= networkMisses) {
		return symbolon.Errorf(symbolon.TooMany, "too many codes were tried; wait an hour, then take a new code from your device")
	}
	return err
}

// device redeems a device code: RFC 8628 §3.4.
func (g *Grants) device(ctx context.Context, q *Request) (*Response, error) {
	if q.DeviceCode == "" {
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the parameter device_code is missing")
	}
	return g.poll(ctx, q, q.DeviceCode, symbolon.DeviceTicket)
}
