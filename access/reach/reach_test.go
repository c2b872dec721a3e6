package reach_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/access/reach"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

const (
	account = "123456789012"
	other   = "210987654321"
	keyARN  = "arn:aws:kms:eu-west-1:123456789012:key/8e3426b8-87b4-434c-ae74-8e63dadf354a"
	roleARN = "arn:aws:iam::123456789012:role/example"
	sessARN = "arn:aws:sts::123456789012:assumed-role/example/session"
	userARN = "arn:aws:iam::123456789012:user/test"
)

func user() access.Principal {
	return access.Principal{Type: access.User, Partition: "aws", Account: account, ARN: userARN, UserID: "AIDACKCEVSQ6C2EXAMPLE", Name: "test"}
}

var everybody = []access.Principal{
	user(),
	{Type: access.Root, Partition: "aws", Account: account, ARN: "arn:aws:iam::123456789012:root", UserID: account},
	{Type: access.RoleSession, Partition: "aws", Account: account, ARN: sessARN, RoleARN: roleARN, RoleID: "AROACKCEVSQ6C2EXAMPLE", UserID: "AROACKCEVSQ6C2EXAMPLE:session", Name: "session"},
	{Type: access.RoleSession, Partition: "aws", Account: account, ARN: sessARN, RoleARN: roleARN, RoleID: "AROACKCEVSQ6C2EXAMPLE", ServiceLinked: true},
	{Type: access.RoleSession, Partition: "aws", Account: account, ARN: sessARN, RoleARN: roleARN, IdentityOnly: true},
	{Type: access.FederatedUser, Partition: "aws", Account: account, ARN: "arn:aws:sts::123456789012:federated-user/f", UserARN: userARN, UserID: account + ":f"},
	{Type: access.Service, ServicePrincipal: "ec2.eu-west-1.amazonaws.com"},
	{Type: access.Anonymous},
}

func drawStatement(t *rapid.T, principals []any) string {
	s := map[string]any{
		"Effect":   rapid.SampledFrom([]string{"Allow", "Allow", "Allow", "Deny"}).Draw(t, "effect"),
		"Action":   rapid.SampledFrom([]string{"*", "kms:*", "kms:Decrypt", "kms:Encrypt", "ec2:*"}).Draw(t, "action"),
		"Resource": rapid.SampledFrom([]string{"*", "*", keyARN, "arn:aws:kms:*:210987654321:key/*"}).Draw(t, "resource"),
	}
	if len(principals) > 0 {
		s["Principal"] = rapid.SampledFrom(principals).Draw(t, "principal")
	}
	if rapid.IntRange(0, 2).Draw(t, "condition") == 0 {
		s["Condition"] = map[string]any{
			rapid.SampledFrom([]string{"StringEquals", "StringNotEquals", "StringEqualsIfExists", "StringLike"}).Draw(t, "operator"): map[string]string{
				rapid.SampledFrom([]string{"x:a", "x:b", "aws:PrincipalArn", "kms:CallerAccount"}).Draw(t, "key"): rapid.SampledFrom([]string{"1", "2", userARN, roleARN, account}).Draw(t, "value"),
			},
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func drawDocument(t *rapid.T, name string, principals ...any) access.Document {
	list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawStatement(t, principals) }), 0, 3).Draw(t, name)
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + strings.Join(list, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return access.Document{Name: name, Policy: p}
}

var principals = []any{
	"*",
	map[string]any{"AWS": account},
	map[string]any{"AWS": other},
	map[string]any{"AWS": roleARN},
	map[string]any{"AWS": sessARN},
	map[string]any{"AWS": userARN},
	map[string]any{"Service": "ec2.eu-west-1.amazonaws.com"},
	map[string]any{"AWS": "arn:aws:sts::123456789012:federated-user/f"},
}

// TestReachIsWhatIsDecided: a request is in reach just if it is allowed.
func TestReachIsWhatIsDecided(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		who := rapid.SampledFrom(everybody).Draw(t, "who")
		sometimes := func(n int, name string) bool { return rapid.IntRange(0, n).Draw(t, name) == 0 }
		p := access.Policies{Identity: []access.Document{drawDocument(t, "identity"), drawDocument(t, "identity")}}
		if sometimes(2, "bounded") {
			d := drawDocument(t, "boundary")
			p.Boundary = &d
		}
		if sometimes(2, "in a session") {
			p.Session, p.HasSession = []access.Document{drawDocument(t, "session")}, true
		}
		kind := rapid.SampledFrom([]access.ResourceKind{access.OrdinaryResource, access.KMSKey, access.KMSKey, access.RoleTrust}).Draw(t, "kind")
		if kind != access.OrdinaryResource || sometimes(1, "has a policy") {
			p.Resource = &access.ResourcePolicy{Kind: kind, Document: drawDocument(t, "resource", principals...)}
		}
		if sometimes(3, "in an organization") {
			p.ServiceControl = [][]access.Document{{drawDocument(t, "SCP")}, {drawDocument(t, "SCP")}}
			p.ResourceControl = [][]access.Document{{drawDocument(t, "RCP", "*")}}
			p.ManagementAccount = rapid.SampledFrom([]string{"", account, other}).Draw(t, "management account")
			p.AWSManaged = sometimes(3, "managed by AWS")
		}
		if sometimes(5, "through an endpoint") {
			d := drawDocument(t, "endpoint", "*", map[string]any{"AWS": account})
			p.Endpoint = &d
		}
		if sometimes(2, "granted") {
			p.Grants = []access.Grant{{
				ID: "0123", Operations: []string{"Decrypt"},
				Grantee: rapid.SampledFrom([]string{userARN, roleARN, sessARN, "ec2.eu-west-1.amazonaws.com", "arn:aws:iam::123456789012:root"}).Draw(t, "grantee"),
			}}
		}
		owner := rapid.SampledFrom([]string{account, account, other}).Draw(t, "owner")
		set, err := reach.Of(who, reach.Resource{ARN: keyARN, Account: owner, Kind: kind}, p)
		if err != nil {
			t.Fatal(err)
		}
		answer := set.Find(requestset.Options{Cardinality: func(string) requestset.Cardinality { return requestset.SingleValued }})
		if answer.Any == policy.Maybe {
			t.Fatalf("open: %v", answer.Doubt)
		}
		for range 4 {
			r := access.Request{
				Principal: who, Action: rapid.SampledFrom([]string{"kms:Decrypt", "kms:Encrypt", "kms:CreateKey"}).Draw(t, "action"),
				Resource: keyARN, ResourceAccount: owner,
			}
			keys := derived(who)
			keys["aws:resourceaccount"] = []string{owner}
			for _, k := range []string{"x:a", "x:b"} {
				if v := rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, k); v != "" {
					r.Context.Set(k, v)
					keys[k] = []string{v}
				}
			}
			d := access.Decide(r, p)
			if in := set.Holds(requestset.Request{Action: r.Action, Resource: r.Resource, Keys: keys}); in != d.Allowed() {
				t.Fatalf("in reach: %v\n%s", in, d.Explain())
			}
			if d.Allowed() && answer.Any == policy.No {
				t.Fatalf("nothing is in reach, but\n%s", d.Explain())
			}
		}
	})
}

