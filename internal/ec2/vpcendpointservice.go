package ec2

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// endpointService is a service that VPC endpoints lead to.
type endpointService struct {
	Name string // "com.amazonaws.us-east-1.kms"
	// Label is its part of DNS names: "kms", "api.ecr".
	Label   string
	Region  string
	Gateway bool // reached by a route, not by an interface
	// Signing is the service's signing name, if it is one of Keyturn's.
	Signing string
}

// interfaceServices are services with interface endpoints, by the last part of
// their names: Keyturn's own, and those that networks often have endpoints for
// (PrivateLink guide, "AWS services that integrate with AWS PrivateLink"). The
// list there is longer.
var interfaceServices = strings.Fields(`
	access-analyzer application-autoscaling athena autoscaling cloudformation cloudtrail
	codebuild codecommit codepipeline config dynamodb ebs ec2 ec2messages ecr.api ecr.dkr ecs
	ecs-agent ecs-telemetry eks eks-auth elasticfilesystem elasticloadbalancing events execute-api
	glue guardduty-data kinesis-firehose kinesis-streams kms lambda logs monitoring rds s3
	sagemaker.api sagemaker.runtime secretsmanager sns sqs ssm ssmmessages states sts xray`)

// gatewayServices are the two that are reached by a route (PrivateLink guide,
// "Gateway endpoints").
var gatewayServices = []string{"dynamodb", "s3"}

