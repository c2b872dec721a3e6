package cloud_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// diagnose asks the doctor, who looks at the cloud as by.
func (s *stage) diagnose(by clients, id, principal string) *diagnose.Report {
	s.Helper()
	s.cloud.Advance(2 * time.Second) // two lookups a second are all there is
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				s.cloud.Advance(time.Second)
			}
		}
	}()
	r, err := diagnose.Run(s.Context(), diagnose.Clients{EC2: by.ec2, KMS: by.kms, IAM: by.iam, CloudTrail: by.trail, STS: by.sts, Organizations: s.management().org},
		diagnose.Options{Instance: id, Region: region, Principal: principal})
	close(stop)
	<-done
	if err != nil {
		s.Fatal(err)
	}
	var text bytes.Buffer
	if err := r.WriteText(&text, diagnose.Style{}); err != nil {
		s.Error(err)
	}
	s.Cleanup(func() {
		if s.Failed() || testing.Verbose() {
			s.Log("\n" + text.String())
		}
	})
	return r
}

// wantCause checks what the doctor found, and that a start works once its fixes
// are said to be enough.
func (s *stage) wantCause(r *diagnose.Report, kind diagnose.CauseKind, words string) {
	s.Helper()
	if r.Cause == nil {
		s.Fatalf("%s: %s", r.Outcome, r.Summary)
	}
	if r.Cause.Kind != kind || !strings.Contains(r.Cause.Sentence, words) {
		s.Errorf("the cause is %s: %s\nwant %s: … %s …", r.Cause.Kind, r.Cause.Sentence, kind, words)
	}
	if r.Cause.Agreement != diagnose.Agrees {
		s.Errorf("the event and the evaluation: %s", r.Cause.Agreement)
	}
	if r.Proof == nil || !r.Proof.Sufficient || !r.Proof.NothingElse {
		s.Errorf("the proof is %+v", r.Proof)
	}
	if len(r.Unread) > 0 {
		s.Errorf("root could not read %+v", r.Unread)
	}
	if r.ExitCode() != 1 {
		s.Errorf("exit code %d", r.ExitCode())
	}
}

