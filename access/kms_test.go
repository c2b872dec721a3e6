package access_test

import (
	"strings"
	"testing"

	"github.com/keyturn/keyturn/access"
)

// TestKeys: KMS guide, "Default key policy", "Determining access to AWS KMS
// keys", "Allowing users in other accounts to use a KMS key".
func TestKeys(t *testing.T) {
	t.Parallel()
	decrypt := func(s setting) setting {
		s.kind = access.KMSKey
		if s.action == "" {
			s.action = "kms:Decrypt"
		}
		if s.resource == "" {
			s.resource = keyARN
		}
		return s
	}
	toAccount := []string{st("Allow", aws("arn:aws:iam::123456789012:root"), "kms:*")}
	toUser := []string{st("Allow", aws("arn:aws:iam::123456789012:user/test"), "kms:Decrypt")}
	awsManaged := []string{st("Allow", aws("*"), "kms:Decrypt", `"Resource":"*"`,
		`"Condition":{"StringEquals":{"kms:CallerAccount":"123456789012","kms:ViaService":"ec2.eu-west-1.amazonaws.com"}}`)}
	via := map[string]string{"kms:ViaService": "ec2.eu-west-1.amazonaws.com"}
	run(t, []setting{
		decrypt(setting{rule: "the root statement delegates, and IAM does not allow", who: user("test"), resources: toAccount, want: access.ImplicitDeny, layer: access.IdentityLayer}),
		decrypt(setting{rule: "the root statement delegates, and IAM allows", who: user("test"), identity: all, resources: toAccount, want: access.Allowed, layer: access.IdentityLayer}),
		decrypt(setting{rule: "the bare account id delegates as well", who: user("test"), identity: all, resources: []string{st("Allow", aws(account), "kms:*")}, want: access.Allowed}),
		decrypt(setting{rule: "without the root statement IAM policies count for nothing", who: user("test"), identity: all, resources: []string{st("Allow", aws("arn:aws:iam::123456789012:user/other"), "kms:*")}, want: access.ImplicitDeny, layer: access.ResourceLayer}),
		decrypt(setting{rule: "delegation is for the actions it names", who: user("test"), identity: all, resources: []string{st("Allow", aws(account), "kms:Describe*")}, want: access.ImplicitDeny, layer: access.ResourceLayer}),
		decrypt(setting{rule: "the key policy names the user", who: user("test"), resources: toUser, want: access.Allowed, layer: access.ResourceLayer}),
		decrypt(setting{rule: "an IAM deny counts without the root statement", who: user("test"), identity: []string{st("Deny", "", "kms:*")}, resources: toUser, want: access.ExplicitDeny, layer: access.IdentityLayer}),
		decrypt(setting{rule: "a deny in the key policy", who: user("test"), identity: all, resources: append([]string{st("Deny", aws("*"), "kms:Decrypt")}, toAccount...), want: access.ExplicitDeny, layer: access.ResourceLayer}),
		decrypt(setting{rule: "the root user is allowed by the root statement", who: root(), resources: toAccount, want: access.Allowed}),
		decrypt(setting{rule: "the root user without the root statement is not", who: root(), resources: toUser, want: access.ImplicitDeny, layer: access.ResourceLayer}),
		decrypt(setting{rule: "a statement without resource has no effect", who: user("test"), resources: []string{`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/test"},"Action":"kms:*"}`}, want: access.ImplicitDeny, layer: access.ResourceLayer}),
		decrypt(setting{rule: "an alias in an identity policy does not name the key", who: user("test"), identity: []string{st("Allow", "", "kms:*", `"Resource":"arn:aws:kms:eu-west-1:123456789012:alias/*"`)}, resources: toAccount, want: access.ImplicitDeny, layer: access.IdentityLayer}),
		decrypt(setting{rule: "the AWS managed key takes everyone who comes through EBS", who: user("test"), context: via, resources: awsManaged, want: access.Allowed, layer: access.ResourceLayer}),
		decrypt(setting{rule: "the AWS managed key takes nobody who comes directly", who: user("test"), identity: all, resources: awsManaged, want: access.ImplicitDeny, layer: access.ResourceLayer}),
		decrypt(setting{rule: "an IAM deny closes the AWS managed key", who: user("test"), context: via, identity: []string{st("Deny", "", "kms:*")}, resources: awsManaged, want: access.ExplicitDeny}),
		decrypt(setting{rule: "a role in the key policy is under its boundary", who: session(), boundary: []string{st("Allow", "", "ec2:*")}, resources: []string{st("Allow", aws(roleARN), "kms:*")}, want: access.ImplicitDeny, layer: access.BoundaryLayer}),

		decrypt(setting{rule: "another account's key: its policy alone", who: user("test"), resource: otherKey, owner: other, resources: toAccount, want: access.ImplicitDeny, layer: access.IdentityLayer}),
		decrypt(setting{rule: "another account's key: the identity policy alone", who: user("test"), resource: otherKey, owner: other, identity: all, resources: []string{st("Allow", aws(other), "kms:*")}, want: access.ImplicitDeny, layer: access.ResourceLayer}),
		decrypt(setting{rule: "another account's key: both", who: user("test"), resource: otherKey, owner: other, identity: all, resources: toAccount, want: access.Allowed}),
		decrypt(setting{rule: "the infrastructure role has no policies to be allowed by", who: infrastructure(), identity: all, resources: toAccount, want: access.ImplicitDeny}),
	})
}

