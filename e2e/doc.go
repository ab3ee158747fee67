// Package e2e tells stories against the real binary: real processes, real HTTP, a real browser,
// and clients that other people wrote. `make test` builds the binary and what the stories need.
package e2e
