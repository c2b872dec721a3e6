package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// causeRow is a cause as evidence.
type causeRow struct {
	name     string
	evidence func() *Evidence
	outcome  Outcome
	kind     CauseKind
	// sentence and document are parts of the cause and of the first fix.
	sentence, document string
	agreement          Agreement
	// proven: there is a proof, and the fixes are sufficient.
	proven bool
}

// causeRows are the causes.
var causeRows = []causeRow{
	{
		name: "identity policy missing", evidence: article, outcome: CauseFound, kind: IdentityMissing,
		sentence: "No identity-based policy of user test allows kms:CreateGrant", document: `"kms:GrantIsForAWSResource": true`,
		agreement: Agrees, proven: true,
	},
	{
		name:     "identity policy missing, the event in its old form",
		evidence: func() *Evidence { return article().says("") }, outcome: CauseFound, kind: IdentityMissing,
		sentence: "No identity-based policy", agreement: Silent, proven: true,
	},
	{
		name: "identity policy missing, no event in the trail",
		evidence: func() *Evidence {
			e := article()
			e.Denied = nil
			return e
		},
		outcome: CauseFound, kind: IdentityMissing, agreement: EvaluationOnly, proven: true,
	},
	{
		name: "key policy without the root statement",
		evidence: func() *Evidence {
			e := permitted().says(" because no resource-based policy allows the kms:CreateGrant action")
			e.Keys[0].Policy = keyPolicyOf(strings.Replace(rootStatement, "kms:*", "kms:Describe*", 1))
			return e
		},
		outcome: CauseFound, kind: KeyPolicyMissing, sentence: "The key policy of " + testKey,
		document: `"AWS": "` + testUser + `"`, agreement: Agrees, proven: true,
	},
	{
		name: "key policy that names another user alone",
		evidence: func() *Evidence {
			e := permitted().says(" because no resource-based policy allows the kms:CreateGrant action")
			e.Keys[0].Policy = keyPolicyOf(`{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:user/admin"}, "Action": "kms:*", "Resource": "*"}`)
			return e
		},
		outcome: CauseFound, kind: KeyPolicyMissing, document: `"AWS": "` + testUser + `"`, agreement: Agrees, proven: true,
	},
	{
		name: "explicit deny in an identity policy",
		evidence: func() *Evidence {
			e := permitted().says(" with an explicit deny in an identity-based policy")
			e.Caller.Identity = append(e.Caller.Identity, held("never", denyGrants))
			return e
		},
		outcome: CauseFound, kind: IdentityDenied, sentence: `statement "NoGrants" (line 5) of inline policy never of user test denies kms:CreateGrant`,
		document: `"kms:GrantIsForAWSResource": "false"`, agreement: Agrees, proven: true,
	},
	{
		name: "explicit deny of this very request",
		evidence: func() *Evidence {
			e := permitted().says(" with an explicit deny in an identity-based policy")
			e.Caller.Identity = append(e.Caller.Identity, held("never", `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*", "Condition": {"BoolIfExists": {"kms:GrantIsForAWSResource": "true", "aws:ViaAWSService": "true"}}}}`))
			return e
		},
		outcome: CauseFound, kind: IdentityDenied, agreement: Agrees,
	},
	{
		name: "explicit deny in a policy that AWS manages",
		evidence: func() *Evidence {
			e := permitted().says(" with an explicit deny in an identity-based policy")
			e.Caller.Identity = append(e.Caller.Identity, Held{
				Document: must("AWSDenyAll", "arn:aws:iam::aws:policy/AWSDenyAll", denyGrants), Holder: "user", HolderName: "test", Policy: "AWSDenyAll",
			})
			return e
		},
		outcome: CauseFound, kind: IdentityDenied, agreement: Agrees, proven: true,
	},
	{
		name: "permissions boundary",
		evidence: func() *Evidence {
			e := permitted().says(" because no permissions boundary allows the kms:CreateGrant action")
			d := must("limits", "arn:aws:iam::123456789012:policy/limits", ec2Everything)
			e.Caller.Limit, e.Caller.Boundary = &d, d.ARN
			return e
		},
		outcome: CauseFound, kind: Boundary, sentence: "The permissions boundary of user test, limits, does not allow kms:CreateGrant",
		document: `"ec2:*"`, agreement: Agrees, proven: true,
	},
	{
		name: "session policy that the trail shows",
		evidence: func() *Evidence {
			e := permitted().asRole().says(" because no session policy allows the kms:CreateGrant action")
			e.Caller.HasSession, e.Caller.Session = true, []access.Document{must("session policy of night", "", ec2Everything)}
			return e
		},
		outcome: CauseFound, kind: SessionPolicy, sentence: "The role starter may call kms:CreateGrant, but the session policy",
		document: `"ec2:*"`, agreement: Agrees, proven: true,
	},
	{
		name: "session policy that only the event tells of",
		evidence: func() *Evidence {
			return permitted().asRole().says(" because no session policy allows the kms:CreateGrant action")
		},
		outcome: CauseFound, kind: SessionPolicy, document: `"ec2:StartInstances"`, agreement: EventOnly, proven: true,
	},
	{
		name: "explicit deny in the key policy",
		evidence: func() *Evidence {
			e := permitted().says(" with an explicit deny in a resource-based policy")
			e.Keys[0].Policy = keyPolicyOf(rootStatement + `, {"Sid": "OfficeOnly", "Effect": "Deny", "Principal": "*", "Action": "kms:CreateGrant", "Resource": "*", "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}`)
			return e
		},
		outcome: CauseFound, kind: KeyPolicyDenied, sentence: `statement "OfficeOnly"`, document: `"kms:GrantIsForAWSResource": "false"`,
		agreement: Agrees, proven: true,
	},
	{
		name: "key policy denies EC2's role for the instance",
		evidence: func() *Evidence {
			e := permitted()
			e.Denied = nil
			e.Keys[0].Policy = keyPolicyOf(rootStatement + `, {"Sid": "NobodyElse", "Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:user/*"}}}`)
			return e
		},
		outcome: CauseFound, kind: KeyPolicyDenied, sentence: "aws:ec2-infrastructure", agreement: EvaluationOnly, proven: true,
	},
	{
		name: "condition that does not fit",
		evidence: func() *Evidence {
			e := article()
			e.Caller.Identity = append(e.Caller.Identity, held("wrong", strings.Replace(startPolicy, `"Bool": {"kms:GrantIsForAWSResource": true}`, `"StringEquals": {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}`, 1)))
			return e
		},
		outcome: CauseFound, kind: ConditionMismatch, sentence: "kms:ViaService wanted ec2.us-east-1.amazonaws.com, the request had ec2.eu-west-1.amazonaws.com",
		document: `"kms:GrantIsForAWSResource": true`, agreement: Agrees, proven: true,
	},
	{
		name: "condition on a tag of the key",
		evidence: func() *Evidence {
			e := article()
			e.Keys[0].Tags = map[string]string{"team": "web"}
			e.Caller.Identity = append(e.Caller.Identity, held("tagged", strings.Replace(startPolicy, `"Bool"`, `"StringEquals": {"aws:ResourceTag/team": "storage"}, "Bool"`, 1)))
			return e
		},
		outcome: CauseFound, kind: ConditionMismatch, sentence: "aws:ResourceTag/team wanted storage, the request had web",
		agreement: Agrees, proven: true,
	},
	{
		name: "condition on a tag of a key whose tags cannot be read",
		evidence: func() *Evidence {
			e := article()
			e.Denied = nil
			e.Caller.Identity = append(e.Caller.Identity, held("tagged", strings.Replace(startPolicy, `"Bool"`, `"StringEquals": {"aws:ResourceTag/team": "storage"}, "Bool"`, 1)))
			return e
		},
		outcome: NoConclusion,
	},
	{
		name: "key disabled", evidence: func() *Evidence { return inState("Disabled", "DisabledException", testKey+" is disabled.") },
		outcome: CauseFound, kind: KeyDisabled, sentence: "is disabled", agreement: Agrees, proven: true,
	},
	{
		name: "key pending deletion", evidence: func() *Evidence {
			e := inState("PendingDeletion", "KMSInvalidStateException", testKey+" is pending deletion.")
			on := time.Date(2026, 3, 31, 10, 0, 0, 0, time.UTC)
			e.Keys[0].Deletion = &on
			return e
		},
		outcome: CauseFound, kind: KeyPendingDeletion, sentence: "is pending deletion", agreement: Agrees, proven: true,
	},
	{
		name: "key pending import", evidence: func() *Evidence {
			return inState("PendingImport", "KMSInvalidStateException", testKey+" is pending import.")
		},
		outcome: CauseFound, kind: KeyPendingImport, agreement: Agrees, proven: true,
	},
	{
		name: "key unavailable", evidence: func() *Evidence {
			return inState("Unavailable", "KMSInvalidStateException", testKey+" is unavailable.")
		},
		outcome: CauseFound, kind: KeyUnavailable, agreement: Agrees,
	},
	{
		name: "key deleted",
		evidence: func() *Evidence {
			e := inState("", "NotFoundException", "Key '"+testKey+"' does not exist")
			e.Keys[0].Missing, e.Keys[0].Policy = true, keyPolicyOf(rootStatement)
			return e
		},
		outcome: CauseFound, kind: KeyDeleted, sentence: "does not exist", agreement: Agrees,
	},
	{
		name: "key disabled then, enabled now", evidence: func() *Evidence {
			return inState("Enabled", "DisabledException", testKey+" is disabled.")
		},
		outcome: NothingWrong,
	},
	{
		name: "grant quota", evidence: func() *Evidence {
			return inState("Enabled", "LimitExceededException", "You have reached the maximum number of grants")
		},
		outcome: CauseFound, kind: GrantLimit, sentence: testKey, agreement: EventOnly,
	},
	{
		name: "throttled", evidence: func() *Evidence { return inState("Enabled", "ThrottlingException", "Rate exceeded") },
		outcome: NothingWrong,
	},
	{
		name: "an error that nobody knows", evidence: func() *Evidence { return inState("Enabled", "ExampleException", "Something") },
		outcome: NoConclusion,
	},
	{
		name:     "policy attached since",
		evidence: permitted, outcome: NothingWrong,
	},
	{
		name: "service control policy",
		evidence: func() *Evidence {
			return permitted().says(" with an explicit deny in a service control policy: arn:aws:organizations::210987654321:policy/o-exampleorgid/service_control_policy/p-example1")
		},
		outcome: CauseFound, kind: ControlPolicy, sentence: "service control policy denies it", agreement: EventOnly,
	},
	{
		name: "user-initiated stop",
		evidence: func() *Evidence {
			e := stoppedFor("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
			e.Stop = &Event{Name: "StopInstances", Principal: "arn:aws:iam::123456789012:user/operator", Time: at10(5, 0)}
			return e
		},
		outcome: NothingWrong, kind: StoppedByUser, sentence: "was stopped by arn:aws:iam::123456789012:user/operator (StopInstances at 2026-03-01 10:05:00 UTC)",
	},
	{
		name: "operating system shutdown", evidence: func() *Evidence {
			return stoppedFor("Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown")
		},
		outcome: CauseFound, kind: StoppedBySystem,
	},
	{
		name: "stopped because its hardware is to be retired", evidence: func() *Evidence {
			return stoppedFor("Server.ScheduledStop", "Server.ScheduledStop: Stopped due to scheduled retirement")
		},
		outcome: CauseFound, kind: StoppedByAWS, sentence: "its hardware is to be retired",
	},
	{
		name: "Spot interruption", evidence: func() *Evidence {
			return stoppedFor("Server.SpotInstanceShutdown", "Server.SpotInstanceShutdown: Instance shutdown")
		},
		outcome: CauseFound, kind: StoppedByAWS, sentence: "a Spot interruption",
	},
	{
		name: "EC2 failed within, and nothing is encrypted", evidence: func() *Evidence {
			e := stoppedFor("Server.InternalError", "Server.InternalError: Internal error on launch")
			e.Volumes, e.Keys, e.Denied = []Volume{{ID: rootVolume, Device: "/dev/xvda", Root: true}}, nil, nil
			return e
		},
		outcome: CauseFound, kind: InternalError, sentence: "it is not a matter of keys",
	},
	{
		name: "EC2 says that it failed within, and the key is the matter", evidence: func() *Evidence {
			e := article()
			e.Instance.StateReason = Reason{Code: "Server.InternalError", Message: "Server.InternalError: Internal error on launch"}
			return e
		},
		outcome: CauseFound, kind: IdentityMissing, agreement: Agrees, proven: true,
	},
	{
		name: "a start refused because the account is being verified", evidence: func() *Evidence {
			e := stoppedFor("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
			e.Denied = nil
			e.Refused = &Event{Name: "StartInstances", Principal: testUser, ErrorCode: "Client.PendingVerification", ErrorMessage: "Your account is currently being verified."}
			return e
		},
		outcome: CauseFound, kind: AccountNotReady, sentence: "StartInstances by " + testUser, agreement: EventOnly,
	},
	{
		name: "a start refused for a quota", evidence: func() *Evidence {
			e := permitted()
			e.Denied = nil
			e.Refused = &Event{Name: "StartInstances", Principal: testUser, ErrorCode: "Client.VcpuLimitExceeded", ErrorMessage: "You have requested more vCPU capacity than your current vCPU limit allows."}
			return e
		},
		outcome: CauseFound, kind: InstanceLimit, agreement: EventOnly,
	},
	{
		name: "volume limit, the code another than the message", evidence: func() *Evidence {
			return stoppedFor("Server.InternalError", "Client.VolumeLimitExceeded: Volume limit exceeded")
		},
		outcome: CauseFound, kind: VolumeLimit,
	},
	{
		name: "no capacity", evidence: func() *Evidence {
			return stoppedFor("Server.InsufficientInstanceCapacity", "Server.InsufficientInstanceCapacity: Insufficient capacity.")
		},
		outcome: CauseFound, kind: NoCapacity,
	},
	{
		name: "running", evidence: func() *Evidence {
			e := article()
			e.Instance.State = "running"
			return e
		},
		outcome: NothingWrong,
	},
	{
		name: "not settled", evidence: func() *Evidence {
			e := article()
			e.Instance.State = "pending"
			return e
		},
		outcome: NoConclusion,
	},
	{
		name: "nobody knows the caller", evidence: func() *Evidence {
			e := article()
			e.Caller, e.Denied, e.Start = nil, nil, nil
			return e
		},
		outcome: NoConclusion,
	},
	{
		name: "identity policies unread, the event tells",
		evidence: func() *Evidence {
			e := article()
			e.Caller.Identity = nil
			e.Unread = []Unread{{What: "inline policies of user test", Call: "iam:ListUserPolicies", Denied: true, layer: access.IdentityLayer}}
			return e
		},
		outcome: CauseFound, kind: IdentityMissing, agreement: EventOnly, proven: true,
	},
	{
		name: "identity policies, boundary and key policy unread, the event tells",
		evidence: func() *Evidence {
			e := article()
			e.Caller.Identity, e.Keys[0].Policy = nil, nil
			e.Unread = []Unread{
				{What: "inline policies of user test", Call: "iam:ListUserPolicies", Denied: true, layer: access.IdentityLayer},
				{What: "permissions boundary of user test", Call: "iam:GetUser", Denied: true, layer: access.BoundaryLayer},
				{What: "key policy of " + testKey, Call: "kms:GetKeyPolicy", Denied: true, layer: access.ResourceLayer, key: testKey},
			}
			return e
		},
		outcome: CauseFound, kind: IdentityMissing, document: "kms:CreateGrant", agreement: EventOnly,
	},
	{
		name: "identity policies unread, no event",
		evidence: func() *Evidence {
			e := article()
			e.Caller.Identity, e.Denied = nil, nil
			e.Unread = []Unread{{What: "inline policies of user test", Call: "iam:ListUserPolicies", Denied: true, layer: access.IdentityLayer}}
			return e
		},
		outcome: NoConclusion,
	},
	{
		name: "a deny turns on a key that nobody can read, the event tells",
		evidence: func() *Evidence {
			e := permitted().says(" with an explicit deny in an identity-based policy")
			e.Caller.Identity = append(e.Caller.Identity, held("org", `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:ResourceOrgID": "o-exampleorgid"}}}}`))
			return e
		},
		outcome: CauseFound, kind: IdentityDenied, sentence: "inline policy org of user test", agreement: EventOnly, proven: true,
	},
	{
		name: "a deny turns on a key that nobody can read, no event",
		evidence: func() *Evidence {
			e := permitted()
			e.Denied = nil
			e.Caller.Identity = append(e.Caller.Identity, held("org", `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:ResourceOrgID": "o-exampleorgid"}}}}`))
			return e
		},
		outcome: NoConclusion,
	},
	{
		name: "key policy unread, the event tells",
		evidence: func() *Evidence {
			e := permitted().says(" because no resource-based policy allows the kms:CreateGrant action")
			e.Keys[0].Policy, e.Keys[0].PolicySource = nil, ""
			e.Unread = []Unread{{What: "key policy of " + testKey, Call: "kms:GetKeyPolicy", Denied: true, layer: access.ResourceLayer, key: testKey}}
			return e
		},
		outcome: CauseFound, kind: KeyPolicyMissing, document: `"AWS": "` + testUser + `"`, agreement: EventOnly,
	},
	{
		name: "permissions boundary unread, the event tells",
		evidence: func() *Evidence {
			e := permitted().says(" because no permissions boundary allows the kms:CreateGrant action")
			e.Unread = []Unread{{What: "permissions boundary of user test", Call: "iam:GetUser", Denied: true, layer: access.BoundaryLayer}}
			return e
		},
		outcome: CauseFound, kind: Boundary, document: "kms:CreateGrant", agreement: EventOnly,
	},
	{
		name: "service-linked role", evidence: func() *Evidence {
			e := article().asRole()
			e.Caller.Principal.ServiceLinked = true
			e.Caller.Principal.RoleARN = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
			return e
		},
		outcome: CauseFound, kind: IdentityMissing, document: "AWSServiceRoleForAutoScaling", agreement: Agrees, proven: true,
	},
	{
		name: "no volume is encrypted", evidence: func() *Evidence {
			e := article()
			for i := range e.Volumes {
				e.Volumes[i].Encrypted, e.Volumes[i].Key = false, ""
			}
			e.Keys, e.Denied = nil, nil
			return e
		},
		outcome: NoConclusion,
	},
	{
		name: "failed launch",
		evidence: func() *Evidence {
			e := article()
			e.Instance.State = "terminated"
			e.Instance.StateReason = Reason{Code: "Client.InvalidKMSKey.InvalidState", Message: "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state"}
			e.Denied.Name = "GenerateDataKeyWithoutPlaintext"
			e.Denied.ErrorMessage = strings.ReplaceAll(e.Denied.ErrorMessage, "CreateGrant", "GenerateDataKeyWithoutPlaintext")
			return e
		},
		outcome: CauseFound, kind: IdentityMissing, sentence: "kms:GenerateDataKeyWithoutPlaintext", document: `"kms:ViaService": "ec2.eu-west-1.amazonaws.com"`,
		agreement: Agrees, proven: true,
	},
}

func inState(state, code, message string) *Evidence {
	e := permitted()
	e.Keys[0].State = state
	e.Denied.ErrorCode, e.Denied.ErrorMessage = code, message
	return e
}

func stoppedFor(code, message string) *Evidence {
	e := permitted()
	e.Instance.StateReason, e.Denied = Reason{Code: code, Message: message}, nil
	return e
}

func TestCauses(t *testing.T) {
	t.Parallel()
	for _, row := range causeRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := Judge(row.evidence())
			if r.Outcome != row.outcome {
				t.Fatalf("the outcome is %s, want %s: %s", r.Outcome, row.outcome, r.Summary)
			}
			if r.Summary.IsZero() {
				t.Error("no summary")
			}
			if row.kind == "" {
				if r.Cause != nil {
					t.Errorf("there is a cause: %+v", r.Cause)
				}
				return
			}
			if r.Cause.Kind != row.kind || !strings.Contains(r.Cause.Sentence.String(), row.sentence) {
				t.Errorf("the cause is %s: %s\nwant %s: … %s …", r.Cause.Kind, r.Cause.Sentence, row.kind, row.sentence)
			}
			if r.Cause.Agreement != row.agreement {
				t.Errorf("the event %s, want %s", r.Cause.Agreement, row.agreement)
			}
			if row.document != "" && (len(r.Fixes) == 0 || !strings.Contains(r.Fixes[0].Document, row.document)) {
				t.Errorf("the fixes are %+v\nwant %s in the first", r.Fixes, row.document)
			}
			if got := r.Proof != nil && r.Proof.Sufficient; got != row.proven {
				t.Errorf("proven is %v, want %v: %+v", got, row.proven, r.Proof)
			}
			if len(r.Further) > 0 {
				t.Errorf("further causes: %+v", r.Further)
			}
		})
	}
}

