package cloud

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// unauthorized are the operations that AWS never denies to a known caller.
// (STS API reference: no permissions are required for these).
var unauthorized = []string{"sts:GetCallerIdentity", "sts:GetSessionToken"}

// unsigned are the operations for callers who bring a token instead of a signature.
var unsigned = []string{"sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"}

// TestAuthorizationIsTotal walks every operation with a caller who has no
// permission at all: each is refused before anything is changed.
func TestAuthorizationIsTotal(t *testing.T) {
	t.Parallel()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	user := nobody(t, c)
	given := walkInputs(t, c, user)
	before := rows(t, c)
	denied, other := 0, []string{}
	for service, ops := range c.operations {
		for name, op := range ops {
			full := service + ":" + name
			if op.Open() {
				if !slices.Contains(unauthorized, full) {
					t.Errorf("%s is open to everybody", full)
				}
				continue
			}
			err := askAsNobody(c, op, user, given)
			if op.Unsigned() {
				// Who has nothing to show is nobody.
				if code, _ := describeError(err); !slices.Contains(unsigned, full) || code != "InvalidIdentityToken" {
					t.Errorf("%s answers %v to a caller without a token", full, err)
				}
				continue
			}
			if refused := new(deniedError); errors.As(err, &refused) {
				denied++
				continue
			}
			if err == nil {
				t.Errorf("%s was carried out for a caller without permissions", full)
			} else if code, status := describeError(err); status >= 500 {
				t.Errorf("%s failed inside for a caller without permissions: %s: %v", full, code, err)
			} else {
				// What AWS checks before it authorizes: an id that names nothing, say.
				other = append(other, full+" "+code)
			}
		}
	}
	if after := rows(t, c); !slices.Equal(before, after) {
		t.Errorf("the store changed:\n%s\nwas\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	t.Logf("%d operations denied, %d refused for their input: %s", denied, len(other), strings.Join(other, ", "))
	if len(other) > 0 {
		t.Errorf("%d operations were refused before they were authorized", len(other))
	}
}

// askAsNobody asks for an operation in the name of a user that has no policies.
// The model's constraints are passed over, so that it is the door that refuses.
func askAsNobody(c *Cloud, op *operation, user access.Principal, given inputs) error {
	call := walkCall(c, op, user)
	in := reflect.New(op.in)
	given.fill(in.Elem())
	return c.store.Update(call.Context, func(tx store.Tx) error {
		call.Tx, call.Door = tx, &passage{cloud: c}
		return c.authorize(call, op, in.Interface())
	})
}

// inputs are members' values by name: what a descriptor looks at before it can
// tell what is asked for.
type inputs map[string]any

// fill sets the members that have a value of their type, and names to a name.
func (given inputs) fill(in reflect.Value) {
	for i := range in.NumField() {
		member := in.Type().Field(i).Name
		value, ok := given[member]
		switch {
		case !ok && strings.HasSuffix(member, "Name"):
			value, ok = "x", true
		case member == "SerialNumber" && strings.HasSuffix(in.Type().PkgPath(), "/iam"):
			// STS would ask the device for its code.
			value, ok = "arn:aws:iam::123456789012:mfa/x", true
		}
		if !ok {
			continue
		}
		v, f := reflect.ValueOf(value), in.Field(i)
		switch {
		case v.Type() == f.Type():
			f.Set(v)
		case f.Kind() == reflect.Pointer && v.CanConvert(f.Type().Elem()) && v.Kind() == f.Type().Elem().Kind():
			f.Set(reflect.New(f.Type().Elem()))
			f.Elem().Set(v.Convert(f.Type().Elem()))
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.String && v.Kind() == reflect.String:
			f.Set(reflect.Append(f, v.Convert(f.Type().Elem())))
		}
	}
}

// walkInputs makes a key that nobody may use, and names things that need not be there.
func walkInputs(t *testing.T, c *Cloud, user access.Principal) inputs {
	t.Helper()
	key := asRoot[kms.CreateKeyOutput](t, c, "kms", "CreateKey", &kms.CreateKeyInput{}).KeyMetadata
	blob := asRoot[kms.EncryptOutput](t, c, "kms", "Encrypt", &kms.EncryptInput{KeyId: key.Arn, Plaintext: []byte("secret")}).CiphertextBlob
	asRoot[kms.CreateAliasOutput](t, c, "kms", "CreateAlias", &kms.CreateAliasInput{AliasName: aws.String("alias/x"), TargetKeyId: key.KeyId})
	role := asRoot[iam.CreateRoleOutput](t, c, "iam", "CreateRole", &iam.CreateRoleInput{
		RoleName:                 aws.String("x"),
		AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com", "AWS": "123456789012"}, "Action": "sts:AssumeRole"}}`),
	}).Role
	grant := asRoot[kms.CreateGrantOutput](t, c, "kms", "CreateGrant", &kms.CreateGrantInput{
		KeyId: key.KeyId, GranteePrincipal: role.Arn, Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
	})
	return inputs{
		"KeyId": *key.KeyId, "TargetKeyId": *key.KeyId, "DestinationKeyId": *key.KeyId, "CiphertextBlob": blob,
		"AliasName": "alias/x", "GranteePrincipal": user.ARN, "Operations": "Decrypt", "NumberOfBytes": int32(32),
		"GrantId": *grant.GrantId, "RoleArn": *role.Arn, "RoleSessionName": "session",
		"InstanceIds": "i-0123456789abcdef0", "InstanceId": "i-0123456789abcdef0", "Resources": "i-0123456789abcdef0",
		"VolumeId": "vol-0123456789abcdef0", "ImageId": "ami-0123456789abcdef0", "SourceImageId": "ami-0123456789abcdef0",
		"SnapshotId": "snap-0123456789abcdef0", "SourceSnapshotId": "snap-0123456789abcdef0", "SourceRegion": "us-east-1",
		"InstanceSpecification": &ec2types.InstanceSpecification{InstanceId: aws.String("i-0123456789abcdef0")},
		"Name":                  "x", "MinCount": int32(1), "MaxCount": int32(1),
		"SpotInstanceRequestIds": "sir-01234567", "FleetIds": "fleet-01234567-89ab-cdef-0123-456789abcdef", "FleetId": "fleet-01234567-89ab-cdef-0123-456789abcdef",
		"CapacityReservationId": "cr-0123456789abcdef0", "SpotFleetRequestId": "sfr-01234567-89ab-cdef-0123-456789abcdef", "SpotFleetRequestIds": "sfr-01234567-89ab-cdef-0123-456789abcdef", "VpcId": "vpc-0123456789abcdef0", "SubnetId": "subnet-0123456789abcdef0", "RouteTableId": "rtb-0123456789abcdef0",
		"InternetGatewayId": "igw-0123456789abcdef0", "VpcEndpointId": "vpce-0123456789abcdef0", "VpcEndpointIds": "vpce-0123456789abcdef0",
		"RouteTableIds": "rtb-0123456789abcdef0", "SubnetIds": "subnet-0123456789abcdef0", "SecurityGroupIds": "sg-0123456789abcdef0", "AssociationId": "rtbassoc-0123456789abcdef0",
		"NetworkInterfaceId": "eni-0123456789abcdef0", "AllocationId": "eipalloc-0123456789abcdef0",
		"NetworkAclId": "acl-0123456789abcdef0", "DhcpOptionsId": "dopt-0123456789abcdef0", "NatGatewayId": "nat-0123456789abcdef0",
		"VpcPeeringConnectionId": "pcx-0123456789abcdef0", "PrefixListId": "pl-0123456789abcdef0",
		"AccountId": "210987654321", "PolicyId": "p-examplepolicy", "RootId": "r-exam", "OrganizationalUnitId": "ou-exam-exampleouid",
		"ParentId": "r-exam", "ChildId": "210987654321", "TargetId": "210987654321", "SourceParentId": "r-exam",
		"DestinationParentId": "ou-exam-exampleouid", "ResourceId": "p-examplepolicy", "ServicePrincipal": "guardduty.amazonaws.com",
		"PolicyArn": "arn:aws:iam::123456789012:policy/x", "PolicySourceArn": user.ARN, "Arn": user.ARN, "EntityPath": "o-exampleorgid/r-exam",
		"Url": "https://example.com/x", "OpenIDConnectProviderArn": "arn:aws:iam::123456789012:oidc-provider/example.com/x",
		"ExpirationModel": kmstypes.ExpirationModelTypeKeyMaterialDoesNotExpire, "ReplicaRegion": "eu-west-1", "PrimaryRegion": "eu-west-1",
		"SAMLProviderArn": "arn:aws:iam::123456789012:saml-provider/x", "TargetPrincipal": "210987654321",
		"EventDataStore": "01234567-89ab-cdef-0123-456789abcdef",
	}
}

// asRoot carries an operation out for the root user.
func asRoot[Out any](t *testing.T, c *Cloud, service, name string, in any) *Out {
	t.Helper()
	op, ok := c.lookup(service, name)
	if !ok {
		t.Fatalf("%s:%s is not built", service, name)
	}
	root := access.Principal{
		Type: access.Root, Partition: "aws", Account: DefaultAccount,
		ARN: "arn:aws:iam::" + DefaultAccount + ":root", UserID: DefaultAccount,
	}
	out, err := c.dispatch(walkCall(c, op, root), op, in)
	if err != nil {
		t.Fatal(err)
	}
	return out.(*Out)
}

func walkCall(c *Cloud, op *operation, p access.Principal) *api.Call {
	return &api.Call{
		Context: context.Background(), Caller: api.Caller{Principal: p},
		Account: DefaultAccount, Region: "us-east-1", Partition: "aws",
		Service: op.service, Operation: op.Name(), Now: c.Now(), RequestID: "walk",
		Rand: c.set.random,
	}
}

// nobody makes a user without policies.
func nobody(t *testing.T, c *Cloud) access.Principal {
	t.Helper()
	u := asRoot[iam.CreateUserOutput](t, c, "iam", "CreateUser", &iam.CreateUserInput{UserName: aws.String("nobody")}).User
	return access.Principal{
		Type: access.User, Partition: "aws", Account: DefaultAccount, ARN: *u.Arn, UserID: *u.UserId, Name: *u.UserName,
	}
}

// rows are the keys and values in the store, but for what time has due, and for
// what was attempted, which is written a little later.
func rows(t *testing.T, c *Cloud) []string {
	t.Helper()
	var all []string
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := c.store.View(ctx, func(tx store.Tx) error {
		for r, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			if !strings.Contains(r.Key, "/iam.actionuse/") && !strings.Contains(r.Key, "/kms.lastusage/") {
				all = append(all, r.Key+" "+string(r.Value))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
