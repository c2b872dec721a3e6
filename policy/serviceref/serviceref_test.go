package serviceref_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/policy/serviceref"
)

func TestLookupAction(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, name, want string
		level            serviceref.AccessLevel
		resources        []string
	}{
		{"as AWS writes it", "kms:CreateGrant", "kms:CreateGrant", serviceref.PermissionsManagement, []string{"key*"}},
		{"in any case", "KMS:creategrant", "kms:CreateGrant", serviceref.PermissionsManagement, []string{"key*"}},
		{"two types", "kms:CreateAlias", "kms:CreateAlias", serviceref.Write, []string{"alias*", "key*"}},
		{"no resource type", "kms:ListKeys", "kms:ListKeys", serviceref.List, nil},
		{"an EBS direct API", "ebs:GetSnapshotBlock", "ebs:GetSnapshotBlock", serviceref.Read, []string{"snapshot*"}},
		{"a role is assumed", "sts:AssumeRole", "sts:AssumeRole", serviceref.Write, []string{"role*"}},
		{"trail", "cloudtrail:LookupEvents", "cloudtrail:LookupEvents", serviceref.Read, nil},
		{"organization", "organizations:AttachPolicy", "organizations:AttachPolicy", serviceref.PermissionsManagement, []string{"account", "organizationalunit", "policy*", "root"}},
	} {
		a, ok := serviceref.LookupAction(row.name)
		if !ok {
			t.Errorf("%s: %s is not there", row.rule, row.name)
			continue
		}
		var resources []string
		for _, r := range a.Resources {
			name := r.Type.Name
			if r.Required {
				name += "*"
			}
			resources = append(resources, name)
		}
		slices.Sort(resources)
		if a.String() != row.want || a.Level != row.level {
			t.Errorf("%s: %s, %s", row.rule, a, a.Level)
		}
		if diff := cmp.Diff(row.resources, resources); diff != "" {
			t.Errorf("%s: %s", row.rule, diff)
		}
	}
	for _, name := range []string{"", "kms", "kms:", ":CreateGrant", "kms:CreateGrants", "kms:Create*", "nosuch:CreateGrant", "aws:CreateGrant"} {
		if a, ok := serviceref.LookupAction(name); ok {
			t.Errorf("%q is %s", name, a)
		}
	}
}

