package kms

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

type operations = []kmstypes.GrantOperation

func (s *stage) grant(w who, in kms.CreateGrantInput) *kms.CreateGrantOutput {
	s.t.Helper()
	return do[kms.CreateGrantOutput](s, w, "CreateGrant", &in)
}

func subset(pairs ...string) *kmstypes.GrantConstraints {
	return &kmstypes.GrantConstraints{EncryptionContextSubset: contextOf(pairs...)}
}

func equals(pairs ...string) *kmstypes.GrantConstraints {
	return &kmstypes.GrantConstraints{EncryptionContextEquals: contextOf(pairs...)}
}

func contextOf(pairs ...string) map[string]string {
	m := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func TestGrantAllows(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	u := user(account, "test")
	blob := encrypted(s, root(), k.KeyId, "x", contextOf("a", "1", "b", "2"))
	decrypt := &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: contextOf("a", "1", "b", "2")}
	for _, row := range []struct {
		name       string
		constraint *kmstypes.GrantConstraints
		operations operations
		allowed    bool
	}{
		{"no constraint", nil, operations{"Decrypt"}, true},
		{"a subset that is there", subset("a", "1"), operations{"Decrypt"}, true},
		{"all pairs as a subset", subset("a", "1", "b", "2"), operations{"Decrypt"}, true},
		{"equal", equals("a", "1", "b", "2"), operations{"Decrypt"}, true},
		{"equal to a part", equals("a", "1"), operations{"Decrypt"}, false},
		{"another value", subset("a", "2"), operations{"Decrypt"}, false},
		{"value in another case", subset("a", "X"), operations{"Decrypt"}, false},
		{"a pair too many", subset("a", "1", "c", "3"), operations{"Decrypt"}, false},
		{"another operation", nil, operations{"Encrypt"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := *s
			s.t = t
			g := s.grant(root(), kms.CreateGrantInput{
				KeyId: k.KeyId, GranteePrincipal: aws.String(u.principal.ARN), Operations: row.operations, Constraints: row.constraint,
			})
			if len(*g.GrantId) != 64 || !isHex(*g.GrantId) {
				t.Errorf("grant id %s", *g.GrantId)
			}
			_, err := s.run(u, "Decrypt", decrypt)
			if row.allowed != (err == nil) {
				t.Errorf("allowed: %v, want %v", err, row.allowed)
			}
			// It is the grant, and ends with it.
			do[kms.RevokeGrantOutput](&s, root(), "RevokeGrant", &kms.RevokeGrantInput{KeyId: k.KeyId, GrantId: g.GrantId})
			_, err = s.run(u, "Decrypt", decrypt)
			checkRefused(t, "Decrypt", err, "AccessDeniedException", "*")
		})
	}
}

func TestGrantForAnotherAccountNeedsNoPolicyThere(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	u := user(other, "guest")
	s.grant(root(), kms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: aws.String(u.principal.ARN), Operations: operations{"Encrypt"}})
	do[kms.EncryptOutput](s, u, "Encrypt", &kms.EncryptInput{KeyId: k.Arn, Plaintext: []byte("x")})
	refused(s, user(other, "another"), "Encrypt", &kms.EncryptInput{KeyId: k.Arn, Plaintext: []byte("x")}, "AccessDeniedException", "*")
}

func TestCreateGrantRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	grantee := aws.String("arn:aws:iam::123456789012:user/test")
	long := strings.Repeat("x", 385)
	var many []string
	for i := range 9 {
		many = append(many, strconv.Itoa(i), "v")
	}
	for _, row := range []struct {
		name string
		in   kms.CreateGrantInput
		code string
	}{
		{"no grantee", kms.CreateGrantInput{Operations: operations{"Decrypt"}}, "ValidationException"},
		{"two grantees", kms.CreateGrantInput{GranteePrincipal: grantee, GranteeServicePrincipal: aws.String("ec2.amazonaws.com"), Operations: operations{"Decrypt"}}, "ValidationException"},
		{"no operations", kms.CreateGrantInput{GranteePrincipal: grantee}, "ValidationException"},
		{"operation of asymmetric keys", kms.CreateGrantInput{GranteePrincipal: grantee, Operations: operations{"Sign"}}, "ValidationException"},
		{"grantee is no ARN", kms.CreateGrantInput{GranteePrincipal: aws.String("test"), Operations: operations{"Decrypt"}}, "InvalidArnException"},
		{"grantee is an alias's ARN", kms.CreateGrantInput{GranteePrincipal: aws.String("arn:aws:kms:eu-west-1:123456789012:alias/a"), Operations: operations{"Decrypt"}}, "InvalidArnException"},
		{"grantee is a group", kms.CreateGrantInput{GranteePrincipal: aws.String("arn:aws:iam::123456789012:group/g"), Operations: operations{"Decrypt"}}, "InvalidArnException"},
		{"grantee with a wildcard", kms.CreateGrantInput{GranteePrincipal: aws.String("arn:aws:iam::123456789012:role/*"), Operations: operations{"Decrypt"}}, "InvalidArnException"},
		{"a service as grantee", kms.CreateGrantInput{GranteePrincipal: aws.String("ec2.amazonaws.com"), Operations: operations{"Decrypt"}}, "InvalidArnException"},
		{"a service to retire", kms.CreateGrantInput{GranteePrincipal: grantee, RetiringPrincipal: aws.String("ec2.amazonaws.com"), Operations: operations{"Decrypt"}}, "InvalidArnException"},
		{"service principal without source", kms.CreateGrantInput{GranteeServicePrincipal: aws.String("ec2.amazonaws.com"), Operations: operations{"Decrypt"}}, "ValidationException"},
		{"nine pairs", kms.CreateGrantInput{GranteePrincipal: grantee, Operations: operations{"Decrypt"}, Constraints: subset(many...)}, "ValidationException"},
		{"long value", kms.CreateGrantInput{GranteePrincipal: grantee, Operations: operations{"Decrypt"}, Constraints: equals("a", long)}, "ValidationException"},
		{"bad token", kms.CreateGrantInput{GranteePrincipal: grantee, Operations: operations{"Decrypt"}, GrantTokens: []string{"x"}}, "InvalidGrantTokenException"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.in.KeyId = k.KeyId
			_, err := s.run(root(), "CreateGrant", &row.in)
			checkRefused(t, "CreateGrant", err, row.code, "*")
		})
	}
	if out := do[kms.ListGrantsOutput](s, root(), "ListGrants", &kms.ListGrantsInput{KeyId: k.KeyId}); len(out.Grants) != 0 {
		t.Errorf("%d grants were made all the same", len(out.Grants))
	}
}

func TestServicesNameServices(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	s.grant(root().viaEC2(), kms.CreateGrantInput{
		KeyId: k.Arn, GranteePrincipal: aws.String("ec2.eu-west-1.amazonaws.com"), RetiringPrincipal: aws.String("ec2.eu-west-1.amazonaws.com"),
		Operations: operations{"Decrypt"}, Constraints: subset("aws:ebs:id", "vol-1"),
	})
	blob := encrypted(s, root(), k.KeyId, "x", contextOf("aws:ebs:id", "vol-1"))
	ec2 := service("ec2.eu-west-1.amazonaws.com")
	do[kms.DecryptOutput](s, ec2, "Decrypt", &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: contextOf("aws:ebs:id", "vol-1")})
	refused(s, service("rds.eu-west-1.amazonaws.com"), "Decrypt", &kms.DecryptInput{
		CiphertextBlob: blob, EncryptionContext: contextOf("aws:ebs:id", "vol-1"),
	}, "AccessDeniedException", "*")
	out := do[kms.ListRetirableGrantsOutput](s, root(), "ListRetirableGrants", &kms.ListRetirableGrantsInput{RetiringPrincipal: aws.String("ec2.eu-west-1.amazonaws.com")})
	if len(out.Grants) != 1 {
		t.Fatalf("EC2 may retire %d grants, want 1", len(out.Grants))
	}
	do[kms.RetireGrantOutput](s, ec2, "RetireGrant", &kms.RetireGrantInput{KeyId: k.Arn, GrantId: out.Grants[0].GrantId})
	refused(s, ec2, "Decrypt", &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: contextOf("aws:ebs:id", "vol-1")}, "AccessDeniedException", "*")
}

