package catalog_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"symbolon.dev/internal/catalog"
)

func TestAPlanSaysWhatDiffers(t *testing.T) { // S4
	ctx := context.Background()
	c, db := open(t)
	put(t, c, append(neighbours(), confidential("gone", ""), rule("p", "// one\npermit (principal, action == Action::\"access\", resource);\n// three\n"))...)
	current, err := db.Objects(ctx)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(sum, "9", "0", 1)
	desired := append(neighbours(),
		rule("p", "// one\nforbid (principal, action == Action::\"access\", resource);\n// three\n"),
		confidential("new", ""),
		edit("client", "orders", `{"client_id":"orders","client_name":"Orders","secrets":[{"sha256":"`+other+`"}],"scopes":["a"]}`))
	desired = slices.Delete(desired, 3, 4) // the neighbour's own orders
	edits, differences := catalog.Plan(current, desired, true)
	var got []string
	for _, d := range differences {
		got = append(got, d.Action+" "+d.Kind+" "+d.ID)
		got = append(got, d.Fields...)
	}
	want := []string{"change policy p", "text: from line 2",
		`- permit (principal, action == Action::"access", resource);`, `+ forbid (principal, action == Action::"access", resource);`,
		"create client new", "change client orders", `client_name: none → "Orders"`, `scopes[0]: none → "a"`, "secrets[0].sha256: changed",
		"delete client gone"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	put(t, c, edits...)
	if current, err = db.Objects(ctx); err != nil {
		t.Fatal(err)
	}
	if edits, differences = catalog.Plan(current, desired, true); len(edits)+len(differences) > 0 {
		t.Errorf("applied, and still differs: %v", differences)
	}
}

func TestAPlanIsBoundToWhatItWasComparedWith(t *testing.T) {
	ctx := context.Background()
	c, db := open(t)
	put(t, c, confidential("a", ""))
	current, _ := db.Objects(ctx)
	edits, _ := catalog.Plan(current, []catalog.Edit{confidential("a", `,"client_name":"A"`), confidential("b", "")}, false)
	put(t, c, confidential("a", `,"client_name":"B"`))
	if err := c.Put(ctx, "root", "", edits...); err == nil {
		t.Error("a plan overwrites what it never saw")
	}
}

func TestAPlanLeavesFaultsToPut(t *testing.T) {
	c, _ := open(t)
	edits, differences := catalog.Plan(nil, []catalog.Edit{edit("client", "a", `{"nope":1}`), {Kind: "client", ID: "b", Delete: true}}, false)
	if len(edits) != 1 || differences[0].Action != "create" {
		t.Fatalf("got %+v", differences)
	}
	if err := c.Check(context.Background(), edits...); err == nil || !strings.Contains(err.Error(), "nope: unknown field") {
		t.Errorf("got %v", err)
	}
}
