package cloud_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// articlePolicy is the policy that the article attaches.
func articlePolicy(key string) string {
	return fmt.Sprintf(`{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["kms:CreateGrant"],
      "Resource": [%q],
      "Condition": {"Bool": {"kms:GrantIsForAWSResource": true}}
    }
  ]
}`, key)
}

const (
	launchCode    = "Client.InternalError"
	launchMessage = "Client.InternalError: Client error on launch"
)

// TestArticle is the article from end to end: a user with every EC2 permission,
// an instance with encrypted volumes, a start that fails, the policy, a start
// that works, and the policy's limit.
func TestArticle(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	id := s.stopped(volume{"/dev/xvda", key, true}, volume{"/dev/sdf", key, true})
	user := s.user("test", fullAccess)

	s.start(user, id)
	i := s.await(id, ec2types.InstanceStateNameStopped)
	if got := aws.ToString(i.StateReason.Code); got != launchCode {
		t.Errorf("StateReason.Code is %q, want %q", got, launchCode)
	}
	if got := aws.ToString(i.StateReason.Message); got != launchMessage {
		t.Errorf("StateReason.Message is %q, want %q", got, launchMessage)
	}
	s.wantDeniedGrant(key)

	s.allow("test", "start", articlePolicy(key))
	s.start(user, id)
	s.await(id, ec2types.InstanceStateNameRunning)
	s.wantGrants(key, 2)

	_, err := user.kms.CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId: &key, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/test"),
		Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
	})
	wantCode(t, err, "AccessDeniedException")

	if _, err := user.ec2.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{id}}); err != nil {
		t.Fatal(err)
	}
	s.await(id, ec2types.InstanceStateNameStopped)
	s.wantGrants(key, 0)
}

func (s *stage) wantDeniedGrant(key string) {
	s.Helper()
	var denied struct {
		ErrorCode, ErrorMessage string
		UserIdentity            struct{ Type, ARN, UserName, InvokedBy string }
		ResponseElements        any
	}
	if err := json.Unmarshal([]byte(*s.events("CreateGrant")[0].CloudTrailEvent), &denied); err != nil {
		s.Fatal(err)
	}
	want := "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:CreateGrant on resource: " + key
	if denied.ErrorCode != "AccessDenied" || !strings.HasPrefix(denied.ErrorMessage, want) {
		s.Errorf("the newest CreateGrant event has %s: %s\nwant AccessDenied: %s…", denied.ErrorCode, denied.ErrorMessage, want)
	}
	u := denied.UserIdentity
	if u.Type != "IAMUser" || u.ARN != "arn:aws:iam::123456789012:user/test" || u.InvokedBy != "ec2-frontend-api.amazonaws.com" {
		s.Errorf("userIdentity is %+v", u)
	}
}

func (s *stage) wantGrants(key string, n int) {
	s.Helper()
	out, err := s.root.kms.ListGrants(s.Context(), &kms.ListGrantsInput{KeyId: &key})
	if err != nil {
		s.Fatal(err)
	}
	if len(out.Grants) != n {
		s.Errorf("the key has %d grants, want %d", len(out.Grants), n)
	}
}

const rootStatement = `{"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}`

