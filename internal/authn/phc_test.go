package authn

import (
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/authn/authntest"
)

func TestHashPasswordMakesWhatCheckHashTakes(t *testing.T) {
	text, err := HashPassword("four turnips in a velvet wagon")
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckHash(text); err != nil {
		t.Error(err)
	}
	if again, _ := HashPassword("four turnips in a velvet wagon"); again == text {
		t.Error("two hashes share a salt")
	}
	if _, err := HashPassword("short"); err == nil {
		t.Error("a short password was hashed")
	}
}

func TestOnlyTheOneFormOfAHashIsRead(t *testing.T) {
	const salt, sum = "c29tZXNhbHQ", "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if err := CheckHash("$argon2id$v=19$m=256,t=2,p=1$" + salt + "$" + sum); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "$", "plain", "$argon2i$v=19$m=256,t=2,p=1$" + salt + "$" + sum, "$argon2id$v=16$m=256,t=2,p=1$" + salt + "$" + sum,
		"$argon2id$m=256,t=2,p=1$" + salt + "$" + sum, "$argon2id$v=19$t=2,m=256,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$m=0256,t=2,p=1$" + salt + "$" + sum, "$argon2id$v=19$m=+256,t=2,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$m=256,t=0,p=1$" + salt + "$" + sum, "$argon2id$v=19$m=4,t=2,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$m=4294967295,t=2,p=1$" + salt + "$" + sum, "$argon2id$v=19$m=256,t=99,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$m=8,t=2,p=2$" + salt + "$" + sum, "$argon2id$v=19$m=256,t=2,p=1,keyid=x$" + salt + "$" + sum,
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "=$" + sum, "$argon2id$v=19$m=256,t=2,p=1$c2E$" + sum,
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "$c2E", "$argon2id$v=19$m=256,t=2,p=1$" + salt + "$" + sum + "$", "x$argon2id$v=19$m=256,t=2,p=1$" + salt + "$" + sum,
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "\n$" + sum, strings.Repeat("$", 1000),
	} {
		if CheckHash(bad) == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// FuzzPHC holds the parser to one form: what it reads, it writes the same.
func FuzzPHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$$")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parsePHC(text)
		if err != nil {
			return
		}
		if parsed.String() != text {
			t.Errorf("%q reads as %q", text, parsed)
		}
		if parsed.memory > maxMemory || parsed.time > maxTime || parsed.threads > maxThreads {
			t.Errorf("%q asks for too much", text)
		}
	})
}

// FuzzAnswers feeds both parsers of what browsers send: no input may panic or be huge.
func FuzzAnswers(f *testing.F) {
	device := authntest.New("https://id.example.com")
	made, _ := device.Create([]byte(`{"challenge":"AAAAAAAAAAAAAAAAAAAAAA","user":{"id":"AAAA"}}`))
	used, _ := device.Get([]byte(`{"challenge":"AAAAAAAAAAAAAAAAAAAAAA"}`))
	f.Add(made)
	f.Add(used)
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if parsed, err := parseCreation(answer); err == nil && parsed == nil {
			t.Error("neither a registration nor an error")
		}
		if parsed, err := parseAssertion(answer); err == nil && parsed == nil {
			t.Error("neither an assertion nor an error")
		}
	})
}

// FuzzGuessable looks for input on which weighing breaks.
func FuzzGuessable(f *testing.F) {
	f.Add("four turnips in a velvet wagon")
	f.Add("\u00ff\u0000😀p4$$w0rd")
	user := &symbolon.User{Login: "alice"}
	f.Fuzz(func(t *testing.T, password string) {
		if normal, err := normalise(password); err == nil && guessable(normal, "Symbolon", user) == nil && len(normal) < enough {
			t.Errorf("%q is too short to weigh enough", normal)
		}
	})
}