// TestDiagnoseVariants: each reason for the same failure is told from the others.
func TestDiagnoseVariants(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name  string
		spoil func(*stage, clients, string) clients
		kind  diagnose.CauseKind
		words string
		// mend applies the first fix, where that is more than a policy of test's.
		mend func(*stage, *diagnose.Report, string)
	}{
		{
			name: "identity policy missing", kind: diagnose.IdentityMissing, words: "No identity-based policy of user test",
			spoil: func(s *stage, user clients, _ string) clients {
				_, err := s.root.iam.DeleteUserPolicy(s.Context(), &iam.DeleteUserPolicyInput{UserName: aws.String("test"), PolicyName: aws.String("start")})
				s.must(err)
				return user
			},
			mend: func(s *stage, r *diagnose.Report, _ string) { s.allow("test", "mended", r.Fixes[0].Document) },
		},
		{
			name: "key policy without the root statement", kind: diagnose.KeyPolicyMissing, words: "The key policy of arn:aws:kms:",
			spoil: func(s *stage, user clients, key string) clients {
				s.putKeyPolicy(key, keyPolicy(strings.Replace(rootStatement, `"kms:*"`, `["kms:PutKeyPolicy", "kms:Describe*", "kms:Get*", "kms:List*"]`, 1)))
				return user
			},
			mend: func(s *stage, r *diagnose.Report, key string) { s.putKeyPolicy(key, keyPolicy(r.Fixes[0].Document)) },
		},
		{
			name: "explicit deny in an identity policy", kind: diagnose.IdentityDenied, words: "(line 1) of inline policy never of user test denies kms:CreateGrant",
			spoil: func(s *stage, user clients, _ string) clients {
				s.allow("test", "never", `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*"}}`)
				return user
			},
			mend: func(s *stage, r *diagnose.Report, _ string) { s.allow("test", "never", r.Fixes[0].Document) },
		},
		{
			name: "permissions boundary", kind: diagnose.Boundary, words: "The permissions boundary of user test, AmazonEC2FullAccess",
			spoil: func(s *stage, user clients, _ string) clients {
				s.bound("test", fullAccess)
				return user
			},
			mend: func(s *stage, r *diagnose.Report, _ string) {
				out, err := s.root.iam.CreatePolicy(s.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("wider"), PolicyDocument: &r.Fixes[0].Document})
				s.must(err)
				s.bound("test", *out.Policy.Arn)
			},
		},
		{
			name: "session policy of an assumed role", kind: diagnose.SessionPolicy, words: "The role starter may call kms:CreateGrant, but the session policy of its session night",
			spoil: func(s *stage, _ clients, key string) clients {
				return s.session(key, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}`)
			},
		},
		{
			name: "key disabled", kind: diagnose.KeyDisabled, words: "is disabled",
			spoil: func(s *stage, user clients, key string) clients {
				_, err := s.root.kms.DisableKey(s.Context(), &kms.DisableKeyInput{KeyId: &key})
				s.must(err)
				return user
			},
			mend: func(s *stage, _ *diagnose.Report, key string) { s.enable(key) },
		},
		{
			name: "key pending deletion", kind: diagnose.KeyPendingDeletion, words: "is pending deletion",
			spoil: func(s *stage, user clients, key string) clients {
				_, err := s.root.kms.ScheduleKeyDeletion(s.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key})
				s.must(err)
				return user
			},
			mend: func(s *stage, _ *diagnose.Report, key string) {
				_, err := s.root.kms.CancelKeyDeletion(s.Context(), &kms.CancelKeyDeletionInput{KeyId: &key})
				s.must(err)
				s.enable(key)
			},
		},
		{
			name: "explicit deny in the key policy", kind: diagnose.KeyPolicyDenied, words: `statement "OfficeOnly"`,
			spoil: func(s *stage, user clients, key string) clients {
				s.putKeyPolicy(key, keyPolicy(rootStatement, `{"Sid": "OfficeOnly", "Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::123456789012:user/test"}, "Action": "kms:CreateGrant", "Resource": "*", "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}`))
				return user
			},
			mend: func(s *stage, r *diagnose.Report, key string) { s.putKeyPolicy(key, r.Fixes[0].Document) },
		},
		{
			name: "condition that does not fit", kind: diagnose.ConditionMismatch, words: "kms:ViaService wanted ec2.us-east-1.amazonaws.com",
			spoil: func(s *stage, user clients, key string) clients {
				s.allow("test", "start", strings.Replace(articlePolicy(key), `"Bool": {"kms:GrantIsForAWSResource": true}`, `"StringEquals": {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}`, 1))
				return user
			},
			mend: func(s *stage, r *diagnose.Report, _ string) { s.allow("test", "mended", r.Fixes[0].Document) },
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			key := s.key()
			id := s.stopped(volume{"/dev/xvda", key, true})
			user := s.user("test", fullAccess)
			s.allow("test", "start", articlePolicy(key))
			caller := v.spoil(s, user, key)
			s.start(caller, id)
			s.await(id, ec2types.InstanceStateNameStopped)
			r := s.diagnose(s.root, id, "")
			s.wantCause(r, v.kind, v.words)
			if v.mend == nil {
				return
			}
			v.mend(s, r, key)
			s.start(caller, id)
			s.await(id, ec2types.InstanceStateNameRunning)
			if r := s.diagnose(s.root, id, ""); r.ExitCode() != 0 {
				t.Errorf("of a running instance the doctor says %s", r.Summary)
			}
		})
	}
}

func (s *stage) bound(user, policy string) {
	s.Helper()
	_, err := s.root.iam.PutUserPermissionsBoundary(s.Context(), &iam.PutUserPermissionsBoundaryInput{UserName: &user, PermissionsBoundary: &policy})
	s.must(err)
}

func (s *stage) enable(key string) {
	s.Helper()
	_, err := s.root.kms.EnableKey(s.Context(), &kms.EnableKeyInput{KeyId: &key})
	s.must(err)
}

