package cloud_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// through gives clients whose requests go to an endpoint's name, which leads to
// the stage's server.
func (s *stage) through(name string, c aws.Credentials) clients {
	server := strings.TrimPrefix(s.url, "http://")
	dialer := &net.Dialer{}
	cfg := aws.Config{
		Region: region, BaseEndpoint: aws.String("http://" + name),
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, server)
		}, DisableKeepAlives: true}},
	}
	return clients{iam: iam.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg), kms: kms.NewFromConfig(cfg), ec2: ec2.NewFromConfig(cfg)}
}

// person makes a user with managed policies and returns its credentials.
func (s *stage) person(name string, policies ...string) aws.Credentials {
	s.Helper()
	c, err := s.user(name, policies...).iam.Options().Credentials.Retrieve(s.Context())
	s.must(err)
	return c
}

// endpoint makes an interface endpoint of the default VPC and waits for it.
func (s *stage) endpoint(service, policy string) ec2types.VpcEndpoint {
	s.Helper()
	ctx := s.Context()
	vpcs, err := s.root.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	s.must(err)
	nets, err := s.root.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
	s.must(err)
	in := &ec2.CreateVpcEndpointInput{
		VpcId: vpcs.Vpcs[0].VpcId, ServiceName: aws.String("com.amazonaws." + region + "." + service),
		VpcEndpointType: ec2types.VpcEndpointTypeInterface, SubnetIds: []string{*nets.Subnets[0].SubnetId},
	}
	if policy != "" {
		in.PolicyDocument = &policy
	}
	made, err := s.root.ec2.CreateVpcEndpoint(ctx, in)
	s.must(err)
	if made.VpcEndpoint.State != "pending" {
		s.Errorf("a new endpoint is %s", made.VpcEndpoint.State)
	}
	return s.awaitEndpoint(*made.VpcEndpoint.VpcEndpointId)
}

func (s *stage) awaitEndpoint(id string) ec2types.VpcEndpoint {
	s.Helper()
	for range 200 {
		out, err := s.root.ec2.DescribeVpcEndpoints(s.Context(), &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}})
		s.must(err)
		if e := out.VpcEndpoints[0]; e.State == "available" {
			return e
		}
		s.cloud.Advance(time.Second)
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatalf("%s never became available", id)
	return ec2types.VpcEndpoint{}
}

const (
	allowAllThrough = `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`
	noGrants        = `{"Version":"2012-10-17","Statement":[` + allowAllThrough + `,{"Effect":"Deny","Principal":"*","Action":"kms:CreateGrant","Resource":"*"}]}`
	onlyDescribing  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":["kms:Describe*","ec2:Describe*"],"Resource":"*"}}`
)

