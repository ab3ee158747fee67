package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "symbolon.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAnEmptyConfigurationIsUsable(t *testing.T) {
	c, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Has("issuer") || !c.Has("broker") || !c.Plain() || time.Duration(c.Broker.Staleness) != 15*time.Second {
		t.Fatalf("defaults are not usable: %+v", c)
	}
	if c.Store != "sqlite:./data/symbolon.db" {
		t.Fatalf("store = %q", c.Store)
	}
}

func TestFileThenEnvironment(t *testing.T) {
	file := write(t, "data: /srv/one\nsession:\n  idle: 30m\nroles: [issuer]\n")
	c, err := Load(file, []string{"SYMBOLON_SESSION_IDLE=5m", "SYMBOLON_OUTBOUND_ALLOW=a.test, b.test", "PATH=/bin", "SYMBOLON_TEST_POSTGRES=x", "SYMBOLON_CLI_TOKEN=x"})
	if err != nil {
		t.Fatal(err)
	}
	if time.Duration(c.Session.Idle) != 5*time.Minute || c.Has("broker") || strings.Join(c.Outbound.Allow, "|") != "a.test|b.test" {
		t.Fatalf("%+v", c)
	}
}

func TestMistakesSayWhereAndWhatWouldBeRight(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		env  []string
		want []string
	}{
		"unknown key":       {text: "data: x\nisuer: http://id.localhost\n", want: []string{":2:", `"isuer"`, `"issuer"`}},
		"unknown inner key": {text: "tls:\n  cert_fle: x\n", want: []string{":2:", `"cert_file"`}},
		"wrong type":        {text: "data: x\nroles: {a: b}\n", want: []string{":2:"}},
		"no duration":       {text: "session:\n  idle: soon\n", want: []string{"soon"}},
		"unknown variable":  {env: []string{"SYMBOLON_ISUER=x"}, want: []string{"SYMBOLON_ISSUER"}},
		"plain http abroad": {text: "issuer: http://id.example.com\n", want: []string{"loopback"}},
		"plain listen":      {text: "listen: 0.0.0.0:80\n", want: []string{"loopback"}},
		"issuer path":       {text: "issuer: https://id.example.com/realm\n", want: []string{"issuer"}},
		"half a key pair":   {text: "tls:\n  cert_file: x\n", want: []string{"key_file"}},
		"bad role":          {text: "roles: [king]\n", want: []string{"king"}},
		"lonely broker":     {text: "roles: [broker]\n", want: []string{"client_secret"}},
		"bad level":         {text: "log:\n  level: loud\n", want: []string{"loud"}},
		"negative":          {text: "stop_timeout: -1s\n", want: []string{"stop_timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := ""
			if c.text != "" {
				file = write(t, c.text)
			}
			_, err := Load(file, c.env)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestTheStarterFileIsValid(t *testing.T) {
	text := Starter("http://id.localhost:8080")
	if _, err := Load(write(t, text), nil); err != nil {
		t.Fatal(err)
	}
	var uncommented strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		if key, isComment := strings.CutPrefix(line, "#"); isComment && !strings.HasPrefix(key, " #") && keyLine.MatchString(key) {
			line = key
		}
		uncommented.WriteString(line + "\n")
	}
	if _, err := Load(write(t, uncommented.String()), nil); err != nil {
		t.Fatalf("with every key uncommented: %v\n%s", err, uncommented.String())
	}
}

var keyLine = regexp.MustCompile(`^ {0,2}[a-z_]+:`)

func TestSecretsDoNotPrint(t *testing.T) {
	c, err := Load("", []string{"SYMBOLON_BROKER_CLIENT_SECRET=hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Broker.ClientSecret.Reveal() != "hunter2" || strings.Contains(c.Broker.ClientSecret.String(), "hunter2") {
		t.Fatal("a secret leaks or is lost")
	}
}

func TestTheReferenceIsCurrent(t *testing.T) {
	written, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != Reference() {
		t.Fatal("docs/configuration.md is not what the code says; run `make docs`")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("issuer: http://id.localhost\n")
	f.Add("tls: {cert_file: a, key_file: b}\nroles: [issuer]")
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "c.yaml")
		if os.WriteFile(file, []byte(text), 0o600) != nil {
			return
		}
		if c, err := Load(file, nil); err == nil && c.Issuer == "" {
			t.Fatal("a configuration without an issuer was accepted")
		}
	})
}