func TestActionsOfAPattern(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, pattern string
		want          []string
	}{
		{"a head", "kms:Create*", []string{"kms:CreateAlias", "kms:CreateCustomKeyStore", "kms:CreateGrant", "kms:CreateKey"}},
		{"any case", "KMS:reencrypt*", []string{"kms:ReEncryptFrom", "kms:ReEncryptTo"}},
		{"question mark", "kms:?ncrypt", []string{"kms:Encrypt"}},
		{"in the middle", "kms:*Mac", []string{"kms:GenerateMac", "kms:VerifyMac"}},
		{"no wildcard", "kms:decrypt", []string{"kms:Decrypt"}},
		{"nothing", "kms:ReEncrypt", nil},
		{"a service with wildcard", "km?:ListKeys", []string{"kms:ListKeys"}},
		{"no colon", "kms", nil},
		{"empty", "", nil},
	} {
		var got []string
		for a := range serviceref.Actions(row.pattern) {
			got = append(got, a.String())
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s: %s", row.rule, diff)
		}
	}
	n := 0
	for range serviceref.Actions("*") {
		if n++; n == 1000 {
			break
		}
	}
	if n != 1000 {
		t.Errorf("* yields %d actions", n)
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	const account = "arn:aws:kms:eu-west-1:123456789012:"
	for _, row := range []struct {
		rule, resource, arn string
		want                bool
	}{
		{"a key", "kms:key", account + "key/1234abcd-12ab-34cd-56ef-1234567890ab", true},
		{"no alias is a key", "kms:key", account + "alias/example", false},
		{"an alias with a slash", "kms:alias", account + "alias/aws/ebs", true},
		{"an empty id", "kms:key", account + "key/", false},
		{"no region", "kms:key", "arn:aws:kms::123456789012:key/1", false},
		{"another partition", "kms:key", "arn:aws-cn:kms:cn-north-1:123456789012:key/1", true},
		{"the asterisk", "kms:key", "*", true},
		{"an asterisk for the id", "kms:key", account + "key/*", true},
		{"an asterisk over colons", "kms:key", "arn:aws:kms:*", true},
		{"an asterisk before the type", "kms:key", "arn:aws:kms:*:*:*/1234", true},
		{"an asterisk that cannot fit", "s3:bucket", "arn:aws:s3:*/example", false},
		{"a question mark", "kms:key", account + "key/?", true},
		{"a question mark that cannot fit", "kms:key", account + "ke?s/1", false},
		{"a variable", "kms:key", account + "key/${aws:PrincipalTag/key}", true},
		{"a variable that is not closed", "kms:key", account + "key${aws:username", false},
		{"a service with wildcard", "kms:key", "arn:aws:k*:eu-west-1:123456789012:key/1", true},
		{"a bucket", "s3:bucket", "arn:aws:s3:::example", true},
		{"an object is no bucket", "s3:bucket", "arn:aws:s3:::example/photo.jpg", false},
		{"an object", "s3:object", "arn:aws:s3:::example/2026/photo.jpg", true},
		{"a role with a path", "iam:role", "arn:aws:iam::123456789012:role/service-role/example", true},
		{"a role has no region", "iam:role", "arn:aws:iam:eu-west-1:123456789012:role/example", false},
		{"a log stream of a group with slashes", "logs:log-stream", "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/x:*", true},
		{"a part before a slash has none", "connect:queue", "arn:aws:connect:eu-west-1:123456789012:instance/a/b/queue/c", false},
		{"an ARN in another", "logs:log-group", "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/x:*", true},
		{"a format that ends in an asterisk", "dms:Certificate", "arn:aws:dms:eu-west-1:123456789012:cert:ABC", true},
		{"empty", "kms:key", "", false},
		{"not an ARN", "kms:key", "1234abcd-12ab-34cd-56ef-1234567890ab", false},
		{"longer than any ARN", "kms:key", account + "key/" + strings.Repeat("a", 3000), false},
	} {
		prefix, name, _ := strings.Cut(row.resource, ":")
		s, ok := serviceref.Lookup(prefix)
		if !ok {
			t.Fatalf("no service %s", prefix)
		}
		r, ok := s.ResourceType(name)
		if !ok {
			t.Fatalf("%s has no resource type %s", prefix, name)
		}
		if got := r.Fits(row.arn); got != row.want {
			t.Errorf("%s: %s fits %s: %t", row.rule, row.arn, r.ARN, got)
		}
	}
}

func TestResourcesFor(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, action, arn string
		want              []string
	}{
		{"which of two", "kms:CreateAlias", "arn:aws:kms:eu-west-1:123456789012:alias/x", []string{"alias"}},
		{"a key is used by its key ARN only", "kms:Encrypt", "arn:aws:kms:eu-west-1:123456789012:alias/x", nil},
		{"a volume", "ec2:AttachVolume", "arn:aws:ec2:eu-west-1:123456789012:volume/vol-1", []string{"volume"}},
		{"both", "ec2:AttachVolume", "arn:aws:ec2:eu-west-1:123456789012:*/*", []string{"instance", "volume"}},
		{"no resource type", "kms:ListKeys", "*", nil},
	} {
		a, _ := serviceref.LookupAction(row.action)
		var got []string
		for _, r := range a.ResourcesFor(row.arn) {
			got = append(got, r.Type.Name)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s: %s", row.rule, diff)
		}
	}
}

func TestResourceTypesOfANamespace(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, r := range serviceref.ResourceTypes("ec2") {
		seen[r.Service.Prefix+" "+r.Name] = true
	}
	for _, want := range []string{"ec2 instance", "ec2 volume", "ebs snapshot"} {
		if !seen[want] {
			t.Errorf("no %s", want)
		}
	}
	if list := serviceref.ResourceTypes("nosuch"); list != nil {
		t.Errorf("%d types of no service", len(list))
	}
}