// TestEndpointPolicyDecides: a request through an endpoint needs what the
// endpoint's policy allows, and tells of the endpoint in the trail.
func TestEndpointPolicyDecides(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, policy, ending string
	}{
		{"full access is the default", "", ""},
		{"what is not allowed is denied", onlyDescribing, "because no VPC endpoint policy allows the kms:CreateGrant action"},
		{"an explicit deny", noGrants, "with an explicit deny in a VPC endpoint policy"},
		{"an allow for somebody else", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/other"},"Action":"*","Resource":"*"}}`, "because no VPC endpoint policy allows the kms:CreateGrant action"},
		{"an allow for the caller", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/test"},"Action":"*","Resource":"*"}}`, ""},
		{"a condition on the caller's account", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"210987654321"}}}}`, "because no VPC endpoint policy allows the kms:CreateGrant action"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			key := s.key()
			me := s.person("test", "arn:aws:iam::aws:policy/AdministratorAccess")
			e := s.endpoint("kms", test.policy)
			_, err := s.through(*e.DnsEntries[0].DnsName, me).kms.CreateGrant(t.Context(), &kms.CreateGrantInput{
				KeyId: &key, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/test"), Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
			})
			switch {
			case test.ending == "":
				s.must(err)
			case err == nil:
				t.Fatal("the endpoint let CreateGrant through")
			default:
				wantCode(t, err, "AccessDeniedException")
				if !strings.Contains(err.Error(), test.ending) {
					t.Errorf("the denial says %v, want %q", err, test.ending)
				}
			}
			var event struct{ VPCEndpointID, VPCEndpointAccountID, ErrorCode string }
			s.must(json.Unmarshal([]byte(*s.events("CreateGrant")[0].CloudTrailEvent), &event))
			if event.VPCEndpointID != *e.VpcEndpointId || event.VPCEndpointAccountID != "123456789012" || (event.ErrorCode == "AccessDenied") != (test.ending != "") {
				t.Errorf("the event says %+v", event)
			}
		})
	}
}

// TestLaunchThroughEndpoint: the policy of EC2's endpoint decides on the launch
// alone, what EC2 then asks of KMS passes no endpoint, so a policy of KMS's
// endpoint stops no launch.
func TestLaunchThroughEndpoint(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	image := s.image()
	me := s.person("test", "arn:aws:iam::aws:policy/AdministratorAccess")
	s.endpoint("kms", noGrants)
	launch := func(name string) (*ec2.RunInstancesOutput, error) {
		return s.through(name, me).ec2.RunInstances(t.Context(), &ec2.RunInstancesInput{
			ImageId: &image, InstanceType: ec2types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
			BlockDeviceMappings: []ec2types.BlockDeviceMapping{{DeviceName: aws.String("/dev/xvda"), Ebs: &ec2types.EbsBlockDevice{Encrypted: aws.Bool(true), KmsKeyId: &key}}},
		})
	}
	closed := s.endpoint("ec2", "")
	_, err := s.root.ec2.ModifyVpcEndpoint(t.Context(), &ec2.ModifyVpcEndpointInput{VpcEndpointId: closed.VpcEndpointId, PolicyDocument: aws.String(onlyDescribing)})
	s.must(err)
	_, err = launch(*closed.DnsEntries[0].DnsName)
	if err == nil {
		t.Fatal("the endpoint let the launch through")
	}
	wantCode(t, err, "UnauthorizedOperation")
	if !strings.Contains(err.Error(), "because no VPC endpoint policy allows the ec2:RunInstances action") {
		t.Errorf("the denial says %v", err)
	}
	_, err = s.root.ec2.ModifyVpcEndpoint(t.Context(), &ec2.ModifyVpcEndpointInput{VpcEndpointId: closed.VpcEndpointId, ResetPolicy: aws.Bool(true)})
	s.must(err)
	// The zone's name does as well as the endpoint's.
	made, err := launch(*closed.DnsEntries[1].DnsName)
	s.must(err)
	s.await(*made.Instances[0].InstanceId, ec2types.InstanceStateNameRunning)
	if grant := *s.events("CreateGrant")[0].CloudTrailEvent; !strings.Contains(grant, `"vpcEndpointId":"AWS Internal"`) {
		t.Errorf("the grant that EC2 asked for is %s", grant)
	}
}

// TestEndpointConditionKeys: policies can tell where a request came through.
func TestEndpointConditionKeys(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	me := s.person("test")
	e := s.endpoint("kms", "")
	name := strings.Replace(*e.DnsEntries[0].DnsName, ".vpce.amazonaws.com", ".vpce.localhost", 1)
	for _, test := range []struct {
		name, condition  string
		through, without bool
	}{
		{"the endpoint", `"StringEquals":{"aws:SourceVpce":"` + *e.VpcEndpointId + `"}`, true, false},
		{"another endpoint", `"StringEquals":{"aws:SourceVpce":"vpce-0123456789abcdef0"}`, false, false},
		{"the VPC", `"StringEquals":{"aws:SourceVpc":"` + *e.VpcId + `"}`, true, false},
		{"an address in the VPC", `"IpAddress":{"aws:VpcSourceIp":"127.0.0.0/8"}`, true, false},
		{"a public address", `"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}`, false, true},
		{"no endpoint", `"Null":{"aws:SourceVpce":"true"}`, false, true},
		{"an endpoint of the account", `"StringEquals":{"aws:VpceAccount":"123456789012"}`, true, false},
		{"an endpoint of an organization, of which there is none", `"Null":{"aws:VpceOrgID":"false"}`, false, false},
	} {
		s.allow("test", "key", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*","Condition":{`+test.condition+`}}}`)
		in := &kms.DescribeKeyInput{KeyId: &key}
		if _, err := s.through(name, me).kms.DescribeKey(t.Context(), in); (err == nil) != test.through {
			t.Errorf("%s: through the endpoint: %v", test.name, err)
		}
		if _, err := s.as(me.AccessKeyID, me.SecretAccessKey, "").kms.DescribeKey(t.Context(), in); (err == nil) != test.without {
			t.Errorf("%s: not through it: %v", test.name, err)
		}
	}
}

