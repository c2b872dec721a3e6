//go:build awscli

package awscli

import (
	"encoding/json"
	"strings"
	"testing"
)

// launchReason is the article's example output.
const launchReason = `[
  [
    {
      "Message": "Client.InternalError: Client error on launch",
      "Code": "Client.InternalError"
    }
  ]
]`

// articlePolicy is the article's policy, for a key.
func articlePolicy(key string) string {
	return `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "kms:CreateGrant"
      ],
      "Resource": [
        "` + key + `"
      ],
      "Condition": {
        "Bool": {
          "kms:GrantIsForAWSResource": true
        }
      }
    }
  ]
}`
}

// TestArticle is the article, with its own commands.
func TestArticle(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	root := s.root()
	key := root.key()
	id := root.stopped(encrypted(key))
	user := root.user("test")

	user.starts(id, "stopped", root)
	equalJSON(t, root.does(`aws ec2 describe-instances --instance-id `+id+` --query "Reservations[*].Instances[*].StateReason"`), launchReason)

	e := root.newest("CreateGrant")
	want := "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:CreateGrant on resource: " + key
	if !strings.HasPrefix(e.ErrorMessage, want) {
		t.Errorf("errorMessage is %q, want %q…", e.ErrorMessage, want)
	}
	if u := e.UserIdentity; u.Type != "IAMUser" || u.ARN != "arn:aws:iam::123456789012:user/test" || u.UserName != "test" || u.AccountID != "123456789012" {
		t.Errorf("userIdentity is %+v, want the real caller", u)
	}

	root.allow("test", "start", articlePolicy(key))
	user.starts(id, "running", root)

	user.fails("aws kms create-grant --key-id "+key+" --grantee-principal arn:aws:iam::123456789012:user/test --operations Decrypt", "AccessDeniedException")
	if e := root.newest("CreateGrant"); e.ErrorCode != "AccessDenied" || e.UserIdentity.InvokedBy != "" {
		t.Errorf("the direct grant left %+v", e)
	}

	root.wantVolumes(id, key)
}

// wantVolumes sees that both volumes kept Encrypted and the key's ARN.
func (p *person) wantVolumes(instance, key string) {
	p.s.t.Helper()
	var volumes []struct {
		Encrypted bool
		KmsKeyID  string `json:"KmsKeyId"`
	}
	p.reads("aws ec2 describe-volumes --filters Name=attachment.instance-id,Values="+instance+" --query 'Volumes[*].{Encrypted: Encrypted, KmsKeyId: KmsKeyId}' --output json", &volumes)
	if len(volumes) != 2 {
		p.s.t.Errorf("%d volumes, want 2", len(volumes))
	}
	for _, v := range volumes {
		if !v.Encrypted || v.KmsKeyID != key {
			p.s.t.Errorf("a volume is %+v, want it encrypted under %s", v, key)
		}
	}
}

// record is an event's own JSON.
type record struct {
	EventName, ErrorCode, ErrorMessage string
	UserIdentity                       struct{ Type, ARN, UserName, AccountID, InvokedBy string }
}

// newest finds the newest event of a name with the article's command.
func (p *person) newest(name string) record {
	p.s.t.Helper()
	var out struct {
		Events []struct{ CloudTrailEvent string }
	}
	p.reads("aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue="+name, &out)
	if len(out.Events) == 0 {
		p.s.t.Fatalf("lookup-events finds no %s", name)
	}
	var r record
	if err := json.Unmarshal([]byte(out.Events[0].CloudTrailEvent), &r); err != nil {
		p.s.t.Fatal(err)
	}
	return r
}
