package wire_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/wire"
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

// secretNames are members that hold secrets in any service.
var secretNames = []string{"SecretAccessKey", "SessionToken", "GrantToken", "Plaintext", "KeyMaterial", "PrivateKey", "Password", "PrivateKeyPlaintext"}

// TestNoSecretInAnyEvent fills the secrets of every operation's input and output
// and looks for them in the event.
func TestNoSecretInAnyEvent(t *testing.T) {
	t.Parallel()
	const mark = "the-secret-itself"
	for service, client := range sdkClients(new(transport)) {
		model, _ := wire.Lookup(service)
		for _, name := range model.Operations() {
			_, inType, outType, ok := method(client, name)
			if !ok {
				continue
			}
			o, _ := model.Operation(name)
			in, out := reflect.New(inType), reflect.New(outType)
			for _, v := range []reflect.Value{in, out} {
				(&filler{}).fill(v.Elem(), 5)
				markSecrets(v.Elem(), mark)
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

// markSecrets sets every member that holds a secret.
func markSecrets(v reflect.Value, mark string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			markSecrets(v.Elem(), mark)
		}
	case reflect.Slice:
		for i := range v.Len() {
			markSecrets(v.Index(i), mark)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			if !f.CanSet() {
				continue
			}
			for _, name := range secretNames {
				if v.Type().Field(i).Name == name && f.Type() == reflect.TypeFor[*string]() {
					f.Set(reflect.ValueOf(&mark))
				}
			}
			markSecrets(f, mark)
		}
	}
}
