package access_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/rulecase"
)

// caseFields are the fields of a case in testdata/cases.
//
//	who: user test, Team=red    see caseWho
//	action: kms:Decrypt
//	on: arn:aws:…               the resource; "key" is keyARN
//	owner: 210987654321         of the resource, where it is not the caller's account
//	context: name = a | b       a condition key; "name ?" is not known, "name = ()" has no value
//	identity: …                 a policy of the caller; see caseDocument. So are
//	                            boundary, session, endpoint, scp (a level), rcp (a level), and of the
//	                            resource: key, trust, resource
//	grant: {"ID": …}            a grant of the key
//	unread: LAYER: WHAT         a layer that could not be read
//	management: 123456789012    the management account of the organization
//	managed: true               the key is one that AWS manages
//	want: allowed               or: explicitDeny, implicitDeny, depends
//	layer: identity-based policy
//	by: resource 0              document and statement that allowed or denied
//	misses: TEXT                part of the near miss's words, in the layer's first reason that did not apply
//	missing: a, b               Decision.Missing
//	settles: KEY: allowed with "a"; denied with absent      a line of Decision.Explain
//	note: TEXT                  part of a layer's note
//	message: TEXT               the ending of AWS's message
var caseFields = []string{
	"who", "action", "on", "owner", "context", "identity", "boundary", "session", "endpoint", "scp", "rcp", "key", "trust", "resource",
	"grant", "unread", "management", "managed", "want", "layer", "by", "misses", "missing", "settles", "note", "message",
}

// TestRules runs every case, and wants one for every rule.
func TestRules(t *testing.T) {
	t.Parallel()
	rulecase.Run(t, caseFields, func(t *testing.T, c *rulecase.Case) {
		r, p := caseWorld(t, c)
		checkCase(t, c, r, p)
	})
}

func checkCase(t *testing.T, c *rulecase.Case, r access.Request, p access.Policies) {
	t.Helper()
	d := access.Decide(r, p)
	if got := access.Check(&r, &p); got != d.Outcome {
		t.Errorf("Check says %s, Decide %s", got, d.Outcome)
	}
	if want := access.Outcome(c.Get("want")); d.Outcome != want {
		t.Fatalf("%s by %s, want %s\n%s", d.Outcome, d.Layer, want, d.Explain())
	}
	if layer, ok := c.Lookup("layer"); ok && d.Layer != access.Layer(layer) {
		t.Errorf("by the %s, want the %s\n%s", d.Layer, layer, d.Explain())
	}
	if by, ok := c.Lookup("by"); ok && caseBy(d.By) != by {
		t.Errorf("by %q, want %q\n%s", caseBy(d.By), by, d.Explain())
	}
	if misses, ok := c.Lookup("misses"); ok && !strings.Contains(nearMiss(&d), misses) {
		t.Errorf("the near miss is %q, want %q\n%s", nearMiss(&d), misses, d.Explain())
	}
	missing, _ := c.Lookup("missing")
	if diff := cmp.Diff(strings.FieldsFunc(missing, func(r rune) bool { return r == ',' }), d.Missing); missing != "" && diff != "" {
		t.Errorf("missing: %s", diff)
	}
	for _, s := range c.All("settles") {
		if !strings.Contains(d.Explain(), "  - "+s+"\n") {
			t.Errorf("nothing settles it as %q\n%s", s, d.Explain())
		}
	}
	if note, ok := c.Lookup("note"); ok && !slices.ContainsFunc(d.Layers, func(l access.LayerVerdict) bool { return strings.Contains(l.Note, note) }) {
		t.Errorf("no layer has the note %q\n%s", note, d.Explain())
	}
	if message, ok := c.Lookup("message"); ok && !strings.HasSuffix(d.Message(), message) {
		t.Errorf("message %q, want %q", d.Message(), message)
	}
	if (d.Outcome == access.Depends) != (len(d.Missing) > 0) {
		t.Errorf("%s with %q missing", d.Outcome, d.Missing)
	}
	for _, l := range d.Layers {
		if len(l.Reasons) == 0 && l.Note == "" {
			t.Errorf("the %s gives no reason", l.Layer)
		}
	}
}

// caseBy writes a reason as a case does: "identity 0", "grant g".
func caseBy(r *access.Reason) string {
	switch {
	case r == nil:
		return "nothing"
	case r.GrantID != "":
		return r.Document
	}
	return r.Document + " " + string(rune('0'+r.Statement))
}

// nearMiss words the first mismatch of the deciding layer.
func nearMiss(d *access.Decision) string {
	for _, l := range d.Layers {
		for i := range l.Reasons {
			if f := l.Reasons[i].Failed; f != nil && l.Layer == d.Layer {
				return f.String()
			}
		}
	}
	return ""
}

// caseWho reads a principal: its kind and name, then its tags.
func caseWho(t *testing.T, text string) access.Principal {
	t.Helper()
	parts := strings.Split(text, ", ")
	kind, name, _ := strings.Cut(parts[0], " ")
	var p access.Principal
	switch kind {
	case "user":
		p = user(name)
	case "root":
		p = root()
	case "session":
		p = session()
	case "infrastructure":
		p = infrastructure()
	case "federated":
		p = federated()
	case "service-linked":
		p = serviceLinked()
	case "service":
		p = access.Principal{Type: access.Service, Partition: "aws", ServicePrincipal: name}
	case "provider":
		p = access.Principal{Type: access.Anonymous, Federated: name}
	case "anonymous":
		p = access.Principal{Type: access.Anonymous}
	default:
		t.Fatalf("who is %q?", text)
	}
	for _, tag := range parts[1:] {
		key, value, _ := strings.Cut(tag, "=")
		if p.Tags == nil {
			p.Tags = make(map[string]string)
		}
		p.Tags[key] = value
	}
	return p
}

