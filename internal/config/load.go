package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/goccy/go-yaml"

	"symbolon.dev/internal/spell"
)

const maxFile = 1 << 20

// Load reads the file (an empty name means none), lays the environment over it, fills in the
// defaults and checks the whole. Errors name the file, the line and what would be right.
func Load(file string, environ []string) (*Config, error) {
	var c Config
	if file != "" {
		text, err := readLimited(file)
		if err != nil {
			return nil, err
		}
		if err := decode(file, text, &c); err != nil {
			return nil, err
		}
	}
	if err := overlay(&c, environ); err != nil {
		return nil, err
	}
	if err := fill(&c); err != nil {
		return nil, err
	}
	return &c, c.check()
}

func readLimited(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is over %d bytes", file, maxFile)
	}
	return text, err
}

func decode(file string, text []byte, c *Config) error {
	err := yaml.UnmarshalWithOptions(text, c, yaml.Strict())
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		return unknownKey(file, unknown)
	}
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", file, located.GetToken().Position.Line, located.GetMessage())
	}
	return fmt.Errorf("%s: %w", file, err)
}

func unknownKey(file string, e *yaml.UnknownFieldError) error {
	word, line := e.Token.Value, e.Token.Position.Line
	message := fmt.Sprintf("%s:%d: unknown key %q", file, line, word)
	if near := spell.Nearest(word, lastWords(keyPaths())); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	}
	return errors.New(message)
}

// overlay sets every key whose environment variable exists, and refuses names that only look like one.
func overlay(c *Config, environ []string) error {
	fields := map[string]field{}
	var names []string
	for _, f := range fieldsOf(c) {
		fields[f.env()] = f
		names = append(names, f.env())
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, testPrefix) || strings.HasPrefix(name, cliPrefix) {
			continue
		}
		f, ok := fields[name]
		if !ok {
			return unknownVariable(name, names)
		}
		if err := f.set(value); err != nil {
			return fmt.Errorf("environment variable %s: %w", name, err)
		}
	}
	return nil
}

func unknownVariable(name string, known []string) error {
	if near := spell.Nearest(name, known); near != "" {
		return fmt.Errorf("unknown environment variable %s; did you mean %s?", name, near)
	}
	return fmt.Errorf("unknown environment variable %s", name)
}

// fill gives every zero field its default. "<data>" stands for the data directory.
func fill(c *Config) error {
	for _, f := range fieldsOf(c) {
		if f.fallback == "" || !f.value.IsZero() {
			continue
		}
		if err := f.set(strings.ReplaceAll(f.fallback, "<data>", c.Data)); err != nil {
			return fmt.Errorf("default of %s: %w", f.path, err)
		}
	}
	return nil
}

func lastWords(paths []string) []string {
	words := make([]string, len(paths))
	for i, p := range paths {
		words[i] = p[strings.LastIndexByte(p, '.')+1:]
	}
	return words
}

// keyPaths lists the path of every key and of every group of keys.
func keyPaths() []string {
	var paths []string
	seen := map[string]bool{}
	for _, f := range fieldsOf(&Config{}) {
		for _, p := range []string{f.group, f.path} {
			if p != "" && !seen[p] {
				seen[p] = true
				paths = append(paths, p)
			}
		}
	}
	return paths
}