// TestDiagnoseSessionMended: a session with the policy that the doctor wrote
// starts the instance, and the doctor read the old one from the trail.
func TestDiagnoseSessionMended(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	id := s.stopped(volume{"/dev/xvda", key, true})
	s.start(s.session(key, `{"Version": "2012-10-17", "Statement": {"Sid": "OnlyEC2", "Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}`), id)
	s.await(id, ec2types.InstanceStateNameStopped)
	r := s.diagnose(s.root, id, "")
	s.wantCause(r, diagnose.SessionPolicy, "session policy")
	if !strings.Contains(r.Fixes[0].Document, "OnlyEC2") {
		t.Errorf("the fix forgets what the session could do:\n%s", r.Fixes[0].Document)
	}

	again := newStage(t)
	key = again.key()
	id = again.stopped(volume{"/dev/xvda", key, true})
	again.start(again.session(key, strings.ReplaceAll(r.Fixes[0].Document, r.Keys[0].ARN, key)), id)
	again.await(id, ec2types.InstanceStateNameRunning)
}

// TestDiagnoseDataVolume: the cause names the volume that is not the root's.
func TestDiagnoseDataVolume(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	id := s.stopped(volume{device: "/dev/xvda"}, volume{"/dev/sdf", key, true})
	s.start(s.user("test", fullAccess), id)
	s.await(id, ec2types.InstanceStateNameStopped)
	r := s.diagnose(s.root, id, "")
	s.wantCause(r, diagnose.IdentityMissing, "(/dev/sdf)")
	if strings.Contains(r.Summary, "root volume") || len(r.Volumes) != 2 || r.Volumes[0].Encrypted {
		t.Errorf("%s\nvolumes %+v", r.Summary, r.Volumes)
	}
}

// TestDiagnoseAWSManagedKey: under alias/aws/ebs it just works.
func TestDiagnoseAWSManagedKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.stopped(volume{device: "/dev/xvda", encrypted: true})
	s.start(s.user("test", fullAccess), id)
	s.await(id, ec2types.InstanceStateNameRunning)
	r := s.diagnose(s.root, id, "")
	if r.Outcome != diagnose.NothingWrong || len(r.Keys) != 1 || r.Keys[0].Manager != "AWS" {
		t.Errorf("%s: %s, keys %+v", r.Outcome, r.Summary, r.Keys)
	}
}

// TestDiagnoseStop: who stopped the instance.
func TestDiagnoseStop(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.run(s.root, volume{device: "/dev/xvda"})
	s.await(id, ec2types.InstanceStateNameRunning)
	user := s.user("operator", fullAccess)
	_, err := user.ec2.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{id}})
	s.must(err)
	s.await(id, ec2types.InstanceStateNameStopped)
	r := s.diagnose(s.root, id, "")
	if r.Cause == nil || r.Cause.Kind != diagnose.StoppedByUser || !strings.Contains(r.Summary, "user/operator") {
		t.Errorf("%s: %s", r.Outcome, r.Summary)
	}
}

// TestDiagnoseLaunch: an instance that terminated at its launch has no volumes
// any more; the trail tells what it asked for.
func TestDiagnoseLaunch(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	user := s.user("test", fullAccess)
	id := s.run(user, volume{"/dev/xvda", key, true})
	s.await(id, ec2types.InstanceStateNameTerminated)
	r := s.diagnose(s.root, id, "")
	s.wantCause(r, diagnose.IdentityMissing, "kms:GenerateDataKeyWithoutPlaintext")
	s.allow("test", "mended", r.Fixes[0].Document)
	s.await(s.run(user, volume{"/dev/xvda", key, true}), ec2types.InstanceStateNameRunning)
}