func TestLookupKey(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, name, want string
		kind             serviceref.Type
		global, always   bool
	}{
		{"a service's", "kms:GrantIsForAWSResource", "kms:GrantIsForAWSResource", serviceref.Bool, false, false},
		{"in any case", "KMS:grantisforawsresource", "kms:GrantIsForAWSResource", serviceref.Bool, false, false},
		{"multivalued", "kms:GrantOperations", "kms:GrantOperations", serviceref.ArrayOfString, false, false},
		{"a variable part behind a colon", "kms:EncryptionContext:AppName", "kms:EncryptionContext:${EncryptionContextKey}", serviceref.String, false, false},
		{"a global one", "aws:CurrentTime", "aws:CurrentTime", serviceref.Date, true, true},
		{"not in every request", "aws:SourceIp", "aws:SourceIp", serviceref.IPAddress, true, false},
		{"a tag", "aws:resourcetag/Cost:Center", "aws:ResourceTag/${TagKey}", serviceref.String, true, false},
		{"a service's tag key", "ec2:ResourceTag/x", "ec2:ResourceTag/${TagKey}", serviceref.String, false, false},
		{"another way to write a tag", "s3:ExistingObjectTag/x", "s3:ExistingObjectTag/${key}", serviceref.String, false, false},
		{"a third", "secretsmanager:ResourceTag/x", "secretsmanager:ResourceTag/${TagKey}", serviceref.String, false, false},
		{"across services", "ec2:SourceInstanceArn", "ec2:SourceInstanceArn", serviceref.ARN, true, false},
		{"an identity provider's", "saml:aud", "saml:aud", serviceref.String, false, false},
		{"a service's that another has", "identitystore:GroupId", "identitystore:GroupId", serviceref.ArrayOfString, false, false},
		{"a prefix with a variable part", "token.actions.EXAMPLE.ghe.com:actor", "token.actions.${Domain}.ghe.com:actor", serviceref.String, false, false},
	} {
		k, ok := serviceref.LookupKey(row.name)
		if !ok {
			t.Errorf("%s: %s is not there", row.rule, row.name)
			continue
		}
		if k.Name != row.want || k.Type != row.kind || k.Global != row.global || k.Always != row.always {
			t.Errorf("%s: %+v", row.rule, k)
		}
	}
	for _, name := range []string{"", "aws", "aws:", "aws:ResourceTag", "aws:ResourceTag/", "kms:EncryptionContext", "kms:EncryptionContext:", "aws:NoSuchKey", "nosuch:Key", "kms:x"} {
		if k, ok := serviceref.LookupKey(name); ok {
			t.Errorf("%q is %s", name, k.Name)
		}
	}
}

func TestKeysFor(t *testing.T) {
	t.Parallel()
	a, _ := serviceref.LookupAction("kms:CreateGrant")
	var names []string
	for _, k := range serviceref.KeysFor(a) {
		names = append(names, k.Name)
	}
	for _, want := range []string{
		"kms:GrantIsForAWSResource", "kms:GrantOperations", "kms:ViaService", // the action's
		"kms:ResourceAliases", "aws:ResourceTag/${TagKey}", // the key's
		"aws:PrincipalArn", // of all services
	} {
		if !slices.Contains(names, want) {
			t.Errorf("no %s in %q", want, names)
		}
		if k := strings.Replace(want, "${TagKey}", "x", 1); !a.HasKey(k) {
			t.Errorf("HasKey(%s) is false", k)
		}
	}
	for _, other := range []string{"kms:BypassPolicyLockoutSafetyCheck", "ec2:Owner"} {
		if slices.Contains(names, other) || a.HasKey(other) {
			t.Errorf("kms:CreateGrant has %s", other)
		}
	}
	if !slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }) {
		t.Errorf("not sorted: %q", names)
	}
}

