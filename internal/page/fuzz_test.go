package page

import (
	"strings"
	"testing"
)

// Whatever a client is registered with, its logo adds one image source to the policy and nothing else.
func FuzzLogoInThePolicy(f *testing.F) {
	for _, logo := range []string{"https://a.example/l.png", "https://a.example;script-src *", "http://a/ b", "https://[::1]:8/x'y"} {
		f.Add(logo)
	}
	plain := len(strings.Fields(contentPolicy(frame{})))
	f.Fuzz(func(t *testing.T, logo string) {
		policy := contentPolicy(frame{client: &Client{Logo: logo}})
		added := len(strings.Fields(policy)) - plain
		if added < 0 || added > 1 || strings.Count(policy, ";") != strings.Count(contentPolicy(frame{}), ";") || strings.ContainsAny(policy, ",\r\n") {
			t.Errorf("%q makes %q", logo, policy)
		}
	})
}