func keyPolicy(statements ...string) string {
	return `{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",") + `]}`
}

// TestLaunchVariants produces the same failure for each of its reasons.
func TestLaunchVariants(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name string
		// spoil breaks what the user otherwise could do, and returns who starts.
		spoil func(*stage, clients, string) clients
		// message is the end of the denial in the trail; code its errorCode.
		code, message string
		reason        string
	}{
		{
			name: "identity policy missing",
			spoil: func(s *stage, user clients, _ string) clients {
				_, err := s.root.iam.DeleteUserPolicy(s.Context(), &iam.DeleteUserPolicyInput{UserName: aws.String("test"), PolicyName: aws.String("start")})
				s.must(err)
				return user
			},
			code: "AccessDenied", message: "because no identity-based policy allows the kms:CreateGrant action", reason: launchCode,
		},
		{
			name: "key policy without the root statement",
			spoil: func(s *stage, user clients, key string) clients {
				s.putKeyPolicy(key, keyPolicy(strings.Replace(rootStatement, `"kms:*"`, `["kms:PutKeyPolicy", "kms:Describe*", "kms:Get*", "kms:List*"]`, 1)))
				return user
			},
			code: "AccessDenied", message: "because no resource-based policy allows the kms:CreateGrant action", reason: launchCode,
		},
		{
			name: "explicit deny in an identity policy",
			spoil: func(s *stage, user clients, _ string) clients {
				s.allow("test", "never", `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*"}}`)
				return user
			},
			code: "AccessDenied", message: "with an explicit deny in an identity-based policy", reason: launchCode,
		},
		{
			name: "permissions boundary",
			spoil: func(s *stage, user clients, _ string) clients {
				_, err := s.root.iam.PutUserPermissionsBoundary(s.Context(), &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("test"), PermissionsBoundary: aws.String(fullAccess)})
				s.must(err)
				return user
			},
			code: "AccessDenied", message: "because no permissions boundary allows the kms:CreateGrant action", reason: launchCode,
		},
		{
			name: "session policy of an assumed role",
			spoil: func(s *stage, _ clients, key string) clients {
				return s.session(key, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}`)
			},
			code: "AccessDenied", message: "because no session policy allows the kms:CreateGrant action", reason: launchCode,
		},
		{
			name: "key disabled",
			spoil: func(s *stage, user clients, key string) clients {
				_, err := s.root.kms.DisableKey(s.Context(), &kms.DisableKeyInput{KeyId: &key})
				s.must(err)
				return user
			},
			code: "DisabledException", message: "is disabled.", reason: "Client.InvalidKMSKey.InvalidState",
		},
		{
			name: "key pending deletion",
			spoil: func(s *stage, user clients, key string) clients {
				_, err := s.root.kms.ScheduleKeyDeletion(s.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key})
				s.must(err)
				return user
			},
			code: "KMSInvalidStateException", message: "is pending deletion.", reason: "Client.InvalidKMSKey.InvalidState",
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
			i := s.await(id, ec2types.InstanceStateNameStopped)
			if got := aws.ToString(i.StateReason.Code); got != v.reason {
				t.Errorf("StateReason is %s, want code %s", reason(i), v.reason)
			}
			var e struct{ ErrorCode, ErrorMessage string }
			if err := json.Unmarshal([]byte(*s.events("CreateGrant")[0].CloudTrailEvent), &e); err != nil {
				t.Fatal(err)
			}
			if e.ErrorCode != v.code || !strings.HasSuffix(strings.TrimSuffix(e.ErrorMessage, "."), strings.TrimSuffix(v.message, ".")) {
				t.Errorf("the trail has %s: %s\nwant %s: … %s", e.ErrorCode, e.ErrorMessage, v.code, v.message)
			}
			s.wantGrants(key, 0)
		})
	}
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stage) putKeyPolicy(key, document string) {
	s.Helper()
	_, err := s.root.kms.PutKeyPolicy(s.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &document})
	s.must(err)
}

// session makes a role that may start, and a session of it, assumed by a user
// and limited by a session policy.
func (s *stage) session(key, sessionPolicy string) clients {
	s.Helper()
	ctx := s.Context()
	role, err := s.root.iam.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 aws.String("starter"),
		AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}}`),
	})
	s.must(err)
	_, err = s.root.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("starter"), PolicyArn: aws.String(fullAccess)})
	s.must(err)
	_, err = s.root.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("starter"), PolicyName: aws.String("start"), PolicyDocument: aws.String(articlePolicy(key))})
	s.must(err)
	by := s.user("operator")
	s.allow("operator", "assume", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}`)
	out, err := by.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("night"), Policy: &sessionPolicy})
	s.must(err)
	return s.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}

// TestDataVolumeAlone fails on a volume that is not the root's.
func TestDataVolumeAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	id := s.stopped(volume{device: "/dev/xvda"}, volume{"/dev/sdf", key, true})
	user := s.user("test", fullAccess)
	s.start(user, id)
	i := s.await(id, ec2types.InstanceStateNameStopped)
	if got := aws.ToString(i.StateReason.Message); got != launchMessage {
		t.Errorf("StateReason is %s", reason(i))
	}
}

// TestAWSManagedKey just works: the key's own policy lets EC2's users in.
func TestAWSManagedKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.stopped(volume{device: "/dev/xvda", encrypted: true})
	user := s.user("test", fullAccess)
	s.start(user, id)
	s.await(id, ec2types.InstanceStateNameRunning)
	out, err := s.root.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/ebs")})
	s.must(err)
	if out.KeyMetadata.KeyManager != kmstypes.KeyManagerTypeAws {
		t.Errorf("alias/aws/ebs is managed by %s", out.KeyMetadata.KeyManager)
	}
}

// TestRunDenied launches without permission on the key: pending → terminated.
func TestRunDenied(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	user := s.user("test", fullAccess)
	id := s.run(user, volume{"/dev/xvda", key, true})
	i := s.await(id, ec2types.InstanceStateNameTerminated)
	if got := aws.ToString(i.StateReason.Code); got != "Client.InvalidKMSKey.InvalidState" && got != launchCode {
		t.Errorf("StateReason is %s", reason(i))
	}
	if n := len(s.events("GenerateDataKeyWithoutPlaintext")); n != 1 {
		t.Errorf("%d data keys were asked for, want 1 denied", n)
	}
	if n := len(s.events("CreateGrant")); n != 0 {
		t.Errorf("%d grants were asked for after the data key was denied", n)
	}
}