// TestDiagnoseWithFewPermissions: who may read next to nothing gets no error but
// no conclusion, and the permissions that are missing.
func TestDiagnoseWithFewPermissions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	id := s.stopped(volume{"/dev/xvda", key, true})
	s.start(s.user("test", fullAccess), id)
	s.await(id, ec2types.InstanceStateNameStopped)
	watcher := s.user("watcher")
	s.allow("watcher", "see", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}}`)
	r := s.diagnose(watcher, id, "")
	if r.ExitCode() != 2 {
		t.Errorf("%s: %s", r.Outcome, r.Summary)
	}
	missing := make(map[string]bool)
	for _, u := range r.Unread {
		missing[u.Call] = u.Denied
	}
	for _, call := range []string{"cloudtrail:LookupEvents", "kms:DescribeKey", "kms:GetKeyPolicy"} {
		if !missing[call] {
			t.Errorf("the report does not say that %s is missing: %+v", call, r.Unread)
		}
	}

	s.allow("watcher", "trail", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "cloudtrail:LookupEvents", "Resource": "*"}}`)
	r = s.diagnose(watcher, id, "")
	if r.Cause == nil || r.Cause.Kind != diagnose.IdentityMissing || r.Cause.Agreement != diagnose.EventOnly {
		t.Errorf("with the trail alone: %s: %s", r.Outcome, r.Summary)
	}
}

// TestDiagnoseForPrincipal: a principal of the command line counts where the
// trail has no start of theirs.
func TestDiagnoseForPrincipal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	id := s.stopped(volume{"/dev/xvda", key, true})
	s.start(s.user("test", fullAccess), id)
	s.await(id, ec2types.InstanceStateNameStopped)
	s.user("other", fullAccess)
	r := s.diagnose(s.root, id, "arn:aws:iam::123456789012:user/other")
	if r.Cause == nil || r.Cause.Kind != diagnose.IdentityMissing || r.Caller.Principal.Name != "other" {
		t.Errorf("%s: %s, caller %+v", r.Outcome, r.Summary, r.Caller)
	}
}

// TestDiagnoseForecast: of an instance that somebody stopped, a named principal
// may ask whether a start would work.
func TestDiagnoseForecast(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	id := s.stopped(volume{"/dev/xvda", key, true})
	if r := s.diagnose(s.root, id, ""); r.Cause == nil || r.Cause.Kind != diagnose.StoppedByUser {
		t.Errorf("with nobody named: %s: %s", r.Outcome, r.Summary)
	}
	s.user("test", fullAccess)
	const arn = "arn:aws:iam::123456789012:user/test"
	if r := s.diagnose(s.root, id, arn); r.Cause == nil || r.Cause.Kind != diagnose.IdentityMissing {
		t.Errorf("without the policy: %s: %s", r.Outcome, r.Summary)
	}
	s.allow("test", "start", articlePolicy(key))
	if r := s.diagnose(s.root, id, arn); r.Outcome != diagnose.NothingWrong {
		t.Errorf("with the policy: %s: %s", r.Outcome, r.Summary)
	}
}

// TestDiagnoseCannotBegin: without the instance there is no diagnosis.
func TestDiagnoseCannotBegin(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	nobody := s.user("nobody")
	for name, c := range map[string]struct {
		by      clients
		options diagnose.Options
		words   string
	}{
		"no such instance":  {s.root, diagnose.Options{Instance: "i-0123456789abcdef0"}, "no instance i-0123456789abcdef0"},
		"not allowed":       {nobody, diagnose.Options{Instance: "i-0123456789abcdef0"}, "ec2:DescribeInstances"},
		"no such principal": {s.root, diagnose.Options{Instance: "i-0123456789abcdef0", Principal: "test"}, "is no principal"},
	} {
		_, err := diagnose.Run(t.Context(), diagnose.Clients{EC2: c.by.ec2, KMS: c.by.kms, IAM: c.by.iam, CloudTrail: c.by.trail, STS: c.by.sts}, c.options)
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, want …%s…", name, err, c.words)
		}
	}
}

