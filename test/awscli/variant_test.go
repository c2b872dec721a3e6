//go:build awscli

package awscli

import (
	"strings"
	"testing"
)

// diagnosis is what these tests read of the doctor's report.
type diagnosis struct {
	Outcome string
	Cause   *struct {
		Kind, Sentence, Layer string
		Volumes               []string
	}
	Caller *struct{ ARN string }
	Proof  *struct{ Sufficient bool }
	Fixes  []struct{ Kind, Document string }
}

const rootStatement = `{"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}`

// variant is one way to make the same start fail.
type variant struct {
	name string
	// spoil breaks what test could do, and returns who starts.
	spoil func(root, test *person, key string) *person
	// data has the data volume alone encrypted.
	data bool
	kind string
}

var variants = []variant{
	{
		name: "identity policy missing", kind: "identity-policy-missing",
		spoil: func(root, test *person, _ string) *person {
			root.does("aws iam delete-user-policy --user-name test --policy-name start")
			return test
		},
	},
	{
		name: "data volume only", kind: "identity-policy-missing", data: true,
		spoil: func(root, test *person, _ string) *person {
			root.does("aws iam delete-user-policy --user-name test --policy-name start")
			return test
		},
	},
	{
		name: "key policy without the root statement", kind: "key-policy-missing",
		spoil: func(root, test *person, key string) *person {
			statement := strings.Replace(rootStatement, `"kms:*"`, `["kms:PutKeyPolicy", "kms:Describe*", "kms:Get*", "kms:List*"]`, 1)
			root.does("aws kms put-key-policy --key-id " + key + ` --policy-name default --policy '{"Version": "2012-10-17", "Statement": [` + statement + `]}'`)
			return test
		},
	},
	{
		name: "explicit deny in an identity policy", kind: "identity-policy-deny",
		spoil: func(root, test *person, _ string) *person {
			root.allow("test", "never", `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*"}}`)
			return test
		},
	},
	{
		name: "permissions boundary", kind: "permissions-boundary",
		spoil: func(root, test *person, _ string) *person {
			root.does("aws iam put-user-permissions-boundary --user-name test --permissions-boundary arn:aws:iam::aws:policy/AmazonEC2FullAccess")
			return test
		},
	},
	{name: "session policy of an assumed role", kind: "session-policy", spoil: assumeLimited},
	{
		name: "key disabled", kind: "key-disabled",
		spoil: func(root, test *person, key string) *person {
			root.does("aws kms disable-key --key-id " + key)
			return test
		},
	},
	{
		name: "key pending deletion", kind: "key-pending-deletion",
		spoil: func(root, test *person, key string) *person {
			root.does("aws kms schedule-key-deletion --key-id " + key)
			return test
		},
	},
}

// assumeLimited has test assume a role that may start, limited by a session
// policy to EC2.
func assumeLimited(root, test *person, key string) *person {
	root.does(`aws iam create-role --role-name starter --assume-role-policy-document '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}}' &&
aws iam attach-role-policy --role-name starter --policy-arn arn:aws:iam::aws:policy/AmazonEC2FullAccess &&
aws iam put-role-policy --role-name starter --policy-name start --policy-document '` + articlePolicy(key) + `'`)
	root.allow("test", "assume", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}`)
	out := strings.Fields(test.does(`aws sts assume-role --role-arn arn:aws:iam::123456789012:role/starter --role-session-name night \
--policy '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}' \
--query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text`))
	return test.with(out[0], out[1], out[2])
}

// TestVariants produces the failure in each of its variants and has the doctor
// tell them apart.
func TestVariants(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, t.TempDir())
			root := s.root()
			key := root.key()
			mappings := `[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "Encrypted": true, "KmsKeyId": "` + key + `"}}]`
			if v.data {
				mappings = `[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 8, "Encrypted": true, "KmsKeyId": "` + key + `"}}]`
			}
			id := root.stopped(mappings)
			test := root.user("test")
			root.allow("test", "start", articlePolicy(key))
			v.spoil(root, test, key).starts(id, "stopped", root)
			root.wantCause(id, v.kind)
		})
	}
}

// wantCause has the doctor look at an instance.
func (p *person) wantCause(id, kind string) {
	p.s.t.Helper()
	line := "keyturn diagnose -o json " + id
	out, errs, code := p.try(line)
	if code != 1 {
		p.s.t.Fatalf("%s ended with %d, want 1: %s%s", line, code, out, errs)
	}
	var d diagnosis
	p.reads(line+" || true", &d)
	switch {
	case d.Outcome != "cause-found" || d.Cause == nil:
		p.s.t.Fatalf("no cause was found: %s", out)
	case d.Cause.Kind != kind:
		p.s.t.Errorf("the cause is %s (%s), want %s", d.Cause.Kind, d.Cause.Sentence, kind)
	case d.Proof == nil || !d.Proof.Sufficient:
		p.s.t.Errorf("the fix is not proved: %s", out)
	}
}

// TestManagedKey: under alias/aws/ebs it just works, and the doctor says so.
func TestManagedKey(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	root := s.root()
	id := root.stopped(`[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "Encrypted": true}}]`)
	user := root.user("test")
	user.starts(id, "running", root)
	if got := root.does("aws kms describe-key --key-id alias/aws/ebs --query KeyMetadata.KeyManager --output text"); got != "AWS" {
		t.Errorf("alias/aws/ebs is managed by %s, want AWS", got)
	}
	if out, errs, code := root.try("keyturn diagnose " + id); code != 0 {
		t.Errorf("the doctor ended with %d on a running instance, want 0: %s%s", code, out, errs)
	}
}
