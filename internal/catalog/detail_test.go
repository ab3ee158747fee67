package catalog

import (
	"encoding/json"
	"strings"
	"testing"

	"symbolon.dev"
)

const paymentSchema = `{"type":"object","additionalProperties":false,"required":["type","amount"],"properties":{
	"type":{"const":"payment"},"locations":{"type":"array"},"to":{"type":"string","maxLength":40},
	"amount":{"type":"object","required":["value"],"properties":{"value":{"type":"string","pattern":"^[0-9]+$"}}}}}`

func bank(t testing.TB, schema string) (*Snapshot, error) {
	t.Helper()
	found := &findings{}
	s := assembleOf(declared{issuer: "https://id.example",
		resources: []*symbolon.Resource{{ID: "bank", Identifier: "https://bank.example", DetailTypes: []symbolon.DetailType{
			{Type: "payment", Description: "Pay {amount.value} to {to}", Schema: json.RawMessage(schema)}}}},
		clients: []*symbolon.Client{{ID: "shop", ClientRequests: symbolon.ClientRequests{DetailTypes: []string{"payment"}}}, {ID: "other"}},
	}, found)
	return s, found.err()
}

// S31: a detail is of a declared type, for its own resource, and as its schema wants it.
func TestDetailsAreHeldToTheirType(t *testing.T) {
	s, err := bank(t, paymentSchema)
	if err != nil {
		t.Fatal(err)
	}
	shop, _ := s.Client("shop")
	for raw, good := range map[string]bool{
		`[{"type":"payment","amount":{"value":"12"}}]`:                                            true,
		` [ {"amount":{"value":"12"}, "type":"payment", "locations":["https://bank.example"]} ] `: true,
		`[{"type":"payment","amount":{"value":"12"},"locations":["https://evil.example"]}]`:       false,
		`[{"type":"payment","amount":{"value":"12"},"locations":"https://bank.example"}]`:         false,
		`[{"type":"payment","amount":{"value":"-1"}}]`:                                            false,
		`[{"type":"payment","amount":{"value":"1"},"more":true}]`:                                 false,
		`[{"type":"payment","amount":{"value":"1"},"amount":{"value":"2"}}]`:                      false,
		`[{"type":"refund","amount":{"value":"1"}}]`:                                              false,
		`[{"amount":{"value":"1"}}]`:                                                              false,
		`{"type":"payment","amount":{"value":"1"}}`:                                               false,
		`["payment"]`: false, `[]`: false, `[null]`: false, `null`: false, ``: false, `[`: false, "[{\"type\":\"pay\xff\"}]": false,
		"[" + strings.Repeat(`{"type":"payment","amount":{"value":"1"}},`, 20) + `{"type":"payment","amount":{"value":"1"}}]`: false,
	} {
		details, err := s.ReadDetails(shop, raw)
		if (err == nil) != good {
			t.Errorf("%s: %v", raw, err)
		}
		if good && (len(details) != 1 || details[0].Type() != "payment" || len(s.DetailsAt("bank", details)) != 1 || len(s.DetailsAt("admin", details)) != 0) {
			t.Errorf("%s: %v", raw, details)
		}
	}
	stranger, _ := s.Client("other")
	if _, err := s.ReadDetails(stranger, `[{"type":"payment","amount":{"value":"12"}}]`); err == nil {
		t.Error("a client may ask only for the types it is registered for")
	}
}

// Equal details are equal strings, however they were written.
func TestDetailsAreCanonical(t *testing.T) {
	s, _ := bank(t, paymentSchema)
	shop, _ := s.Client("shop")
	one, _ := s.ReadDetails(shop, `[{"type":"payment","amount":{"value":"12"}},{"amount" : {"value":"\u0031\u0032"},"type":"payment"}]`)
	if len(one) != 1 || one[0] != `{"amount":{"value":"12"},"type":"payment"}` {
		t.Fatal(one)
	}
	resource, _ := s.Resource("bank")
	if words := resource.DetailTypes[0].Words(one[0]); words != "Pay 12 to –" {
		t.Fatal(words)
	}
	if words := resource.DetailTypes[0].Words("{\"to\":\"a\\u202eb\\nc\",\"amount\":{\"value\":\"1\"}}"); words != "Pay 1 to a·b·c" {
		t.Fatal(words)
	}
}

// A schema is complete in itself: it makes us read no file and call nobody.
func TestSchemasReachNothing(t *testing.T) {
	for _, schema := range []string{`{"$ref":"file:///etc/passwd"}`, `{"$ref":"https://evil.example/s.json"}`, `{"type":7}`, ``, `[`, `{"$schema":"https://evil.example/meta"}`} {
		if _, err := bank(t, schema); err == nil {
			t.Error(schema)
		}
	}
	if _, err := bank(t, paymentSchema); err != nil {
		t.Error(err)
	}
}

func FuzzReadDetails(f *testing.F) {
	f.Add(`[{"type":"payment","amount":{"value":"12"}}]`)
	f.Add(`[{"type":"payment","amount":{"value":"12"},"locations":["https://bank.example"]},1e999]`)
	s, err := bank(f, paymentSchema)
	if err != nil {
		f.Fatal(err)
	}
	shop, _ := s.Client("shop")
	f.Fuzz(func(t *testing.T, raw string) {
		details, err := s.ReadDetails(shop, raw)
		if err != nil {
			return
		}
		text, _ := json.Marshal(asList(details))
		again, err := s.ReadDetails(shop, string(text))
		if err != nil || len(again) != len(details) || again[0] != details[0] {
			t.Fatalf("%v is not what %v was: %v", again, details, err)
		}
	})
}

func asList(details []symbolon.Detail) (list []json.RawMessage) {
	for _, d := range details {
		list = append(list, json.RawMessage(d))
	}
	return list
}

// assembleOf builds a snapshot that needs no store.
func assembleOf(d declared, found *findings) *Snapshot {
	s := &Snapshot{Issuer: d.issuer, clients: map[symbolon.ClientID]*symbolon.Client{}, resources: map[symbolon.ResourceID]*symbolon.Resource{},
		identifiers: map[string]*symbolon.Resource{}, details: map[string]*detailRule{}}
	for _, r := range d.resources {
		s.resources[r.ID] = r
		s.takeDetails(r, found)
	}
	for _, c := range d.clients {
		s.clients[c.ID] = c
	}
	return s
}