// caseWorld makes the case's request and policies.
func caseWorld(t *testing.T, c *rulecase.Case) (access.Request, access.Policies) {
	t.Helper()
	r := access.Request{Principal: caseWho(t, c.Get("who")), Action: c.Get("action"), Resource: c.Get("on"), ResourceAccount: c.Get("owner")}
	if r.Resource == "key" {
		r.Resource = keyARN
	}
	for _, line := range c.All("context") {
		for line := range strings.Lines(line) {
			caseKey(t, &r.Context, strings.TrimRight(line, "\n"))
		}
	}
	p := access.Policies{ManagementAccount: c.Get("management"), AWSManaged: c.Get("managed") == "true"}
	list := func(name string) []access.Document {
		var out []access.Document
		for _, text := range c.All(name) {
			out = append(out, caseDocument(t, c, name, text))
		}
		return out
	}
	one := func(name string) *access.Document {
		if list := list(name); len(list) > 0 {
			return &list[0]
		}
		return nil
	}
	p.Identity, p.Session, p.Boundary, p.Endpoint = list("identity"), list("session"), one("boundary"), one("endpoint")
	_, p.HasSession = c.Lookup("session")
	for name, kind := range map[string]access.ResourceKind{"key": access.KMSKey, "trust": access.RoleTrust, "resource": access.OrdinaryResource} {
		if d := one(name); d != nil {
			p.Resource = &access.ResourcePolicy{Kind: kind, Document: *d}
		}
	}
	for _, d := range list("scp") {
		p.ServiceControl = append(p.ServiceControl, []access.Document{d})
	}
	for _, d := range list("rcp") {
		p.ResourceControl = append(p.ResourceControl, []access.Document{d})
	}
	for _, text := range c.All("grant") {
		var g access.Grant
		if err := json.Unmarshal([]byte(text), &g); err != nil {
			t.Fatalf("grant: %v", err)
		}
		p.Grants = append(p.Grants, g)
	}
	for _, text := range c.All("unread") {
		layer, what, _ := strings.Cut(text, ": ")
		p.Unread = append(p.Unread, access.UnreadLayer{Layer: access.Layer(layer), What: what})
	}
	return r, p
}

func caseKey(t *testing.T, k *access.Context, line string) {
	t.Helper()
	name, value, known := strings.Cut(line, " =")
	value = strings.TrimPrefix(value, " ")
	switch {
	case !known && strings.HasSuffix(name, " ?"):
		k.SetUnknown(strings.TrimSuffix(name, " ?"))
	case !known:
		t.Fatalf("context: %q", line)
	case value == "()":
		k.Set(name)
	default:
		k.Set(name, strings.Split(value, " | ")...)
	}
}

// caseDocument reads a policy. "@name" is a document of the archive. Otherwise
// each line is a statement: as JSON, or as
//
//	Allow kms:Decrypt,kms:Encrypt to 123456789012 on arn:aws:… if {"Bool": {…}}
//
// where a resource that is not given is everything, and the principal is
// everyone ("*"), an account or ARN, service:NAME, or JSON. "none" has no statement.
func caseDocument(t *testing.T, c *rulecase.Case, name, text string) access.Document {
	t.Helper()
	if reference, ok := strings.CutPrefix(text, "@"); ok {
		body, found := c.Document(reference)
		if !found {
			t.Fatalf("there is no document %q", reference)
		}
		d := document(t, name, body)
		d.File = reference + ".json"
		return d
	}
	var statements []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "none" && line != "" {
			statements = append(statements, caseStatement(t, line))
		}
	}
	return doc(t, name, statements...)
}

func caseStatement(t *testing.T, line string) string {
	t.Helper()
	if strings.HasPrefix(line, "{") {
		return line
	}
	statement := map[string]any{"Resource": "*"}
	line, condition, found := strings.Cut(line, " if ")
	if found {
		statement["Condition"] = json.RawMessage(condition)
	}
	words := strings.Fields(line)
	if len(words) < 2 || len(words)%2 != 0 {
		t.Fatalf("statement: %q", line)
	}
	statement["Effect"], statement["Action"] = words[0], strings.Split(words[1], ",")
	for i := 2; i < len(words); i += 2 {
		switch value := words[i+1]; words[i] {
		case "to":
			statement["Principal"] = casePrincipal(value)
		case "on":
			statement["Resource"] = strings.Split(value, ",")
		default:
			t.Fatalf("statement: %q", line)
		}
	}
	text, err := json.Marshal(statement)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func casePrincipal(text string) any {
	if service, ok := strings.CutPrefix(text, "service:"); ok {
		return map[string]string{"Service": service}
	}
	if provider, ok := strings.CutPrefix(text, "federated:"); ok {
		return map[string]string{"Federated": provider}
	}
	if text == "*" {
		return text
	}
	return map[string][]string{"AWS": strings.Split(text, ",")}
}