// TestExitCodes: a script can tell the three ends apart.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	want := map[Outcome]int{NothingWrong: 0, CauseFound: 1, NoConclusion: 2}
	for _, row := range causeRows {
		if r := Judge(row.evidence()); r.ExitCode() != want[r.Outcome] {
			t.Errorf("%s: exit code %d for %s", row.name, r.ExitCode(), r.Outcome)
		}
	}
}

// TestFixesOpenNothing: every fix that was proven leaves direct use of the key
// denied, and the evidence as it was.
func TestFixesOpenNothing(t *testing.T) {
	t.Parallel()
	for _, row := range causeRows {
		e := row.evidence()
		r := Judge(e)
		if r.Proof == nil {
			continue
		}
		open := len(e.Unread) > 0
		if want := row.minimality(); r.Proof.Sufficient && r.Proof.Minimal != want {
			t.Errorf("%s: minimal: %s, want %s: %v", row.name, r.Proof.Minimal, want, r.Proof.Surplus)
		}
		if r.Proof.NothingElse == open {
			t.Errorf("%s: nothing else: %v, with %d unread: %+v", row.name, r.Proof.NothingElse, len(e.Unread), r.Proof.Others)
		}
		for _, o := range r.Proof.Others {
			if o.After == string(access.Allowed) {
				t.Errorf("%s: %s is allowed", row.name, o.Action)
			}
		}
		if again := Judge(e); again.Cause == nil || !again.Cause.Sentence.Equal(r.Cause.Sentence) {
			t.Errorf("%s: judging changed the evidence", row.name)
		}
	}
}

