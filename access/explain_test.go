package access_test

import (
	"strings"
	"testing"

	"github.com/keyturn/keyturn/access"
)

// TestExplainSays: what a person must find in the text, by outcome.
func TestExplainSays(t *testing.T) {
	t.Parallel()
	grant := []access.Grant{{ID: "0123", Grantee: infrastructure().ARN, Operations: []string{"Decrypt"}, ContextSubset: map[string]string{"aws:ebs:id": "vol-1"}}}
	key := []string{st("Allow", aws(account), "kms:*")}
	for _, c := range []struct {
		setting
		want []string
	}{
		{
			setting{rule: "allowed by a statement", who: user("test"), action: "s3:GetObject", resource: bucket, identity: all},
			[]string{"allowed: s3:GetObject on " + bucket, "allowed by identity, statement 1, line 1", "applies: identity, statement 1, line 1 (Allow)"},
		},
		{
			setting{rule: "allowed to the root user", who: root(), action: "s3:GetObject", resource: bucket},
			[]string{"allowed: the account's root user needs no policy"},
		},
		{
			setting{rule: "allowed by a grant", who: infrastructure(), action: "kms:Decrypt", resource: keyARN, kind: access.KMSKey, resources: key, grants: grant, context: map[string]string{"kms:EncryptionContext:aws:ebs:id": "vol-1"}},
			[]string{"allowed by grant 0123", "grant: allows", "applies: grant 0123", "has no identity-based policies"},
		},
		{
			setting{rule: "a grant for another volume", who: infrastructure(), action: "kms:Decrypt", resource: keyARN, kind: access.KMSKey, resources: key, grants: grant, context: map[string]string{"kms:EncryptionContext:aws:ebs:id": "vol-2"}},
			[]string{"denied:", "no grant on the key lets the caller perform kms:Decrypt", "does not apply: grant 0123 (Allow): Condition EncryptionContextSubset kms:EncryptionContext:aws:ebs:id wanted vol-1, the request had vol-2"},
		},
		{
			setting{rule: "a grant for somebody else", who: infrastructure(), action: "kms:Decrypt", resource: keyARN, kind: access.KMSKey, resources: key, grants: []access.Grant{{ID: "0123", Grantee: roleARN, Operations: []string{"Decrypt"}}}},
			[]string{"Principal GranteePrincipal wanted " + roleARN},
		},
		{
			setting{rule: "a grant for another operation", who: infrastructure(), action: "kms:Decrypt", resource: keyARN, kind: access.KMSKey, resources: key, grants: []access.Grant{{ID: "0123", Grantee: infrastructure().ARN, Operations: []string{"Encrypt"}}}},
			[]string{"Action Operations wanted Encrypt, the request had Decrypt"},
		},
		{
			setting{rule: "denied explicitly", who: user("test"), action: "s3:GetObject", resource: bucket, identity: append([]string{st("Deny", "", "s3:Get*", `"Sid":"NoReading"`, `"Resource":"*"`)}, all...)},
			[]string{`denied by identity, statement 1 "NoReading", line 1: an explicit deny wins over every permission`, "identity-based policy: denies"},
		},
		{
			setting{rule: "more than one element in the way", who: user("test"), action: "s3:GetObject", resource: bucket, identity: []string{st("Allow", "", "s3:*", `"Resource":"arn:aws:s3:::other/*"`, `"Condition":{"Bool":{"aws:SecureTransport":true}}`)}},
			[]string{"Resource wanted arn:aws:s3:::other/*, the request had " + bucket + ", and 1 more"},
		},
		{
			setting{rule: "an organization's level", who: user("test"), action: "s3:GetObject", resource: bucket, identity: all, scp: [][]string{all, {st("Allow", "", "ec2:*")}}},
			[]string{"no service control policy at the account allows s3:GetObject: every level must"},
		},
		{
			setting{rule: "an organization's root", who: user("test"), action: "s3:GetObject", resource: bucket, identity: all, scp: [][]string{{st("Allow", "", "ec2:*")}, all}},
			[]string{"no service control policy at the organization's root allows s3:GetObject"},
		},
		{
			setting{rule: "depends", who: user("test"), action: "s3:GetObject", resource: bucket, identity: []string{st("Allow", "", "s3:*", `"Resource":"*"`, `"Condition":{"Bool":{"aws:SecureTransport":true}}`)}, unknown: []string{"aws:SecureTransport"}},
			[]string{"depends: s3:GetObject", "it turns on the identity-based policy", "may apply: identity, statement 1", "what would settle it:\n  - aws:SecureTransport"},
		},
		{
			setting{rule: "a layer that was not read", who: user("test"), action: "s3:GetObject", resource: bucket, identity: all, unread: []access.UnreadLayer{{Layer: access.ServiceControlLayer, What: "service control policies of o-example"}}},
			[]string{"could not be read: service control policies of o-example", "what would settle it:\n  - service control policies of o-example"},
		},
		{
			setting{rule: "a service that the key does not know", who: ec2Service(), owner: account, action: "kms:Decrypt", resource: keyARN, kind: access.KMSKey, resources: key},
			[]string{"by ec2.eu-west-1.amazonaws.com", "the key policy allows the service no kms:Decrypt"},
		},
		{
			setting{rule: "another account's resource", who: user("test"), owner: other, action: "s3:GetObject", resource: bucket, identity: all, resources: []string{st("Allow", aws(other), "*")}},
			[]string{"the resource's policy allows the other account's principal no s3:GetObject"},
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			text := c.decide(t).Explain()
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("does not say %q:\n%s", want, text)
				}
			}
		})
	}
}