// derived are the keys that follow from the principal.
func derived(p access.Principal) map[string][]string {
	keys := map[string][]string{"aws:principalisawsservice": {"false"}}
	set := func(key, value string) {
		if value != "" {
			keys[key] = []string{value}
		}
	}
	set("aws:principalarn", p.PrincipalARN())
	set("aws:principalaccount", p.Account)
	set("kms:calleraccount", p.Account)
	set("aws:userid", p.UserID)
	set("aws:principalservicename", p.ServicePrincipal)
	if p.Type == access.User {
		set("aws:username", p.Name)
	}
	if p.Type == access.Service {
		set("aws:principalisawsservice", "true")
	}
	return keys
}

// TestArticle: the fix puts one thing in reach, and no more.
func TestArticle(t *testing.T) {
	t.Parallel()
	document := func(name, text string) access.Document {
		p, err := policy.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return access.Document{Name: name, Policy: p}
	}
	ec2 := document("AmazonEC2FullAccess", `{"Version":"2012-10-17","Statement":[{"Action":"ec2:*","Effect":"Allow","Resource":"*"}]}`)
	fix := document("fix", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"`+keyARN+`","Condition":{"Bool":{"kms:GrantIsForAWSResource":true}}}]}`)
	key := &access.ResourcePolicy{Kind: access.KMSKey, Document: document("key policy",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"}]}`)}
	of := func(identity ...access.Document) requestset.Set {
		s, err := reach.Of(user(), reach.Resource{ARN: keyARN, Account: account, Kind: access.KMSKey}, access.Policies{Identity: identity, Resource: key})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a := of(ec2, fix).Minus(of(ec2)).Find(requestset.Options{})
	if a.Any != policy.Yes || !a.Complete || len(a.Regions) != 1 {
		t.Fatalf("%v, whole: %v, %v", a.Any, a.Complete, a.Regions)
	}
	if got, want := a.Regions[0].String(), "kms:CreateGrant on "+keyARN+" where Bool kms:GrantIsForAWSResource true"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestEachRegionOnce: what the caller's own policies say of other actions does
// not cut what the key's policy opens into pieces.
func TestEachRegionOnce(t *testing.T) {
	t.Parallel()
	parse := func(text string) access.Document {
		p, err := policy.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return access.Document{Name: "policy", Policy: p}
	}
	own := parse(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"events:PutRule","Resource":"*","Condition":{"StringEquals":{"events:ManagedBy":"autoscaling.amazonaws.com"}}},
		{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":"spot.amazonaws.com"}}}]}`)
	const root = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"}`
	of := func(statements string) requestset.Set {
		key := &access.ResourcePolicy{Kind: access.KMSKey, Document: parse(`{"Version":"2012-10-17","Statement":[` + statements + `]}`)}
		s, err := reach.Of(user(), reach.Resource{ARN: keyARN, Account: account, Kind: access.KMSKey}, access.Policies{Identity: []access.Document{own}, Resource: key})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a := of(root + `,{"Effect":"Allow","Principal":{"AWS":"` + user().ARN + `"},"Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":true}}}`).Minus(of(root)).Find(requestset.Options{})
	if a.Any != policy.Yes || len(a.Regions) != 1 {
		t.Errorf("%v: %v", a.Any, a.Regions)
	}
}

func TestUnreadIsNotKnown(t *testing.T) {
	t.Parallel()
	_, err := reach.Of(user(), reach.Resource{}, access.Policies{Unread: []access.UnreadLayer{{Layer: access.ServiceControlLayer, What: "service control policies of o-example"}}})
	if err == nil || !strings.Contains(err.Error(), "service control policies of o-example") {
		t.Errorf("got %v", err)
	}
}