// TestNamedGrant: with a name, and all else the same, no second grant is made.
func TestNamedGrant(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	in := kms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/test"), Operations: operations{"Decrypt"},
		Name: aws.String("n"), Constraints: subset("a", "1"),
	}
	first, second := s.grant(root(), in), s.grant(root(), in)
	if *first.GrantId != *second.GrantId || *first.GrantToken == *second.GrantToken {
		t.Error("the repeated request must give the same grant and a new token")
	}
	changed := in
	changed.Operations = operations{"Decrypt", "Encrypt"}
	if *s.grant(root(), changed).GrantId == *first.GrantId {
		t.Error("other operations, and the same grant")
	}
	changed = in
	changed.Constraints = equals("a", "1")
	if *s.grant(root(), changed).GrantId == *first.GrantId {
		t.Error("another constraint, and the same grant")
	}
	unnamed := in
	unnamed.Name = nil
	third, fourth := s.grant(root(), unnamed), s.grant(root(), unnamed)
	if *third.GrantId == *fourth.GrantId {
		t.Error("without a name every request makes a grant")
	}
}

// TestGrantOfGrant: whoever may create grants by a grant alone can give on no
// more than it has.
func TestGrantOfGrant(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name           string
		parent, child  *kmstypes.GrantConstraints
		with           operations
		allowed        bool
		policyAllowsIt bool
	}{
		{"the same", subset("a", "1"), subset("a", "1"), operations{"Decrypt"}, true, false},
		{"stricter", subset("a", "1"), subset("a", "1", "b", "2"), operations{"Decrypt"}, true, false},
		{"equals under subset", subset("a", "1"), equals("a", "1"), operations{"Decrypt"}, true, false},
		{"no constraint under one", subset("a", "1"), nil, operations{"Decrypt"}, false, false},
		{"another value", subset("a", "1"), subset("a", "2"), operations{"Decrypt"}, false, false},
		{"subset under equals", equals("a", "1"), subset("a", "1"), operations{"Decrypt"}, false, false},
		{"equals under equals", equals("a", "1"), equals("a", "1"), operations{"Decrypt"}, true, false},
		{"more under equals", equals("a", "1"), equals("a", "1", "b", "2"), operations{"Decrypt"}, false, false},
		{"more operations", nil, nil, operations{"Decrypt", "Encrypt"}, false, false},
		{"more operations by policy", nil, nil, operations{"Decrypt", "Encrypt"}, true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			k := s.key(root())
			u := user(account, "test")
			s.grant(root(), kms.CreateGrantInput{
				KeyId: k.KeyId, GranteePrincipal: aws.String(u.principal.ARN), Operations: operations{"Decrypt", "CreateGrant"}, Constraints: row.parent,
			})
			if row.policyAllowsIt {
				s.allow(u, allowKMS)
			}
			in := &kms.CreateGrantInput{
				KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/second"), Operations: row.with, Constraints: row.child,
			}
			_, err := s.run(u, "CreateGrant", in)
			if row.allowed {
				if err != nil {
					t.Error(err)
				}
				return
			}
			checkRefused(t, "CreateGrant", err, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:CreateGrant on resource: "+*k.Arn+" because no identity-based policy allows the kms:CreateGrant action")
		})
	}
}

