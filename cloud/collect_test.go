package cloud_test

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

// travels checks that the evidence, written to a file and read again, gives the
// same report, byte for byte, and the same words in every language.
func (s *stage) travels(e *diagnose.Evidence, want *diagnose.Report) {
	s.Helper()
	var file bytes.Buffer
	s.must(e.Write(&file, time.Now()))
	back, _, err := diagnose.ReadEvidence(bytes.NewReader(file.Bytes()))
	if err != nil {
		s.Errorf("the evidence cannot be read again: %v\n%s", err, file.String())
		return
	}
	got := diagnose.Judge(back)
	forms := func(r *diagnose.Report) (all [4]string) {
		var b bytes.Buffer
		s.must(r.WriteJSON(&b))
		all[0] = b.String()
		for i, l := range phrase.Languages() {
			b.Reset()
			s.must(r.WriteText(&b, diagnose.Style{Language: l, Verbose: true}))
			all[1+i] = b.String()
		}
		b.Reset()
		s.must(r.WriteMarkdown(&b, phrase.English))
		all[3] = b.String()
		return all
	}
	if diff := cmp.Diff(forms(want), forms(got)); diff != "" {
		s.Errorf("the evidence says something else where it is read again:\n%s\n%s", diff, file.String())
	}
}

// TestNoSecretsInEvidence: what people take for secret, or write where they should
// not, is in no file of evidence. A tag that a policy asks for is.
func TestNoSecretsInEvidence(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	const canary = "canary-7f3a"
	tag := func(key, value string) (k, v *string) { return &key, &value }

	key := s.key()
	k, v := tag("note", canary+"-key-tag")
	k2, v2 := tag("team", "asked-for")
	_, err := s.root.kms.TagResource(ctx, &kms.TagResourceInput{KeyId: &key, Tags: []kmstypes.Tag{{TagKey: k, TagValue: v}, {TagKey: k2, TagValue: v2}}})
	s.must(err)

	// A user with a password and a role with tags; sessions of it have more.
	s.user("person", fullAccess)
	_, err = s.root.iam.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: aws.String("person"), Password: aws.String(canary + "-Password1!")})
	s.must(err)
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}`
	k, v = tag("note", canary+"-role-tag")
	role, err := s.root.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("starter"), AssumeRolePolicyDocument: &trust, Tags: []iamtypes.Tag{{Key: k, Value: v}}})
	s.must(err)
	_, err = s.root.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("starter"), PolicyArn: aws.String(fullAccess)})
	s.must(err)
	_, err = s.root.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("starter"), PolicyName: aws.String("tagged"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"x","aws:PrincipalTag/dept":"y"}}}}`)})
	s.must(err)
	assumer := s.user("assumer")
	s.allow("assumer", "assume", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`)
	k, v = tag("memo", canary+"-session-tag")
	k2, v2 = tag("dept", "asked-too")
	session, err := assumer.sts.AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: role.Role.Arn, RoleSessionName: aws.String("night"), ExternalId: aws.String(canary + "-external-id"), SourceIdentity: aws.String(canary + "-identity"),
		Tags: []ststypes.Tag{{Key: k, Value: v}, {Key: k2, Value: v2}},
	})
	s.must(err)
	starter := s.as(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)

	id := s.stopped(volume{"/dev/xvda", key, true})
	k, v = tag("Name", canary+"-instance-tag")
	_, err = s.root.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: []ec2types.Tag{{Key: k, Value: v}}})
	s.must(err)
	_, err = s.root.ec2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &id, UserData: &ec2types.SecureBlobAttributeValue{Value: []byte(canary + "-user-data")}})
	s.must(err)
	s.start(starter, id)
	s.await(id, ec2types.InstanceStateNameStopped)

	// A launch says its user data in the call that the doctor reads.
	launched, err := starter.ec2.RunInstances(ctx, &ec2.RunInstancesInput{
		ImageId: aws.String(s.image()), InstanceType: ec2types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), UserData: aws.String(base64.StdEncoding.EncodeToString([]byte(canary + "-user-data"))),
		BlockDeviceMappings: []ec2types.BlockDeviceMapping{{DeviceName: aws.String("/dev/xvda"), Ebs: &ec2types.EbsBlockDevice{VolumeSize: aws.Int32(8), Encrypted: aws.Bool(true), KmsKeyId: &key}}},
		TagSpecifications:   []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeInstance, Tags: []ec2types.Tag{{Key: k, Value: v}}}},
	})
	s.must(err)
	second := *launched.Instances[0].InstanceId
	s.await(second, ec2types.InstanceStateNameTerminated)

	for _, id := range []string{id, second} {
		s.cloud.Advance(10 * time.Second)
		e, err := diagnose.Gather(ctx, diagnose.NewClients(s.root.config), diagnose.Options{Instance: id, Region: region})
		s.must(err)
		if r := diagnose.Judge(e); r.Cause == nil || r.Denied == nil {
			t.Fatalf("%s: %s", r.Outcome, r.Summary)
		}
		var file bytes.Buffer
		s.must(e.Write(&file, time.Now()))
		text := file.String()
		for _, never := range []string{
			canary, base64.StdEncoding.EncodeToString([]byte(canary + "-user-data")),
			*session.Credentials.SecretAccessKey, *session.Credentials.SessionToken, "127.0.0.1", "aws-sdk-go",
		} {
			if strings.Contains(text, never) {
				t.Errorf("the evidence about %s has %q:\n%s", id, never, text)
			}
		}
		if id := regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{12,}`).FindString(text); id != "" {
			t.Errorf("the evidence has the access key id %s", id)
		}
		for _, want := range []string{`"team": "asked-for"`, `"dept": "asked-too"`} {
			if !strings.Contains(text, want) {
				t.Errorf("the evidence lacks %s, for which a policy asks:\n%s", want, text)
			}
		}
	}
}