// endpointServices lists a region's services by name, a gateway's before an
// interface's of the same name. IAM and Organizations have theirs in one region
// of the partition (IAM guide, "Create interface VPC endpoints for IAM";
// Organizations guide, "Using an interface VPC endpoint").
func endpointServices(region string) []endpointService {
	var all []endpointService
	for _, part := range gatewayServices {
		all = append(all, endpointService{Name: "com.amazonaws." + region + "." + part, Label: part, Region: region, Gateway: true})
	}
	prefix := "com.amazonaws."
	if strings.HasPrefix(region, "cn-") {
		prefix = "cn.com.amazonaws."
	}
	add := func(name, part string) {
		labels := strings.Split(part, ".")
		slices.Reverse(labels)
		s := endpointService{Name: name, Label: strings.Join(labels, "."), Region: region}
		if slices.Contains(ownServices, part) {
			s.Signing = part
		}
		all = append(all, s)
	}
	for _, part := range interfaceServices {
		add(prefix+region+"."+part, part)
	}
	if region == "us-east-1" {
		add(prefix+"iam", "iam")
		add(prefix+region+".organizations", "organizations")
	}
	slices.SortStableFunc(all, func(a, b endpointService) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// ownServices are the services that requests through an endpoint reach here.
var ownServices = []string{"autoscaling", "cloudtrail", "ebs", "ec2", "iam", "kms", "organizations", "sts"}

// endpointServiceNamed finds a service's endpoints of one kind. known reports
// whether the name is a service's at all.
func endpointServiceNamed(region, name string, gateway bool) (s endpointService, found, known bool) {
	for _, s := range endpointServices(region) {
		if s.Name != name {
			continue
		}
		known = true
		if s.Gateway == gateway {
			return s, true, true
		}
	}
	return s, false, known
}

func noEndpointService(name string) error {
	return api.Error("InvalidServiceName", "The Vpc Endpoint Service '"+name+"' does not exist")
}

// domain ends the names of AWS's hosts in the service's partition.
func (s endpointService) domain() string {
	if strings.HasPrefix(s.Region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// base is what the names of the service's endpoints end in.
func (s endpointService) base() string { return s.Label + "." + s.Region + ".vpce." + s.domain() }

// privateName is the service's public name, which an endpoint with private DNS
// takes over in its VPC.
func (s endpointService) privateName() string {
	if s.Label == "iam" {
		return "iam." + s.domain()
	}
	return s.Label + "." + s.Region + "." + s.domain()
}

func (s endpointService) kind() types.ServiceType {
	if s.Gateway {
		return types.ServiceTypeGateway
	}
	return types.ServiceTypeInterface
}

// id is the service's id. AWS's are not published; these are made of the name.
func (s endpointService) id() string {
	sum := sha256.Sum256([]byte(s.Name + " " + string(s.kind())))
	return "vpce-svc-" + hex.EncodeToString(sum[:])[:17]
}

func (s endpointService) filter(name string) ([]string, bool) {
	switch name {
	case "owner":
		return some("amazon"), true
	case "service-name":
		return some(s.Name), true
	case "service-region":
		return some(s.Region), true
	case "service-type":
		return some(string(s.kind())), true
	case "supported-ip-address-types":
		return some("ipv4"), true
	}
	if isTagFilter(name) {
		return nil, true // AWS's services have no tags
	}
	return nil, false
}

func (s endpointService) describe() types.ServiceDetail {
	d := types.ServiceDetail{
		ServiceName: aws.String(s.Name), ServiceId: aws.String(s.id()), ServiceRegion: aws.String(s.Region), Owner: aws.String("amazon"),
		ServiceType:        []types.ServiceTypeDetail{{ServiceType: s.kind()}},
		AcceptanceRequired: aws.Bool(false), ManagesVpcEndpoints: aws.Bool(false), VpcEndpointPolicySupported: aws.Bool(true),
		SupportedIpAddressTypes: []types.ServiceConnectivityType{types.ServiceConnectivityTypeIpv4}, Tags: []types.Tag{},
	}
	for _, z := range zonesOf(s.Region) {
		d.AvailabilityZones = append(d.AvailabilityZones, z.Name)
		d.AvailabilityZoneIds = append(d.AvailabilityZoneIds, z.ID)
	}
	if s.Gateway {
		d.BaseEndpointDnsNames = []string{s.privateName()}
		return d
	}
	d.BaseEndpointDnsNames = []string{s.base()}
	d.PrivateDnsName, d.PrivateDnsNameVerificationState = aws.String(s.privateName()), types.DnsNameStateVerified
	d.PrivateDnsNames = []types.PrivateDnsDetails{{PrivateDnsName: d.PrivateDnsName}}
	return d
}

var endpointServicePages = pageRule{least: 1, most: 1000}

func (s *Service) describeVpcEndpointServices(c *api.Call, in *ec2.DescribeVpcEndpointServicesInput) (*ec2.DescribeVpcEndpointServicesOutput, error) {
	if err := endpointServicePages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	if err := checkFilters(in.Filters, func(name string) bool { _, ok := endpointService{}.filter(name); return ok }); err != nil {
		return nil, err
	}
	for _, region := range in.ServiceRegions {
		if region != c.Region {
			return nil, notBuilt("ServiceRegions")
		}
	}
	all := endpointServices(c.Region)
	for _, name := range in.ServiceNames {
		if !slices.ContainsFunc(all, func(s endpointService) bool { return s.Name == name }) {
			return nil, noEndpointService(name)
		}
	}
	var found []endpointService
	for _, e := range all {
		if len(in.ServiceNames) > 0 && !slices.Contains(in.ServiceNames, e.Name) {
			continue
		}
		ok, err := matches(in.Filters, e.filter)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, e)
		}
	}
	// The gateway of a name comes before the interface, so its kind orders as well.
	rows, next, err := page(found, func(e endpointService) string { return e.Name + " " + string(e.kind()) }, endpointServicePages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcEndpointServicesOutput{NextToken: next, ServiceNames: []string{}, ServiceDetails: []types.ServiceDetail{}}
	for _, e := range rows {
		out.ServiceDetails = append(out.ServiceDetails, e.describe())
		if !slices.Contains(out.ServiceNames, e.Name) {
			out.ServiceNames = append(out.ServiceNames, e.Name)
		}
	}
	return out, nil
}