func TestListGrants(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k, second := s.key(root()), s.key(root())
	var ids []string
	for i := range 7 {
		g := s.grant(root(), kms.CreateGrantInput{
			KeyId: k.KeyId, GranteePrincipal: aws.String(fmt.Sprint("arn:aws:iam::123456789012:user/u", i%2)), Operations: operations{"Decrypt"},
		})
		ids = append(ids, *g.GrantId)
	}
	s.grant(root(), kms.CreateGrantInput{KeyId: second.KeyId, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/u0"), Operations: operations{"Decrypt"}})
	var got []string
	for in := (&kms.ListGrantsInput{KeyId: k.KeyId, Limit: aws.Int32(3)}); ; {
		out := do[kms.ListGrantsOutput](s, root(), "ListGrants", in)
		for _, g := range out.Grants {
			got = append(got, *g.GrantId)
		}
		if !out.Truncated {
			break
		}
		in.Marker = out.NextMarker
	}
	slices.Sort(ids)
	if d := cmp.Diff(ids, got); d != "" {
		t.Errorf("ids (-want +got):\n%s", d)
	}
	of := do[kms.ListGrantsOutput](s, root(), "ListGrants", &kms.ListGrantsInput{KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/u1")})
	if len(of.Grants) != 3 {
		t.Errorf("%d grants of u1, want 3", len(of.Grants))
	}
	one := do[kms.ListGrantsOutput](s, root(), "ListGrants", &kms.ListGrantsInput{KeyId: k.KeyId, GrantId: &ids[4]})
	if len(one.Grants) != 1 || *one.Grants[0].GrantId != ids[4] {
		t.Errorf("by id: %v", one.Grants)
	}
	refused(s, root(), "ListGrants", &kms.ListGrantsInput{KeyId: k.KeyId, GrantId: aws.String("x")}, "InvalidGrantIdException", "*")
	refused(s, root(), "ListGrants", &kms.ListGrantsInput{KeyId: k.KeyId, Marker: aws.String("?")}, "InvalidMarkerException", "*")
}

func TestGrantEntryAndEvent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	const grantee = "arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/i-0123456789abcdef0"
	g := s.grant(root().viaEC2(), kms.CreateGrantInput{
		KeyId: k.Arn, GranteePrincipal: aws.String(grantee), RetiringPrincipal: aws.String("ec2.eu-west-1.amazonaws.com"),
		Operations: operations{"Decrypt"}, Constraints: subset("aws:ebs:id", "vol-0123456789abcdef0"),
	})
	want := api.Event{
		Resources: []api.EventResource{{ARN: *k.Arn, Account: account, Type: "AWS::KMS::Key"}},
		RequestParameters: map[string]any{
			"constraints":       map[string]any{"encryptionContextSubset": map[string]any{"aws:ebs:id": "vol-0123456789abcdef0"}},
			"retiringPrincipal": "ec2.eu-west-1.amazonaws.com", "operations": []any{"Decrypt"}, "keyId": *k.Arn, "granteePrincipal": grantee,
		},
		ResponseElements: map[string]any{"grantId": *g.GrantId, "keyId": *k.Arn},
	}
	if d := cmp.Diff(want, s.last); d != "" {
		t.Errorf("event (-want +got):\n%s", d)
	}
	entry := do[kms.ListGrantsOutput](s, root(), "ListGrants", &kms.ListGrantsInput{KeyId: k.KeyId}).Grants[0]
	wantEntry := kmstypes.GrantListEntry{
		KeyId: k.Arn, GrantId: g.GrantId, CreationDate: aws.Time(start), GranteePrincipal: aws.String(grantee), Name: aws.String(""),
		IssuingAccount: aws.String("arn:aws:iam::123456789012:root"), RetiringPrincipal: aws.String("ec2.eu-west-1.amazonaws.com"),
		Operations: operations{"Decrypt"}, Constraints: subset("aws:ebs:id", "vol-0123456789abcdef0"),
	}
	ignore := cmpopts.IgnoreUnexported(kmstypes.GrantListEntry{}, kmstypes.GrantConstraints{})
	if d := cmp.Diff(wantEntry, entry, ignore); d != "" {
		t.Errorf("entry (-want +got):\n%s", d)
	}
}

func TestRetireGrant(t *testing.T) {
	t.Parallel()
	retiring, grantee, stranger := user(account, "retiring"), user(account, "grantee"), user(account, "stranger")
	guest := user(other, "guest")
	const deny = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:RetireGrant","Resource":"*"}]}`
	for _, row := range []struct {
		name       string
		by         who
		operations operations
		iam        string
		allowed    bool
	}{
		{"the retiring principal may", retiring, operations{"Decrypt"}, "", true},
		{"the retiring principal may not when IAM denies it", retiring, operations{"Decrypt"}, deny, false},
		{"the grantee may not by itself", grantee, operations{"Decrypt"}, "", false},
		{"the grantee with RetireGrant may", grantee, operations{"Decrypt", "RetireGrant"}, "", true},
		{"the issuing account's root may", root(), operations{"Decrypt"}, "", true},
		{"the issuing account's user may not by itself", stranger, operations{"Decrypt"}, "", false},
		{"the issuing account's user may by IAM", stranger, operations{"Decrypt"}, allowKMS, true},
		{"another account may not, whatever its IAM says", guest, operations{"Decrypt"}, allowKMS, false},
		{"another account's root may not", rootOf(other), operations{"Decrypt"}, "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			k := s.key(root())
			if row.iam != "" {
				s.allow(row.by, row.iam)
			}
			in := kms.CreateGrantInput{
				KeyId: k.KeyId, GranteePrincipal: aws.String(grantee.principal.ARN), RetiringPrincipal: aws.String(retiring.principal.ARN), Operations: row.operations,
			}
			byID, byToken := s.grant(root(), in), s.grant(root(), in)
			for _, retire := range []*kms.RetireGrantInput{{KeyId: k.Arn, GrantId: byID.GrantId}, {GrantToken: byToken.GrantToken}} {
				_, err := s.run(row.by, "RetireGrant", retire)
				if !row.allowed {
					checkRefused(t, "RetireGrant", err, "AccessDeniedException", "*")
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if id := s.last.Additional["grantId"]; !s.last.NoRequestParameters || id != *byID.GrantId && id != *byToken.GrantId {
					t.Errorf("event %+v", s.last)
				}
			}
			left := len(do[kms.ListGrantsOutput](s, root(), "ListGrants", &kms.ListGrantsInput{KeyId: k.KeyId}).Grants)
			if row.allowed != (left == 0) {
				t.Errorf("%d grants are left", left)
			}
		})
	}
}

func TestRetireGrantRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	g := s.grant(root(), kms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/u"), Operations: operations{"Decrypt"}})
	refused(s, root(), "RetireGrant", &kms.RetireGrantInput{}, "ValidationException", "*")
	refused(s, root(), "RetireGrant", &kms.RetireGrantInput{GrantId: g.GrantId}, "ValidationException", "*")
	refused(s, root(), "RetireGrant", &kms.RetireGrantInput{GrantToken: g.GrantToken, GrantId: g.GrantId}, "ValidationException", "*")
	refused(s, root(), "RetireGrant", &kms.RetireGrantInput{GrantToken: aws.String("AAAA")}, "InvalidGrantTokenException", "*")
	refused(s, root().in("us-east-1"), "RetireGrant", &kms.RetireGrantInput{GrantToken: g.GrantToken}, "InvalidGrantTokenException", "*")
	refused(s, root(), "RetireGrant", &kms.RetireGrantInput{KeyId: k.Arn, GrantId: aws.String("x")}, "InvalidGrantIdException", "*")
	refused(s, root(), "RetireGrant", &kms.RetireGrantInput{KeyId: k.Arn, GrantId: aws.String(strings.Repeat("0", 64))}, "NotFoundException", "*")
	refused(s, root(), "RevokeGrant", &kms.RevokeGrantInput{KeyId: k.Arn, GrantId: aws.String(strings.Repeat("0", 64))}, "NotFoundException", "*")
	do[kms.RetireGrantOutput](s, root().dry(), "RetireGrant", &kms.RetireGrantInput{GrantToken: g.GrantToken})
	do[kms.RetireGrantOutput](s, root(), "RetireGrant", &kms.RetireGrantInput{GrantToken: g.GrantToken})
	refused(s, root(), "RetireGrant", &kms.RetireGrantInput{GrantToken: g.GrantToken}, "NotFoundException", "*")
}

// TestRetirableGrants of keys in another account are listed in the account of
// the principal that may retire them.
func TestRetirableGrants(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	guest := user(other, "guest")
	k := s.key(root())
	in := kms.CreateGrantInput{
		KeyId: k.KeyId, GranteePrincipal: aws.String(guest.principal.ARN), RetiringPrincipal: aws.String(guest.principal.ARN), Operations: operations{"Decrypt"},
	}
	for range 5 {
		s.grant(root(), in)
	}
	s.allow(guest, allowKMS)
	list := &kms.ListRetirableGrantsInput{RetiringPrincipal: aws.String(guest.principal.ARN), Limit: aws.Int32(3)}
	first := do[kms.ListRetirableGrantsOutput](s, guest, "ListRetirableGrants", list)
	list.Marker = first.NextMarker
	second := do[kms.ListRetirableGrantsOutput](s, guest, "ListRetirableGrants", list)
	if len(first.Grants) != 3 || len(second.Grants) != 2 || second.Truncated {
		t.Fatalf("pages of %d and %d grants", len(first.Grants), len(second.Grants))
	}
	for _, g := range append(first.Grants, second.Grants...) {
		do[kms.RetireGrantOutput](s, guest, "RetireGrant", &kms.RetireGrantInput{KeyId: g.KeyId, GrantId: g.GrantId})
	}
	list.Marker = nil
	if left := do[kms.ListRetirableGrantsOutput](s, guest, "ListRetirableGrants", list); len(left.Grants) != 0 {
		t.Errorf("%d are left", len(left.Grants))
	}
}

func TestGrantLimit(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	in := kms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/u"), Operations: operations{"Decrypt"}}
	g := s.grant(root(), in)
	err := s.store.Update(t.Context(), func(tx store.Tx) error {
		return grantCounts.Put(tx, store.Scope{Account: account, Region: region}, *k.KeyId, maxGrants)
	})
	if err != nil {
		t.Fatal(err)
	}
	refused(s, root(), "CreateGrant", &in, "LimitExceededException", "*")
	do[kms.RevokeGrantOutput](s, root(), "RevokeGrant", &kms.RevokeGrantInput{KeyId: k.KeyId, GrantId: g.GrantId})
	s.grant(root(), in)
}

// TestGrantIsForAWSResource is the article's last claim: the permission to make
// grants for AWS's services is none to make them oneself.
func TestGrantIsForAWSResource(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	u := user(account, "test")
	s.allow(u, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:CreateGrant","kms:ListGrants","kms:RevokeGrant"],"Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}]}`)
	in := kms.CreateGrantInput{KeyId: k.Arn, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/test"), Operations: operations{"Decrypt"}}
	const denied = "because no identity-based policy allows the kms:%s action"
	message := func(action string) string {
		return "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:" + action + " on resource: " + *k.Arn + " " + fmt.Sprintf(denied, action)
	}
	refused(s, u, "CreateGrant", &in, "AccessDeniedException", message("CreateGrant"))
	g := s.grant(u.viaEC2(), in)
	list, revoke := &kms.ListGrantsInput{KeyId: k.Arn}, &kms.RevokeGrantInput{KeyId: k.Arn, GrantId: g.GrantId}
	refused(s, u, "ListGrants", list, "AccessDeniedException", message("ListGrants"))
	refused(s, u, "RevokeGrant", revoke, "AccessDeniedException", message("RevokeGrant"))
	do[kms.ListGrantsOutput](s, u.viaEC2(), "ListGrants", list)
	do[kms.RevokeGrantOutput](s, u.viaEC2(), "RevokeGrant", revoke)
}

// TestServicesLearnWhatIsGone: EC2 retires its grants when an instance stops,
// and must be able to tell that there is nothing left to retire.
func TestServicesLearnWhatIsGone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ec2 := service("ec2.eu-west-1.amazonaws.com")
	for _, owner := range []string{account, other} {
		k := s.key(rootOf(owner))
		in := &kms.RetireGrantInput{KeyId: k.Arn, GrantId: aws.String(strings.Repeat("0", 64))}
		refused(s, ec2, "RetireGrant", in, "NotFoundException", "Grant ID "+*in.GrantId+" not found")
		do[kms.ScheduleKeyDeletionOutput](s, rootOf(owner), "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: aws.Int32(7)})
		s.advance(7 * day)
		refused(s, ec2, "RetireGrant", in, "NotFoundException", "Key '"+*k.Arn+"' does not exist")
	}
}
