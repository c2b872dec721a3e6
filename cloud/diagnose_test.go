package cloud_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// diagnose asks the doctor, who looks at the cloud as by.
func (s *stage) diagnose(by clients, id, principal string) *diagnose.Report {
	s.Helper()
	r, err := s.ask(by, id, principal)
	s.must(err)
	return r
}

// hurry lets the cloud's time pass quickly until it is stopped: two lookups a second
// are all there is.
func (s *stage) hurry() (stop func()) {
	s.cloud.Advance(2 * time.Second)
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			case <-time.After(5 * time.Millisecond):
				s.cloud.Advance(time.Second)
			}
		}
	}()
	return func() {
		close(end)
		<-done
	}
}

// impatient is the configuration of clients who ask again at once what was
// throttled: hurry makes seconds of milliseconds, and the doctor's own retries,
// which TestThrottled shows, wait for real ones.
func impatient(cfg aws.Config) aws.Config {
	cfg = cfg.Copy()
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 100, 20*time.Millisecond, ratelimit.None
		})
	}
	return cfg
}

// ask is diagnose for who may not get as far as a report.
func (s *stage) ask(by clients, id, principal string) (*diagnose.Report, error) {
	s.Helper()
	stop := s.hurry()
	s.calls = new(calls)
	with := diagnose.NewClients(s.calls.watch(impatient(by.config))).WithOrganization(s.calls.watch(impatient(s.management().config)))
	e, err := diagnose.Gather(s.Context(), with, diagnose.Options{Target: targetOf(id), Region: region, Principal: principal})
	stop()
	for _, call := range s.calls.twice() {
		s.Errorf("it asked twice: %s", call)
	}
	if err != nil {
		return nil, err
	}
	r := diagnose.Judge(e)
	s.travels(e, r)
	var text bytes.Buffer
	if err := r.WriteText(&text, diagnose.Style{}); err != nil {
		s.Error(err)
	}
	s.Cleanup(func() {
		if s.Failed() || testing.Verbose() {
			s.Log("\n" + text.String())
		}
	})
	return r, nil
}

// wantCause checks what the doctor found, and that a start works once its fixes
// are said to be enough.
func (s *stage) wantCause(r *diagnose.Report, kind diagnose.CauseKind, words string) {
	s.Helper()
	if r.Cause == nil {
		s.Fatalf("%s: %s", r.Outcome, r.Summary)
	}
	if r.Cause.Kind != kind || !strings.Contains(r.Cause.Sentence.String(), words) {
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