// TestEndpointOfOrganization: KMS is told whose organization an endpoint is of, EC2
// is not.
func TestEndpointOfOrganization(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	made, err := s.root.org.CreateOrganization(t.Context(), &organizations.CreateOrganizationInput{})
	s.must(err)
	me := s.person("test")
	s.allow("test", "within", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:ListKeys","ec2:DescribeVpcs"],"Resource":"*","Condition":{
		"StringEquals":{"aws:VpceOrgID":"`+*made.Organization.Id+`"},"ForAnyValue:StringLike":{"aws:VpceOrgPaths":"`+*made.Organization.Id+`/*"}}}}`)
	_, err = s.through(*s.endpoint("kms", "").DnsEntries[0].DnsName, me).kms.ListKeys(t.Context(), &kms.ListKeysInput{})
	s.must(err)
	_, err = s.through(*s.endpoint("ec2", "").DnsEntries[0].DnsName, me).ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if err == nil {
		t.Fatal("EC2 knows the endpoint's organization")
	}
	wantCode(t, err, "UnauthorizedOperation")
}

// TestNoEndpointThere: a name that leads nowhere is answered by nobody's service.
func TestNoEndpointThere(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	root, err := s.root.kms.Options().Credentials.Retrieve(t.Context())
	s.must(err)
	e := s.endpoint("kms", "")
	name := *e.DnsEntries[0].DnsName
	ask := func(name string) error {
		_, err := s.through(name, root).kms.ListKeys(t.Context(), &kms.ListKeysInput{})
		return err
	}
	s.must(ask(name))
	s.must(ask(strings.ToUpper(name) + ":80"))
	for _, test := range []struct{ name, host, code string }{
		{"an id that is none", strings.Replace(name, "vpce-", "vpce-x", 1), "InvalidVpcEndpointId.NotFound"},
		{"another id", "vpce-0123456789abcdef0-01234567.kms." + region + ".vpce.amazonaws.com", "InvalidVpcEndpointId.NotFound"},
		{"another name of the same id", *e.VpcEndpointId + "-00000000.kms." + region + ".vpce.amazonaws.com", "InvalidVpcEndpointId.NotFound"},
		{"a zone without an interface", strings.Replace(name, ".kms", "-"+region+"z.kms", 1), "InvalidVpcEndpointId.NotFound"},
		{"another region", strings.Replace(name, region, "us-east-1", 1), "InvalidVpcEndpointId.NotFound"},
		{"another service", strings.Replace(name, ".kms", ".ec2", 1), "MisdirectedRequest"},
		{"nothing", "vpce.amazonaws.com.vpce.localhost", "InvalidVpcEndpointId.NotFound"},
	} {
		err := ask(test.host)
		if err == nil {
			t.Errorf("%s: answered", test.name)
			continue
		}
		wantCode(t, err, test.code)
	}
	// A request for another service than the endpoint's is refused as that service would.
	_, err = s.through(name, root).ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if err == nil || !strings.Contains(err.Error(), "Credential should be scoped to correct service: 'kms'") {
		t.Errorf("a request to EC2 through KMS's endpoint: %v", err)
	}
	_, err = s.root.ec2.DeleteVpcEndpoints(t.Context(), &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId}})
	s.must(err)
	if err := ask(name); err == nil {
		t.Error("an endpoint that is being deleted answers")
	}
}
