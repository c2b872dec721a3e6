package launch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
)

const (
	key      = "arn:aws:kms:eu-west-1:123456789012:key/8e3426b8-87b4-434c-ae74-8e63dadf354a"
	otherKey = "arn:aws:kms:eu-west-1:210987654321:key/0e3426b8-87b4-434c-ae74-8e63dadf354a"
	instance = "i-0123456789abcdef0"
	root     = "vol-0123456789abcdef0"
	data     = "vol-0fedcba9876543210"
	source   = "snap-0123456789abcdef0"
)

var (
	site   = launch.Site{Partition: "aws", Account: "123456789012", Region: "eu-west-1"}
	caller = access.Principal{
		Type: access.User, Partition: "aws", Account: "123456789012",
		ARN: "arn:aws:iam::123456789012:user/test", UserID: "AIDAEXAMPLE", Name: "test",
	}
)

// who names a step's identity in the tables.
var who = map[launch.By]string{launch.ByCaller: "caller", launch.ByInfrastructure: "instance", launch.ByService: "ec2"}

func tell(steps []launch.Step) []string {
	var lines []string
	for _, s := range steps {
		lines = append(lines, fmt.Sprintf("%s %s %s", who[s.By], s.Operation, s.Volume))
	}
	return lines
}

// TestSequences holds the requests of each operation against the guides.
func TestSequences(t *testing.T) {
	t.Parallel()
	encrypted := &launch.Source{Snapshot: source, Encrypted: true, Key: key, Context: map[string]string{launch.ContextKey: "vol-origin"}}
	foreign := &launch.Source{Snapshot: source, Encrypted: true, Key: otherKey, Context: map[string]string{launch.ContextKey: "vol-origin"}}
	plain := &launch.Source{Snapshot: source}
	for _, v := range []struct {
		name string // the rule, and the page it is from
		got  []launch.Step
		want []string
	}{
		{
			"starting asks for a grant on every encrypted volume, and no data key (How Amazon EBS encryption works)",
			launch.Start(site, instance, []launch.Volume{{ID: root, Key: key}, {ID: data, Key: otherKey}}),
			[]string{
				"caller CreateGrant " + root, "instance Decrypt " + root,
				"caller CreateGrant " + data, "instance Decrypt " + data,
			},
		},
		{
			"starting without encrypted volumes asks nothing",
			launch.Start(site, instance, nil), nil,
		},
		{
			"an empty volume takes a data key (How Amazon EBS encryption works)",
			launch.CreateVolume(site, launch.Volume{ID: data, Key: key}),
			[]string{"caller GenerateDataKeyWithoutPlaintext " + data},
		},
		{
			"a volume of a snapshot under the same key takes a data key",
			launch.CreateVolume(site, launch.Volume{ID: data, Key: key, Source: encrypted}),
			[]string{"caller GenerateDataKeyWithoutPlaintext " + data},
		},
		{
			"a volume of a snapshot under another key is re-encrypted",
			launch.CreateVolume(site, launch.Volume{ID: data, Key: key, Source: foreign}),
			[]string{"caller GenerateDataKeyWithoutPlaintext " + data, "caller ReEncrypt " + data},
		},
		{
			"a volume of an unencrypted snapshot takes a grant of its own first",
			launch.CreateVolume(site, launch.Volume{ID: data, Key: key, Source: plain}),
			[]string{"caller CreateGrant " + data, "caller GenerateDataKeyWithoutPlaintext " + data, "ec2 Decrypt " + data},
		},
		{
			"a launch takes the data key, then the grant, then decrypts (How Amazon EBS uses AWS KMS, EC2 example two)",
			launch.Run(site, instance, []launch.Volume{{ID: root, Key: key, Source: plain}}),
			[]string{"caller GenerateDataKeyWithoutPlaintext " + root, "caller CreateGrant " + root, "instance Decrypt " + root},
		},
		{
			"a copy works under a grant on its source's key",
			launch.CopySnapshot(site, "snap-copy", key, *foreign),
			[]string{"caller CreateGrant snap-copy", "caller GenerateDataKeyWithoutPlaintext snap-copy", "caller ReEncrypt snap-copy"},
		},
		{
			"an encrypted copy of an unencrypted snapshot takes a data key",
			launch.CopySnapshot(site, "snap-copy", key, *plain),
			[]string{"caller GenerateDataKeyWithoutPlaintext snap-copy"},
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(v.want, tell(v.got)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGrantRequest is the CreateGrant of the article with every condition key
// that a policy can test.
func TestGrantRequest(t *testing.T) {
	t.Parallel()
	step := launch.Start(site, instance, []launch.Volume{{ID: root, Key: key}})[0]
	requests := step.Requests(site, caller)
	if len(requests) != 1 {
		t.Fatalf("%d requests, want 1", len(requests))
	}
	r := requests[0]
	if r.Action != "kms:CreateGrant" || r.Resource != key || r.ResourceAccount != "123456789012" || r.Principal.ARN != caller.ARN {
		t.Errorf("the request is %s on %s of %s by %s", r.Action, r.Resource, r.ResourceAccount, r.Principal.ARN)
	}
	for name, want := range map[string][]string{
		"kms:GrantIsForAWSResource":        {"true"},
		"kms:ViaService":                   {"ec2.eu-west-1.amazonaws.com"},
		"kms:CallerAccount":                {"123456789012"},
		"kms:GrantOperations":              {"Decrypt"},
		"kms:GranteePrincipal":             {"arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/" + instance},
		"kms:RetiringPrincipal":            {"ec2.eu-west-1.amazonaws.com"},
		"kms:GrantConstraintType":          {"EncryptionContextSubset"},
		"kms:EncryptionContext:aws:ebs:id": {root},
		"kms:EncryptionContextKeys":        {"aws:ebs:id"},
		"aws:ViaAWSService":                {"true"},
		"aws:RequestedRegion":              {"eu-west-1"},
		"aws:SourceIp":                     {launch.ForwardedAddress},
	} {
		if got, _, _ := r.Context.Get(name); !slices.Equal(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, present, _ := r.Context.Get("aws:SourceVpc"); present {
		t.Error("a forwarded request comes from no VPC of the caller's")
	}
}

// TestReEncryptIsAskedOnBothKeys, each with its own encryption context (KMS
// guide, "Cross-account use" of ReEncrypt).
func TestReEncryptIsAskedOnBothKeys(t *testing.T) {
	t.Parallel()
	steps := launch.CreateVolume(site, launch.Volume{ID: data, Key: key, Source: &launch.Source{
		Snapshot: source, Encrypted: true, Key: otherKey, Context: map[string]string{launch.ContextKey: "vol-origin"},
	}})
	requests := steps[1].Requests(site, caller)
	var got []string
	for _, r := range requests {
		volume, _, _ := r.Context.Get("kms:EncryptionContext:aws:ebs:id")
		got = append(got, strings.Join([]string{r.Action, r.Resource, r.ResourceAccount, volume[0]}, " "))
	}
	want := []string{
		"kms:ReEncryptFrom " + otherKey + " 210987654321 vol-origin",
		"kms:ReEncryptTo " + key + " 123456789012 " + data,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestInfrastructure is the identity-only role (EBS guide, "Requirements for
// Amazon EBS encryption"); its role ARN has no instance id, as CloudTrail shows.
func TestInfrastructure(t *testing.T) {
	t.Parallel()
	p := site.Infrastructure(instance)
	if !p.IdentityOnly || p.PrincipalARN() != "arn:aws:iam::123456789012:role/aws:ec2-infrastructure" || p.UserID != "123456789012:aws:ec2-infrastructure:"+instance {
		t.Errorf("the principal is %+v", p)
	}
	china := launch.Site{Partition: "aws-cn", Account: "123456789012", Region: "cn-north-1"}
	if got, want := china.ServicePrincipal(), "ec2.cn-north-1.amazonaws.com.cn"; got != want {
		t.Errorf("the service principal is %s, want %s", got, want)
	}
}