// TestArticleFix: the fix is the article's policy with the real ARN, and nothing
// but it.
func TestArticleFix(t *testing.T) {
	t.Parallel()
	r := Judge(article())
	want := `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "kms:CreateGrant"
      ],
      "Resource": [
        "` + testKey + `"
      ],
      "Condition": {
        "Bool": {
          "kms:GrantIsForAWSResource": true
        }
      }
    }
  ]
}`
	if fixes := r.chosen(); len(fixes) != 1 || fixes[0].Document != want || fixes[0].Target != testUser {
		t.Errorf("the fixes are %+v", fixes)
	}
}

// TestAllKeysInOneStatement: two keys are one cause and one policy.
func TestAllKeysInOneStatement(t *testing.T) {
	t.Parallel()
	e := article()
	e.Volumes[1].Key = otherKey
	second := e.Keys[0]
	second.ARN = otherKey
	e.Keys = append(e.Keys, second)
	r := Judge(e)
	if len(r.chosen()) != 1 || strings.Count(r.Fixes[0].Document, "kms:CreateGrant") != 1 || !slices.Equal(r.Cause.Keys, []string{testKey, otherKey}) {
		t.Errorf("keys %v, fixes %+v", r.Cause.Keys, r.chosen())
	}
	if !r.Proof.Sufficient {
		t.Error("one policy for both keys is not enough")
	}
}

