package cloud_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/audit"
	"github.com/keyturn/keyturn/internal/diagnose"
)

// audit reads the accounts of some clients and judges them.
func (s *stage) audit(by ...clients) *audit.Report {
	s.Helper()
	o := audit.Options{Organization: s.management().config, Now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	for _, c := range by {
		o.Accounts = append(o.Accounts, c.config)
	}
	in, err := audit.Read(s.Context(), o)
	s.must(err)
	r := audit.Run(in)
	var text bytes.Buffer
	s.must(r.WriteText(&text, audit.Style{}))
	s.Cleanup(func() {
		if s.Failed() || testing.Verbose() {
			s.Log("\n" + text.String())
		}
	})
	return r
}

// kinds are the causes for which a user is trapped with a key.
func kinds(r *audit.Report, user, key string) []diagnose.CauseKind {
	var all []diagnose.CauseKind
	for _, g := range r.Trapped {
		for _, set := range g.Sets {
			if slices.ContainsFunc(set.Principals, func(p string) bool { return strings.HasSuffix(p, "/"+user) }) &&
				slices.ContainsFunc(set.Keys, func(k audit.KeyRef) bool { return k.ARN == key }) {
				all = append(all, g.Kind)
			}
		}
	}
	return all
}

const (
	grantPolicy = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*", "Condition": {"Bool": {"kms:GrantIsForAWSResource": true}}}}`
	anyGrant    = `{"Version": "2012-10-17", "Statement": {"Sid": "Grants", "Effect": "Allow", "Action": ["kms:CreateGrant", "kms:GenerateDataKey*", "kms:ReEncrypt*"], "Resource": "*"}}`
	worldPolicy = `{"Version": "2012-10-17", "Statement": [
		{"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"},
		{"Sid": "World", "Effect": "Allow", "Principal": "*", "Action": ["kms:Decrypt", "kms:CreateGrant", "kms:GenerateDataKey*"], "Resource": "*"}]}`
	namingPolicy = `{"Version": "2012-10-17", "Statement": [
		{"Sid": "Naming", "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789012:user/named"]}, "Action": ["kms:CreateGrant", "kms:Decrypt"], "Resource": "*"},
		{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:Put*", "kms:Enable*", "kms:Disable*"], "Resource": "*"}]}`
)

// TestAuditTellsWhatHappens: for every user and every instance, the audit says
// beforehand what a start ends with, and the cause that the doctor names.
func TestAuditTellsWhatHappens(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	plain, open, naming, disabled := s.key(), s.key(), s.key(), s.key()
	keys := []string{plain, open, naming, disabled}
	var instances []string
	for _, k := range keys {
		instances = append(instances, s.stopped(volume{"/dev/xvda", k, true}))
	}
	_, err := s.root.kms.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &disabled})
	s.must(err)

	people := map[string]clients{}
	for name, documents := range map[string][]string{
		"trapped": nil, "fixed": {grantPolicy}, "named": nil, "grants": {anyGrant},
		"denied":  {grantPolicy, `{"Version": "2012-10-17", "Statement": {"Sid": "No", "Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*"}}`},
		"bounded": {grantPolicy},
	} {
		people[name] = s.user(name, fullAccess)
		for i, d := range documents {
			s.allow(name, "p"+string(rune('0'+i)), d)
		}
	}
	people["reader"] = s.user("reader", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	_, err = s.root.iam.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("bounded"), PermissionsBoundary: aws.String(fullAccess)})
	s.must(err)

	for key, document := range map[string]string{open: worldPolicy, naming: namingPolicy} {
		_, err := s.root.kms.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &key, Policy: &document, BypassPolicyLockoutSafetyCheck: true})
		s.must(err)
	}
	r := s.audit(s.root)
	if len(r.Unread) > 0 || r.Totals.Unknown > 0 {
		t.Errorf("root could not read %v, and %d pairs are unknown", r.Unread, r.Totals.Unknown)
	}
	for name, by := range people {
		for i, id := range instances {
			traps := kinds(r, name, keys[i])
			if name == "reader" {
				if len(traps) > 0 {
					t.Errorf("reader may start nothing and is trapped: %v", traps)
				}
				continue
			}
			want := ec2types.InstanceStateNameRunning
			if len(traps) > 0 {
				want = ec2types.InstanceStateNameStopped
			}
			s.start(by, id)
			s.await(id, want)
			if want == ec2types.InstanceStateNameRunning {
				_, err := s.root.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}})
				s.must(err)
				s.await(id, ec2types.InstanceStateNameStopped)
				continue
			}
			d := s.diagnose(s.root, id, "")
			if len(traps) != 1 || d.Cause == nil || traps[0] != d.Cause.Kind {
				t.Errorf("%s with the key %d: the audit says %v, the doctor %s", name, i, traps, d.Summary)
			}
		}
	}
	exposed := map[audit.ExposureKind]string{}
	for _, x := range r.Shouldnt {
		exposed[x.Kind] += x.Statement.Sid + " "
	}
	if exposed[audit.OpenKey] != "World " || exposed[audit.DirectGrant] != "Grants Naming " {
		t.Errorf("exposed: %v", exposed)
	}
}

