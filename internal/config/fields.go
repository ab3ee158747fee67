package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

const (
	envPrefix  = "SYMBOLON_"
	testPrefix = "SYMBOLON_TEST_" // belongs to the test scripts, not to the product
	cliPrefix  = "SYMBOLON_CLI_"  // belongs to the commands that speak to an issuer
)

// field is one key of the configuration, found by walking the struct.
type field struct {
	path, group   string
	doc, fallback string
	value         reflect.Value
}

func fieldsOf(c *Config) []field { return walk(reflect.ValueOf(c).Elem(), "") }

func walk(v reflect.Value, group string) []field {
	var fields []field
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		path := strings.TrimPrefix(group+"."+tag.Get("yaml"), ".")
		if tag.Get("doc") == "" {
			fields = append(fields, walk(v.Field(i), path)...)
			continue
		}
		fields = append(fields, field{path, group, tag.Get("doc"), tag.Get("default"), v.Field(i)})
	}
	return fields
}

func (f field) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(f.path, ".", "_"))
}

func (f field) set(text string) error {
	if u, ok := f.value.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch f.value.Kind() {
	case reflect.String:
		f.value.SetString(text)
	case reflect.Float64:
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		f.value.SetFloat(number)
	case reflect.Bool:
		said, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		f.value.SetBool(said)
	case reflect.Int:
		number, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		f.value.SetInt(int64(number))
	case reflect.Slice:
		f.value.Set(reflect.ValueOf(splitList(text)))
	default:
		return fmt.Errorf("a %s cannot be set from text", f.value.Kind())
	}
	return nil
}

func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