// TestDataVolumeAlone: the sentence names the volume and its device.
func TestDataVolumeAlone(t *testing.T) {
	t.Parallel()
	e := article()
	e.Volumes[0].Encrypted, e.Volumes[0].Key = false, ""
	r := Judge(e)
	if want := "data volume " + dataVolume + " (/dev/sdf)"; !strings.Contains(r.Summary.String(), want) || strings.Contains(r.Summary.String(), "root volume") {
		t.Errorf("%q does not name the %s alone", r.Summary, want)
	}
}

// TestCauseBehindCause: what is behind the first cause is found too, and both are
// repaired.
func TestCauseBehindCause(t *testing.T) {
	t.Parallel()
	e := article()
	e.Keys[0].State = "Disabled"
	d := must("limits", "arn:aws:iam::123456789012:policy/limits", ec2Everything)
	e.Caller.Limit = &d
	r := Judge(e)
	kinds := []CauseKind{r.Cause.Kind}
	for _, c := range r.Further {
		kinds = append(kinds, c.Kind)
	}
	slices.Sort(kinds)
	if want := []CauseKind{IdentityMissing, KeyDisabled, Boundary}; !slices.Equal(kinds, want) || !r.Proof.Sufficient {
		t.Errorf("the causes are %v, want %v; sufficient: %v", kinds, want, r.Proof.Sufficient)
	}
}