// TestGrantUnknowns: a grant whose fit turns on what nobody knows settles nothing.
func TestGrantUnknowns(t *testing.T) {
	t.Parallel()
	g := func(g access.Grant) []access.Grant {
		g.ID, g.Grantee = "0123", infrastructure().ARN
		g.Operations = []string{"Decrypt", "CreateGrant"}
		return []access.Grant{g}
	}
	pairs := map[string]string{"aws:ebs:id": "vol-1"}
	vol1 := map[string]string{"kms:EncryptionContext:aws:ebs:id": "vol-1"}
	key := []string{st("Allow", aws(account), "kms:*")}
	var settings []setting
	for _, s := range []setting{
		{rule: "the pair", grants: g(access.Grant{ContextSubset: pairs}), unknown: []string{"kms:EncryptionContext:aws:ebs:id"}, want: access.Depends},
		{rule: "another pair does not matter to a subset", context: vol1, grants: g(access.Grant{ContextSubset: pairs}), unknown: []string{"kms:EncryptionContext:x"}, want: access.Allowed},
		{rule: "another pair matters to equality", context: vol1, grants: g(access.Grant{ContextEquals: pairs}), unknown: []string{"kms:EncryptionContext:x"}, want: access.Depends},
		{rule: "the child's operations", action: "kms:CreateGrant", context: vol1, grants: g(access.Grant{ContextSubset: pairs}), unknown: []string{"kms:GrantOperations"}, want: access.Depends},
		{rule: "the child's constraint", action: "kms:CreateGrant", context: map[string]string{"kms:EncryptionContext:aws:ebs:id": "vol-1", "kms:GrantOperations": "Decrypt"}, grants: g(access.Grant{ContextEquals: pairs}), unknown: []string{"kms:GrantConstraintType"}, want: access.Depends},
		{rule: "a child of which nothing is said", action: "kms:CreateGrant", context: vol1, grants: g(access.Grant{ContextSubset: pairs}), want: access.ImplicitDeny},
	} {
		if s.action == "" {
			s.action = "kms:Decrypt"
		}
		s.who, s.resource, s.kind, s.resources = infrastructure(), keyARN, access.KMSKey, key
		settings = append(settings, s)
	}
	run(t, settings)
}

func TestContext(t *testing.T) {
	t.Parallel()
	var a access.Context
	a.Set("aws:SourceIp", "10.0.0.1")
	a.Set("x:empty")
	a.SetUnknown("aws:ResourceTag/*")
	b := a.Clone()
	b.Set("AWS:sourceip", "10.0.0.2")
	if v, _, _ := a.Get("aws:SourceIP"); v[0] != "10.0.0.1" {
		t.Error("a clone shares with its original")
	}
	if v, present, _ := b.Get("x:empty"); !present || len(v) != 0 {
		t.Error("a key without values is there")
	}
	if _, present, unknown := b.Get("aws:resourcetag/a"); present || !unknown {
		t.Error("a kind of keys that nobody knows was lost")
	}
	a.Merge(b)
	if v, _, _ := a.Get("aws:SourceIp"); v[0] != "10.0.0.2" {
		t.Error("what is merged wins")
	}
}
