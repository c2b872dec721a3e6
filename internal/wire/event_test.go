package wire_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/wire"
	"github.com/keyturn/keyturn/internal/wire/model"
)

// TestEventForms: parameters and answers as CloudTrail shows them (CloudTrail
// guide, "CloudTrail log file examples"; KMS guide, "Logging AWS KMS API calls").
func TestEventForms(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name, service, operation string
		in, out                  any
		request, response        string
	}{
		{
			"EC2 lists have items", "ec2", "StartInstances",
			&ec2.StartInstancesInput{InstanceIds: []string{"i-1"}},
			&ec2.StartInstancesOutput{StartingInstances: []ec2types.InstanceStateChange{{
				InstanceId:    aws.String("i-1"),
				CurrentState:  &ec2types.InstanceState{Code: aws.Int32(0), Name: "pending"},
				PreviousState: &ec2types.InstanceState{Code: aws.Int32(80), Name: "stopped"},
			}}},
			`{"instancesSet":{"items":[{"instanceId":"i-1"}]}}`,
			`{"instancesSet":{"items":[{"currentState":{"code":0,"name":"pending"},"instanceId":"i-1","previousState":{"code":80,"name":"stopped"}}]}}`,
		},
		{
			"filters", "ec2", "DescribeInstances",
			&ec2.DescribeInstancesInput{Filters: []ec2types.Filter{{Name: aws.String("state"), Values: []string{"running"}}}},
			&ec2.DescribeInstancesOutput{},
			`{"filterSet":{"items":[{"name":"state","valueSet":{"items":[{"value":"running"}]}}]},"instancesSet":{}}`, `null`,
		},
		{
			"tags of a new resource are a plain list", "ec2", "CreateSnapshot",
			&ec2.CreateSnapshotInput{VolumeId: aws.String("vol-1"), TagSpecifications: []ec2types.TagSpecification{{
				ResourceType: "snapshot", Tags: []ec2types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
			}}},
			&ec2.CreateSnapshotOutput{},
			`{"tagSpecificationSet":{"items":[{"resourceType":"snapshot","tags":[{"key":"k","value":"v"}]}]},"volumeId":"vol-1"}`, `null`,
		},
		{
			"a rule names all kinds of peers", "ec2", "AuthorizeSecurityGroupIngress",
			&ec2.AuthorizeSecurityGroupIngressInput{GroupId: aws.String("sg-1"), IpPermissions: []ec2types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}},
			}}},
			&ec2.AuthorizeSecurityGroupIngressOutput{},
			`{"groupId":"sg-1","ipPermissions":{"items":[{"fromPort":22,"groups":{},"ipProtocol":"tcp","ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]},"ipv6Ranges":{},"prefixListIds":{},"toPort":22}]}}`, `null`,
		},
		{
			"EC2's names of the wire", "ec2", "CreateSecurityGroup",
			&ec2.CreateSecurityGroupInput{GroupName: aws.String("web"), Description: aws.String("d")},
			&ec2.CreateSecurityGroupOutput{},
			`{"groupDescription":"d","groupName":"web"}`, `null`,
		},
		{
			"KMS has lowered names and no grant token", "kms", "CreateGrant",
			&kms.CreateGrantInput{
				KeyId: aws.String("k"), GranteePrincipal: aws.String("p"), Operations: []kmstypes.GrantOperation{"Decrypt"},
				Constraints: &kmstypes.GrantConstraints{EncryptionContextSubset: map[string]string{"aws:ebs:id": "vol-1"}},
			},
			&kms.CreateGrantOutput{GrantId: aws.String("g"), GrantToken: aws.String("token")},
			`{"constraints":{"encryptionContextSubset":{"aws:ebs:id":"vol-1"}},"granteePrincipal":"p","keyId":"k","operations":["Decrypt"]}`,
			`{"grantId":"g"}`,
		},
		{
			"user data is removed", "ec2", "RunInstances",
			&ec2.RunInstancesInput{ImageId: aws.String("ami-1"), UserData: aws.String("c2VjcmV0")}, &ec2.RunInstancesOutput{},
			`{"imageId":"ami-1","userData":"\u003csensitiveDataRemoved\u003e"}`, `null`,
		},
		{
			"a password is hidden", "iam", "ChangePassword",
			&iam.ChangePasswordInput{OldPassword: aws.String("a"), NewPassword: aws.String("b")}, &iam.ChangePasswordOutput{},
			`{"newPassword":"HIDDEN_DUE_TO_SECURITY_REASONS","oldPassword":"HIDDEN_DUE_TO_SECURITY_REASONS"}`, `null`,
		},
		{
			"a plaintext and its ciphertext are not there", "kms", "Encrypt",
			&kms.EncryptInput{KeyId: aws.String("k"), Plaintext: []byte("secret"), EncryptionContext: map[string]string{"a": "b"}},
			&kms.EncryptOutput{CiphertextBlob: []byte("blob"), KeyId: aws.String("k")},
			`{"encryptionContext":{"a":"b"},"keyId":"k"}`, `{"keyId":"k"}`,
		},
		{
			"what a Describe request leaves out is an empty set", "ec2", "DescribeImages",
			&ec2.DescribeImagesInput{Owners: []string{"self"}, IncludeDeprecated: aws.Bool(true)}, &ec2.DescribeImagesOutput{},
			`{"executableBySet":{},"filterSet":{},"imagesSet":{},"includeDeprecated":true,"ownersSet":{"items":[{"owner":"self"}]}}`, `null`,
		},
		{
			"times of EC2 count milliseconds, the others' are words", "ec2", "DescribeSpotPriceHistory",
			&ec2.DescribeSpotPriceHistoryInput{StartTime: aws.Time(time.UnixMilli(1700000000123))}, &ec2.DescribeSpotPriceHistoryOutput{},
			`{"filterSet":{},"instanceTypeSet":{},"productDescriptionSet":{},"startTime":1700000000123}`, `null`,
		},
		{
			"times in words", "cloudtrail", "LookupEvents",
			&cloudtrail.LookupEventsInput{StartTime: aws.Time(time.Unix(1700000000, 0))}, &cloudtrail.LookupEventsOutput{},
			`{"startTime":"Nov 14, 2023, 10:13:20 PM"}`, `null`,
		},
		{
			"no secret of an access key", "iam", "CreateAccessKey",
			&iam.CreateAccessKeyInput{UserName: aws.String("test")},
			&iam.CreateAccessKeyOutput{AccessKey: &iamtypes.AccessKey{AccessKeyId: aws.String("AKIA"), SecretAccessKey: aws.String("secret"), UserName: aws.String("test"), Status: "Active"}},
			`{"userName":"test"}`,
			`{"accessKey":{"accessKeyId":"AKIA","status":"Active","userName":"test"}}`,
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			model, _ := wire.Lookup(v.service)
			o, _ := model.Operation(v.operation)
			for _, x := range []struct {
				got  map[string]any
				want string
			}{{o.EventParameters(v.in), v.request}, {o.EventResponse(v.out), v.response}} {
				got, err := json.Marshal(x.got)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(x.want, string(got)); diff != "" {
					t.Errorf("event (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// secretsOf are the members that the model calls sensitive: CreateUser.Password.
func secretsOf(t *testing.T, service string) map[string]bool {
	t.Helper()
	table, ok := model.Load(service)
	if !ok {
		t.Fatalf("no table of %s", service)
	}
	names := make(map[string]bool)
	for shape := range table.Shapes() {
		for _, m := range table.Shape(shape).Members {
			if s := table.Shape(m.Shape); s.Sensitive && s.Type == "string" {
				names[bareName(shape)+"."+strings.ToUpper(m.Name[:1])+m.Name[1:]] = true
			}
		}
	}
	return names
}

// bareName is a type's name without what the model and the SDK each add to those
// of inputs and outputs.
func bareName(s string) string {
	for _, suffix := range []string{"Request", "Input", "Response", "Result", "Output"} {
		s = strings.TrimSuffix(s, suffix)
	}
	return s
}

// secretNames are members that hold secrets in any service, whatever the model says.
var secretNames = []string{"SecretAccessKey", "SessionToken", "GrantToken", "Plaintext", "KeyMaterial", "PrivateKey", "Password", "PrivateKeyPlaintext"}

// TestNoSecretInAnyEvent fills the secrets of every operation's input and output
// and looks for them in the event.
func TestNoSecretInAnyEvent(t *testing.T) {
	t.Parallel()
	const mark = "the-secret-itself"
	for service, client := range sdkClients(new(transport)) {
		model, _ := wire.Lookup(service)
		names := secretsOf(t, service)
		for _, name := range model.Operations() {
			_, inType, outType, ok := method(client, name)
			if !ok {
				continue
			}
			o, _ := model.Operation(name)
			in, out := reflect.New(inType), reflect.New(outType)
			for _, v := range []reflect.Value{in, out} {
				(&filler{}).fill(v.Elem(), 5)
				markSecrets(v.Elem(), names, mark)
			}
			raw, err := json.Marshal([]any{o.EventParameters(in.Interface()), o.EventResponse(out.Interface())})
			if err != nil {
				t.Errorf("%s:%s: %v", service, name, err)
			}
			if strings.Contains(string(raw), mark) {
				t.Errorf("%s:%s shows a secret in its event", service, name)
			}
		}
	}
}

// markSecrets sets every member that is a secret.
func markSecrets(v reflect.Value, names map[string]bool, mark string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			markSecrets(v.Elem(), names, mark)
		}
	case reflect.Slice:
		for i := range v.Len() {
			markSecrets(v.Index(i), names, mark)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			if !f.CanSet() {
				continue
			}
			name := v.Type().Field(i).Name
			if f.Type() == reflect.TypeFor[*string]() && (names[bareName(v.Type().Name())+"."+name] || slices.Contains(secretNames, name)) {
				f.Set(reflect.ValueOf(&mark))
			}
			markSecrets(f, names, mark)
		}
	}
}