func TestKeyWithSeveralVariableParts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		key, name string
		want      bool
	}{
		{"x:${A}/b/${C}", "x:1/b/2", true},
		{"x:${A}/b/${C}", "x:1/B/2", true},
		{"x:${A}/b/${C}", "x:/b/2", false},
		{"x:${A}/b/${C}", "x:1/b/", false},
		{"x:${A}.end", "x:1.end", true},
		{"x:${A}.end", "x:.end", false},
		{"x:${A}.end", "x:1.end.end", true},
		{"x:${A}.end", "x:1.ends", false},
		{"x:a", "x:ab", false},
		{"x:a", "yx:a", false},
		{"${A}:a", "y:a", true},
	} {
		if got := (&serviceref.Key{Name: row.key}).Fits(row.name); got != row.want {
			t.Errorf("%s fits %s: %t", row.key, row.name, got)
		}
	}
}

// TestWholeTable decodes every service, so that no lookup can meet damaged data.
func TestWholeTable(t *testing.T) {
	t.Parallel()
	actions, resources, keys := 0, 0, 0
	for s := range serviceref.Services() {
		if again, ok := serviceref.Lookup(strings.ToUpper(s.Prefix)); !ok || again != s || s.Name == "" {
			t.Errorf("%s (%s) is listed but not found", s.Prefix, s.Name)
		}
		for _, a := range s.Actions {
			if again, ok := serviceref.LookupAction(a.String()); !ok || again != a || a.Level == "" {
				t.Errorf("%s (%s) is listed but not found", a, a.Level)
			}
		}
		for _, r := range s.ResourceTypes {
			if again, ok := s.ResourceType(r.Name); !ok || again != r || !r.Fits(strings.NewReplacer("${", "", "}", "", "*", "x").Replace(r.ARN)) {
				t.Errorf("%s %s is listed but not found, or its format %s fits nothing", s.Prefix, r.Name, r.ARN)
			}
		}
		for _, k := range s.Keys {
			name := strings.NewReplacer("${", "", "}", "").Replace(k.Name)
			if _, ok := serviceref.LookupKey(name); !ok {
				t.Errorf("%s has the key %s, but %s is not found", s.Prefix, k.Name, name)
			}
		}
		actions += len(s.Actions)
		resources += len(s.ResourceTypes)
		keys += len(s.Keys)
	}
	if n := len(serviceref.Prefixes()); n < 450 || actions < 22000 || resources < 2300 || keys < 2500 || len(serviceref.GlobalKeys()) < 50 {
		t.Errorf("%d services, %d actions, %d resource types, %d keys, %d global keys", n, actions, resources, keys, len(serviceref.GlobalKeys()))
	}
}

func TestAlwaysKeysAreGlobal(t *testing.T) {
	t.Parallel()
	n := 0
	for _, k := range serviceref.GlobalKeys() {
		if k.Always {
			n++
		}
	}
	if n != 10 {
		t.Errorf("%d global keys are in every request, of 10 that the guide names", n)
	}
}

func FuzzFits(f *testing.F) {
	f.Add("arn:aws:kms:*:*:key/${aws:username}", "kms:EncryptionContext:x")
	f.Add("*?*?*", "aws:ResourceTag/${TagKey}")
	f.Fuzz(func(_ *testing.T, arn, key string) {
		s, _ := serviceref.Lookup("ec2")
		for _, r := range s.ResourceTypes {
			r.Fits(arn)
		}
		serviceref.LookupKey(key)
		for range serviceref.Actions("ec2:" + key) {
			break
		}
	})
}

func BenchmarkLookupAction(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		serviceref.LookupAction("ec2:RunInstances")
	}
}

// BenchmarkDecode inflates and decodes the largest service, as its first lookup does.
func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if serviceref.Decode("ec2") < 700 {
			b.Fatal("too few actions")
		}
	}
}

func BenchmarkResourcesFor(b *testing.B) {
	a, _ := serviceref.LookupAction("ec2:RunInstances")
	b.ReportAllocs()
	for b.Loop() {
		a.ResourcesFor("arn:aws:ec2:eu-west-1:123456789012:volume/*")
	}
}