// TestAuditRepaired: the fix of every cause, as "keyturn fix" makes it, empties the
// trap.
func TestAuditRepaired(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	id := s.stopped(volume{"/dev/xvda", key, true})
	s.user("test", fullAccess)
	r := s.audit(s.root)
	if got := kinds(r, "test", key); len(got) != 1 || got[0] != diagnose.IdentityMissing {
		t.Fatalf("the trap is %v", got)
	}
	if next := r.Trapped[0].Next; len(next) != 1 || !strings.HasPrefix(next[0], "keyturn diagnose "+id+" --principal arn:aws:iam::123456789012:user/test") {
		t.Errorf("next is %v", next)
	}
	for _, call := range r.Trapped[0].Fix.Calls {
		_, err := call.Do(t.Context(), diagnose.Configs{Account: s.root.config})
		s.must(err)
	}
	if r = s.audit(s.root); r.Totals.Trapped > 0 || r.Totals.Can == 0 || r.Totals.Shouldnt > 0 {
		t.Errorf("after the fix: %s", r.Summary)
	}
}

// TestAuditOrganization: a service control policy traps a member's principals, and
// the management account tells so.
func TestAuditOrganization(t *testing.T) {
	t.Parallel()
	k := newCompany(t)
	ctx := t.Context()
	made, err := k.inMember.kms.CreateKey(ctx, &kms.CreateKeyInput{})
	k.must(err)
	key := *made.KeyMetadata.Arn
	_, err = k.inMember.ec2.CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String(region + "a"), Size: aws.Int32(1), Encrypted: aws.Bool(true), KmsKeyId: &key})
	k.must(err)
	_, err = k.inMember.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("worker")})
	k.must(err)
	_, err = k.inMember.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("worker"), PolicyArn: aws.String("arn:aws:iam::aws:policy/PowerUserAccess")})
	k.must(err)
	r := k.audit(k.admin, k.inMember)
	if r.Totals.Trapped > 0 || r.Totals.Unknown > 0 || r.Totals.Can == 0 || r.Totals.Accounts != 2 {
		t.Errorf("without a policy: %s", r.Summary)
	}
	k.control(orgtypes.PolicyTypeServiceControlPolicy, k.member, `{"Version": "2012-10-17", "Statement": {"Sid": "NoGrants", "Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*"}}`)
	r = k.audit(k.admin, k.inMember)
	if got := kinds(r, "worker", key); len(got) != 1 || got[0] != diagnose.ServiceControlPolicy {
		t.Errorf("the trap is %v: %s", got, r.Summary)
	}

	// An account that may not be read leaves the others.
	nobody := k.user("nobody")
	if r = k.audit(nobody, k.inMember); r.Totals.Accounts != 1 || r.Totals.Trapped == 0 || len(r.Unread) == 0 || !r.Unread[0].Denied {
		t.Errorf("with an account that may not be read: %s %v", r.Summary, r.Unread)
	}

	// The member's own credentials cannot read the policy: then nobody can tell.
	in, err := audit.Read(ctx, audit.Options{Accounts: []aws.Config{k.inMember.config}, Organization: k.inMember.config, Now: time.Now()})
	k.must(err)
	if r = audit.Run(in); r.Totals.Can > 0 || r.Totals.Unknown == 0 || len(r.Unread) == 0 {
		t.Errorf("by a member: %s", r.Summary)
	}
}