// TestGrants: KMS guide, "Grants in AWS KMS" and "Using grant constraints".
func TestGrants(t *testing.T) {
	t.Parallel()
	id := map[string]string{"aws:ebs:id": "vol-1"}
	vol1 := map[string]string{"kms:EncryptionContext:aws:ebs:id": "vol-1"}
	grant := func(g access.Grant) []access.Grant {
		g.ID = "0123"
		if g.Grantee == "" {
			g.Grantee = infrastructure().ARN
		}
		if g.Operations == nil {
			g.Operations = []string{"Decrypt"}
		}
		return []access.Grant{g}
	}
	root := []string{st("Allow", aws(account), "kms:*")}
	decrypt := func(s setting) setting {
		s.kind, s.resource = access.KMSKey, keyARN
		if s.action == "" {
			s.action = "kms:Decrypt"
		}
		if s.resources == nil {
			s.resources = root
		}
		return s
	}
	infra := infrastructure()
	child := func(operations ...string) map[string]string {
		return map[string]string{
			"kms:EncryptionContext:aws:ebs:id": "vol-1", "kms:GrantOperations": strings.Join(operations, ","),
			"kms:GrantConstraintType": "EncryptionContextSubset",
		}
	}
	run(t, []setting{
		decrypt(setting{rule: "a grant for the session", who: infra, context: vol1, grants: grant(access.Grant{ContextSubset: id}), want: access.Allowed, layer: access.GrantLayer}),
		decrypt(setting{rule: "a grant for another session", who: infra, context: vol1, grants: grant(access.Grant{Grantee: infra.ARN + "0"}), want: access.ImplicitDeny}),
		decrypt(setting{rule: "a grant for the role", who: session(), grants: grant(access.Grant{Grantee: roleARN}), want: access.Allowed}),
		decrypt(setting{rule: "a grant for a user", who: user("test"), grants: grant(access.Grant{Grantee: user("test").ARN}), want: access.Allowed}),
		decrypt(setting{rule: "a grant for a service", who: ec2Service(), grants: grant(access.Grant{Grantee: "ec2.eu-west-1.amazonaws.com"}), want: access.Allowed}),
		decrypt(setting{rule: "a grant for the account's root user", who: user("test"), identity: all, resources: []string{st("Allow", aws(other), "kms:*")}, grants: grant(access.Grant{Grantee: "arn:aws:iam::123456789012:root"}), want: access.Allowed}),
		decrypt(setting{rule: "a grant for the root user is none for those without permission", who: user("test"), grants: grant(access.Grant{Grantee: "arn:aws:iam::123456789012:root"}), want: access.ImplicitDeny}),
		decrypt(setting{rule: "an operation that the grant does not list", who: infra, action: "kms:GenerateDataKey", context: vol1, grants: grant(access.Grant{}), want: access.ImplicitDeny}),
		decrypt(setting{rule: "GenerateDataKey is not GenerateDataKeyWithoutPlaintext", who: infra, action: "kms:GenerateDataKeyWithoutPlaintext", grants: grant(access.Grant{Operations: []string{"GenerateDataKey"}}), want: access.ImplicitDeny}),
		decrypt(setting{rule: "a subset of another context", who: infra, context: map[string]string{"kms:EncryptionContext:aws:ebs:id": "vol-2"}, grants: grant(access.Grant{ContextSubset: id}), want: access.ImplicitDeny}),
		decrypt(setting{rule: "a subset of no context", who: infra, grants: grant(access.Grant{ContextSubset: id}), want: access.ImplicitDeny}),
		decrypt(setting{rule: "a subset of a larger context", who: infra, context: map[string]string{"kms:EncryptionContext:aws:ebs:id": "vol-1", "kms:EncryptionContext:b": "c"}, grants: grant(access.Grant{ContextSubset: id}), want: access.Allowed}),
		decrypt(setting{rule: "equal to a larger context", who: infra, context: map[string]string{"kms:EncryptionContext:aws:ebs:id": "vol-1", "kms:EncryptionContext:b": "c"}, grants: grant(access.Grant{ContextEquals: id}), want: access.ImplicitDeny}),
		decrypt(setting{rule: "equal to the same context", who: infra, context: vol1, grants: grant(access.Grant{ContextEquals: id}), want: access.Allowed}),
		decrypt(setting{rule: "values have case", who: infra, context: map[string]string{"kms:EncryptionContext:aws:ebs:id": "VOL-1"}, grants: grant(access.Grant{ContextSubset: id}), want: access.ImplicitDeny}),
		decrypt(setting{rule: "constraints do not bear on DescribeKey", who: infra, action: "kms:DescribeKey", grants: grant(access.Grant{Operations: []string{"DescribeKey"}, ContextEquals: id}), want: access.Allowed}),
		decrypt(setting{rule: "an explicit deny beats a grant", who: user("test"), identity: []string{st("Deny", "", "kms:Decrypt")}, grants: grant(access.Grant{Grantee: user("test").ARN}), want: access.ExplicitDeny, layer: access.IdentityLayer}),
		decrypt(setting{rule: "an SCP limits the infrastructure role", who: infra, context: vol1, scp: [][]string{{st("Allow", "", "ec2:*")}}, grants: grant(access.Grant{ContextSubset: id}), want: access.ImplicitDeny, layer: access.ServiceControlLayer}),
		decrypt(setting{rule: "a child grant as strict as its parent", who: infra, action: "kms:CreateGrant", context: child("Decrypt"), grants: grant(access.Grant{Operations: []string{"CreateGrant", "Decrypt"}, ContextSubset: id}), want: access.Allowed}),
		decrypt(setting{rule: "a child grant with an operation more", who: infra, action: "kms:CreateGrant", context: child("Encrypt"), grants: grant(access.Grant{Operations: []string{"CreateGrant", "Decrypt"}, ContextSubset: id}), want: access.ImplicitDeny}),
		decrypt(setting{rule: "a child grant without the constraint", who: infra, action: "kms:CreateGrant", context: map[string]string{"kms:GrantOperations": "Decrypt"}, grants: grant(access.Grant{Operations: []string{"CreateGrant", "Decrypt"}, ContextSubset: id}), want: access.ImplicitDeny}),
		decrypt(setting{rule: "a child grant with a looser kind of constraint", who: infra, action: "kms:CreateGrant", context: child("Decrypt"), grants: grant(access.Grant{Operations: []string{"CreateGrant", "Decrypt"}, ContextEquals: id}), want: access.ImplicitDeny}),
		{
			rule: "a grant is enough across accounts", who: user("test"), action: "kms:Decrypt", resource: otherKey, owner: other, kind: access.KMSKey,
			resources: []string{st("Allow", aws(other), "kms:*")}, grants: grant(access.Grant{Grantee: user("test").ARN}), want: access.Allowed, layer: access.GrantLayer,
		},
	})
}