func TestStrengthIsWhatWasDone(t *testing.T) { // S35, S38
	password := Factor{Method: MethodPassword}
	key := Factor{Method: MethodPasskey}
	verified := Factor{Method: MethodPasskey, Verified: true}
	hardware := Factor{Method: MethodPasskey, Verified: true, Attested: true}
	for name, c := range map[string]struct {
		factors []Factor
		acr     symbolon.ACR
		amr     string
	}{
		"nothing":                     {nil, symbolon.ACRNone, ""},
		"a made-up method":            {[]Factor{{Method: "hope", Verified: true, Attested: true}}, symbolon.ACRNone, ""},
		"password":                    {[]Factor{password}, symbolon.ACRSingle, "pwd"},
		"password twice":              {[]Factor{password, password}, symbolon.ACRSingle, "pwd"},
		"key without verification":    {[]Factor{key}, symbolon.ACRSingle, "pop user"},
		"two keys":                    {[]Factor{key, key}, symbolon.ACRSingle, "pop user"},
		"password and key":            {[]Factor{password, key}, symbolon.ACRMulti, "mfa pop pwd user"},
		"passkey":                     {[]Factor{verified}, symbolon.ACRPhishing, "mfa pop user"},
		"password and passkey":        {[]Factor{password, verified}, symbolon.ACRPhishing, "mfa pop pwd user"},
		"attested hardware":           {[]Factor{hardware}, symbolon.ACRHardware, "hwk mfa pop user"},
		"attested, but synced":        {[]Factor{{Method: MethodPasskey, Verified: true, Attested: true, Synced: true}}, symbolon.ACRPhishing, "mfa pop swk user"},
		"attested, but user unproven": {[]Factor{{Method: MethodPasskey, Attested: true}}, symbolon.ACRSingle, "hwk pop user"},
	} {
		acr, amr := Strength(c.factors)
		if acr != c.acr || strings.Join(amr, " ") != c.amr {
			t.Errorf("%s: %q %v, want %q %s", name, acr, amr, c.acr, c.amr)
		}
	}
}

func TestASessionClaimsNoMoreThanWasDoneNow(t *testing.T) { // S34
	password, key := Factor{Method: MethodPassword}, Factor{Method: MethodPasskey}
	passkey := Factor{Method: MethodPasskey, Verified: true}
	for name, c := range map[string]struct {
		acr   symbolon.ACR
		amr   []string
		done  Factor
		after symbolon.ACR
	}{
		"password, then passkey":                {symbolon.ACRSingle, []string{"pwd"}, passkey, symbolon.ACRPhishing},
		"password, then a key":                  {symbolon.ACRSingle, []string{"pwd"}, key, symbolon.ACRMulti},
		"passkey, then password":                {symbolon.ACRPhishing, []string{"mfa", "pop", "user"}, password, symbolon.ACRSingle},
		"passkey again":                         {symbolon.ACRPhishing, []string{"mfa", "pop", "user"}, passkey, symbolon.ACRPhishing},
		"both factors, then the password again": {symbolon.ACRMulti, []string{"mfa", "pop", "pwd", "user"}, password, symbolon.ACRSingle},
		"nothing new":                           {symbolon.ACRPhishing, []string{"mfa", "pop", "pwd", "user"}, Factor{}, symbolon.ACRNone},
	} {
		if acr, amr := After(c.acr, c.amr, []Factor{c.done}); acr != c.after {
			t.Errorf("%s: %q %v, want %q", name, acr, amr, c.after)
		}
	}
}

func TestBrowsersInWords(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":               "Chrome on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0":                                "Firefox on macOS",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36":                            "Chrome on Android",
		"curl/8.0": "curl", "": "Browser", "<script>": "Browser", "something on Linux": "Browser on Linux",
	} {
		if got := AgentName(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	one := hashNew("four turnips in a velvet wagon")
	for b.Loop() {
		if !one.matches("four turnips in a velvet wagon") {
			b.Fatal("does not match")
		}
	}
}