// TestDiagnoseGroupDeny: the Deny is in a managed policy of the user's group; a
// new version of it, as the doctor wrote it, lets the start through.
func TestDiagnoseGroupDeny(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	key := s.key()
	id := s.stopped(volume{"/dev/xvda", key, true})
	user := s.user("test", fullAccess)
	s.allow("test", "start", articlePolicy(key))
	group := aws.String("careful")
	_, err := s.root.iam.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: group})
	s.must(err)
	_, err = s.root.iam.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: group, UserName: aws.String("test")})
	s.must(err)
	policy, err := s.root.iam.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName:     aws.String("no-keys"),
		PolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [{"Sid": "NoKeys", "Effect": "Deny", "Action": "kms:*", "Resource": "*"}]}`),
	})
	s.must(err)
	_, err = s.root.iam.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: group, PolicyArn: policy.Policy.Arn})
	s.must(err)
	s.start(user, id)
	s.await(id, ec2types.InstanceStateNameStopped)

	r := s.diagnose(s.root, id, "")
	s.wantCause(r, diagnose.IdentityDenied, `"NoKeys" (line 1) of no-keys denies kms:CreateGrant`)
	if st := r.Cause.Statement; st == nil || st.ARN != *policy.Policy.Arn || r.Fixes[0].Target != st.ARN {
		t.Errorf("the statement is %+v, the fix is for %s", st, r.Fixes[0].Target)
	}
	_, err = s.root.iam.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: policy.Policy.Arn, PolicyDocument: &r.Fixes[0].Document, SetAsDefault: true})
	s.must(err)
	s.start(user, id)
	s.await(id, ec2types.InstanceStateNameRunning)
	if _, err := user.kms.Decrypt(ctx, &kms.DecryptInput{KeyId: &key, CiphertextBlob: []byte("none")}); err == nil {
		t.Error("the fix opened kms:Decrypt")
	}
}

// TestDiagnoseDefaultEncryption: a launch that asked for no encryption got it by
// the region's default, under a key that the caller may not use.
func TestDiagnoseDefaultEncryption(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	_, err := s.root.ec2.EnableEbsEncryptionByDefault(t.Context(), &ec2.EnableEbsEncryptionByDefaultInput{})
	s.must(err)
	_, err = s.root.ec2.ModifyEbsDefaultKmsKeyId(t.Context(), &ec2.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: &key})
	s.must(err)
	user := s.user("test", fullAccess)
	id := s.run(user, volume{device: "/dev/xvda"})
	s.await(id, ec2types.InstanceStateNameTerminated)
	r := s.diagnose(s.root, id, "")
	s.wantCause(r, diagnose.IdentityMissing, "kms:GenerateDataKeyWithoutPlaintext")
	if len(r.Keys) != 1 || r.Keys[0].ARN != key {
		t.Errorf("keys %+v, want %s", r.Keys, key)
	}
	s.allow("test", "mended", r.Fixes[0].Document)
	s.await(s.run(user, volume{device: "/dev/xvda"}), ec2types.InstanceStateNameRunning)
}

// TestDiagnoseSessionTags: the role's policy wants a tag that the session does
// not have; the trail tells which tags it has.
func TestDiagnoseSessionTags(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	key := s.key()
	id := s.stopped(volume{"/dev/xvda", key, true})
	trust := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}}`
	role, err := s.root.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("starter"), AssumeRolePolicyDocument: &trust})
	s.must(err)
	_, err = s.root.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("starter"), PolicyArn: aws.String(fullAccess)})
	s.must(err)
	tagged := strings.Replace(articlePolicy(key), `"Bool"`, `"StringEquals": {"aws:PrincipalTag/team": "storage"}, "Bool"`, 1)
	_, err = s.root.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("starter"), PolicyName: aws.String("start"), PolicyDocument: &tagged})
	s.must(err)
	by := s.user("operator")
	s.allow("operator", "assume", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}}`)
	out, err := by.sts.AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: role.Role.Arn, RoleSessionName: aws.String("night"),
		Tags: []ststypes.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
	})
	s.must(err)
	s.start(s.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken), id)
	s.await(id, ec2types.InstanceStateNameStopped)
	r := s.diagnose(s.root, id, "")
	s.wantCause(r, diagnose.ConditionMismatch, "aws:PrincipalTag/team wanted storage, the request had web")
}