// TestRetireGrant: KMS guide, "Retiring and revoking grants".
func TestRetireGrant(t *testing.T) {
	t.Parallel()
	retire := func(s setting) setting {
		s.action, s.resource, s.kind = "kms:RetireGrant", keyARN, access.KMSKey
		if s.resources == nil {
			s.resources = []string{st("Allow", aws(account), "kms:Decrypt")}
		}
		return s
	}
	g := func(g access.Grant) []access.Grant { g.ID = "0123"; return []access.Grant{g} }
	test := user("test").ARN
	run(t, []setting{
		retire(setting{rule: "the retiring principal", who: user("test"), grants: g(access.Grant{Grantee: roleARN, Retiring: test}), want: access.Allowed}),
		retire(setting{rule: "a service that is the retiring principal", who: ec2Service(), owner: account, grants: g(access.Grant{Grantee: roleARN, Retiring: "ec2.eu-west-1.amazonaws.com"}), want: access.Allowed}),
		retire(setting{rule: "the grantee who may retire", who: session(), grants: g(access.Grant{Grantee: roleARN, Operations: []string{"RetireGrant"}}), want: access.Allowed}),
		retire(setting{rule: "the grantee who may not", who: session(), grants: g(access.Grant{Grantee: roleARN, Operations: []string{"Decrypt"}}), want: access.ImplicitDeny, layer: access.IdentityLayer}),
		retire(setting{rule: "the account's root user", who: root(), grants: g(access.Grant{Grantee: roleARN, Account: account}), want: access.Allowed}),
		retire(setting{rule: "whom the account lets by IAM", who: user("test"), identity: all, grants: g(access.Grant{Grantee: roleARN, Account: account}), want: access.Allowed}),
		retire(setting{rule: "a key policy that allows it has no effect", who: user("test"), resources: []string{st("Allow", aws(test), "kms:*")}, grants: g(access.Grant{Grantee: roleARN}), want: access.ImplicitDeny}),
		retire(setting{rule: "a key policy that denies it has no effect", who: user("test"), resources: []string{st("Deny", `"*"`, "kms:*")}, grants: g(access.Grant{Grantee: roleARN, Retiring: test}), want: access.Allowed}),
		retire(setting{rule: "an RCP has no effect", who: user("test"), rcp: [][]string{{st("Deny", `"*"`, "kms:*")}}, grants: g(access.Grant{Grantee: roleARN, Retiring: test}), want: access.Allowed}),
		retire(setting{rule: "an identity policy that denies it", who: user("test"), identity: []string{st("Deny", "", "kms:*")}, grants: g(access.Grant{Grantee: roleARN, Retiring: test}), want: access.ExplicitDeny}),
		retire(setting{rule: "another account's principal", who: user("test"), identity: all, owner: other, grants: g(access.Grant{Grantee: roleARN, Account: other}), want: access.ImplicitDeny}),
	})
}
