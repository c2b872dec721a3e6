package audit

import (
	"bytes"
	"encoding/csv"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/golden"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/phrase"
)

const (
	appKey   = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
	dataKey  = "arn:aws:kms:eu-west-1:111122223333:key/22222222-3333-4444-5555-666666666666"
	worldKey = "arn:aws:kms:eu-west-1:111122223333:key/33333333-4444-5555-6666-777777777777"
	deadKey  = "arn:aws:kms:eu-west-1:111122223333:key/44444444-5555-6666-7777-888888888888"

	rootStatement = `{"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}`
	ec2Full       = `{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}`
	forResources  = `{"Effect": "Allow", "Action": ["kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext"], "Resource": "*", "Condition": {"Bool": {"kms:GrantIsForAWSResource": true}}}`
)

// exampleInventory has the article's trap, a key that is open, a key that is
// disabled, a condition on MFA, and something that could not be read.
func exampleInventory() *Inventory {
	a := &Account{ID: accountA, Partition: "aws"}
	add := func(p Principal, names ...string) {
		for i := 0; i < len(names); i += 2 {
			p.Identity = append(p.Identity, diagnose.Held{Document: *document(names[i], []string{names[i+1]}), Holder: "user", HolderName: p.Principal.Name, Policy: names[i]})
		}
		a.Principals = append(a.Principals, p)
	}
	for _, name := range []string{"ana", "ben", "eva"} {
		add(userOf("aws", accountA, "/", name, "AIDA"+name), "AmazonEC2FullAccess", ec2Full)
	}
	add(userOf("aws", accountA, "/", "carl", "AIDACARL"), "AmazonEC2FullAccess", ec2Full, "grants", `{"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*"}`)
	add(userOf("aws", accountA, "/", "dora", "AIDADORA"), "AmazonEC2FullAccess", ec2Full, "mfa", `{"Effect": "Allow", "Action": "kms:*", "Resource": "`+appKey+`", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}`)
	add(roleOf("aws", accountA, "/", "admin", "AROAADMIN"), "AdministratorAccess", `{"Effect": "Allow", "Action": "*", "Resource": "*"}`)
	add(userOf("aws", accountA, "/", "reader", "AIDAREADER"), "read", `{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}`)
	g := &Region{Site: launch.Site{Partition: "aws", Account: accountA, Region: someRegion}, KeysRead: true, InstancesRead: true, DefaultKey: "alias/data"}
	for _, k := range []struct{ arn, alias, state, more string }{
		{appKey, "alias/app", "Enabled", ""},
		{dataKey, "alias/data", "Enabled", ""},
		{deadKey, "", "Disabled", ""},
		{worldKey, "alias/world", "Enabled", `, {"Sid": "World", "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}`},
	} {
		key := Key{Key: diagnose.Key{ARN: k.arn, State: k.state, Manager: "CUSTOMER", Origin: "AWS_KMS", Tags: map[string]string{}}, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", MultiRegion: "false"}
		if k.alias != "" {
			key.Aliases = []string{k.alias}
		}
		key.Policy = document("key policy of "+lastPart(k.arn), []string{rootStatement + k.more})
		g.Keys = append(g.Keys, key)
	}
	g.Volumes = []Volume{
		{"vol-0a1", appKey, "i-0000000000000000a", noTags}, {"vol-0a2", appKey, "i-0000000000000000b", noTags}, {"vol-0b1", dataKey, "", noTags}, {"vol-0d1", deadKey, "", noTags},
	}
	g.Snapshots = []Snapshot{{"snap-0a1", dataKey, noTags}}
	g.Images = []Image{{"ami-0a1", noTags, []Device{{Name: "/dev/xvda", Snapshot: "snap-0a1"}}}}
	g.Templates = []Template{{ID: "lt-0a1", Name: "web", Version: 3, Image: "ami-0a1", Tags: noTags, Devices: []Device{{Name: "/dev/xvda", Key: appKey, Encrypted: true}}}}
	a.Regions = []*Region{g}
	return &Inventory{
		Time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Accounts: []*Account{a}, NoOrganization: true,
		Unread: []Unread{{accountA, "tags of key " + appKey, "kms:ListResourceTags", "AccessDeniedException: no", true}},
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	r := Run(exampleInventory())
	for i := range r.Trapped {
		if r.Trapped[i].Fix == nil {
			t.Errorf("no fix for %s", r.Trapped[i].Sentence)
		}
		r.Trapped[i].Fix = nil // its words are the doctor's
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"example.txt":    func(b *bytes.Buffer) error { return r.WriteText(b, Style{}) },
		"example.es.txt": func(b *bytes.Buffer) error { return r.WriteText(b, Style{Language: phrase.Spanish}) },
		"example.json":   func(b *bytes.Buffer) error { return r.WriteJSON(b) },
		"example.csv":    func(b *bytes.Buffer) error { return r.WriteCSV(b) },
		"example.md":     func(b *bytes.Buffer) error { return r.WriteMarkdown(b, phrase.English) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, name, b.Bytes())
	}
}

// TestSameTwice: the same inventory gives the same report, however the work falls
// out.
func TestSameTwice(t *testing.T) {
	t.Parallel()
	var first bytes.Buffer
	if err := Run(exampleInventory()).WriteJSON(&first); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		var again bytes.Buffer
		if err := Run(exampleInventory()).WriteJSON(&again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first.String(), again.String()); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestTextFits(t *testing.T) {
	t.Parallel()
	r := Run(exampleInventory())
	var plain, colored bytes.Buffer
	if err := r.WriteText(&plain, Style{Width: 80}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(plain.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 && !strings.Contains(line, "keyturn diagnose") {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if err := r.WriteText(&colored, Style{Color: true, Width: 80}); err != nil {
		t.Fatal(err)
	}
	stripped := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(colored.String(), "")
	if diff := cmp.Diff(plain.String(), stripped); diff != "" {
		t.Errorf("colour changes more than colour:\n%s", diff)
	}
}

func TestCSVIsRead(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Run(exampleInventory()).WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) < 4 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
}

// TestHTMLIsWhole: the page asks for nothing from elsewhere.
func TestHTMLIsWhole(t *testing.T) {
	t.Parallel()
	in := exampleInventory()
	in.Accounts[0].Principals[0].ARN = "arn:aws:iam::111122223333:user/<script>alert(1)</script>"
	var b bytes.Buffer
	if err := Run(in).WriteHTML(&b, phrase.Spanish); err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(?i)(<script|\bsrc=|\bhref=|url\(|@import)`).FindString(b.String()); m != "" {
		t.Errorf("the page has %q", m)
	}
}

func TestMeets(t *testing.T) {
	t.Parallel()
	r := Run(exampleInventory())
	for _, c := range []Condition{OnTrap, OnShouldnt, OnUnknown} {
		if !r.Meets(c) {
			t.Errorf("the example has no %s", c)
		}
		if Run(&Inventory{}).Meets(c) {
			t.Errorf("nothing at all has a %s", c)
		}
	}
}