// TestOpenedIsExact: a proof tells all that the fixes let through, and a fix
// wider than the start needs does not pass for one that is not.
func TestOpenedIsExact(t *testing.T) {
	t.Parallel()
	for _, row := range causeRows {
		e := row.evidence()
		r := Judge(e)
		if r.Proof == nil || len(e.Unread) > 0 {
			continue
		}
		for _, o := range r.Proof.Opened {
			if !o.Complete || len(o.Requests) == 0 {
				t.Errorf("%s: %+v", row.name, o)
			}
		}
	}
	e := article()
	first, wide := e.try(), e.clone()
	d := must("wide", "", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:CreateGrant","kms:TagResource"],"Resource":"*"}]}`)
	wide.Caller.Identity = append(wide.Caller.Identity, Held{Document: d})
	cause := Cause{Keys: []string{testKey}}
	p := prove(e, wide, first, &cause, []Fix{{effects: []effect{whole{do: func(*Evidence) {}}}}})
	if p.NothingElse {
		t.Error("CreateGrant without a condition passes for nothing else")
	}
	want := []Opening{{Who: phrase.Say("user %s", "test"), Requests: []phrase.Text{phrase.Say("%s on %s", "kms:CreateGrant, kms:TagResource", testKey)}, Complete: true}}
	if diff := cmp.Diff(want, p.Opened); diff != "" {
		t.Error(diff)
	}
}
