package ec2

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// AWS's default quotas "Interface and Gateway Load Balancer endpoints per VPC"
// and "Gateway VPC endpoints per Region" (PrivateLink guide, "AWS PrivateLink
// quotas").
const (
	maxInterfaceEndpoints = 50
	maxGatewayEndpoints   = 20
)

func createEndpointNeeds(c *api.Call, in *ec2.CreateVpcEndpointInput) ([]api.Need, error) {
	const action = "CreateVpcEndpoint"
	n := need(c, action, types.ResourceTypeVpcEndpoint, "*")
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeVpcEndpoint))
	if in.ServiceName != nil {
		n.Context.Set("ec2:VpceServiceName", *in.ServiceName)
		if _, _, known := endpointServiceNamed(c.Region, *in.ServiceName, false); known {
			n.Context.Set("ec2:VpceServiceOwner", "amazon")
		}
	}
	region := c.Region
	if in.ServiceRegion != nil {
		region = *in.ServiceRegion
	}
	n.Context.Set("ec2:VpceServiceRegion", region)
	n.Context.Set("ec2:VpceMultiRegion", boolKey(region != c.Region))
	network, err := existingNeed(c, action, types.ResourceTypeVpc, aws.ToString(in.VpcId))
	if err != nil {
		return nil, err
	}
	network.Context.Set("ec2:VpcID", aws.ToString(in.VpcId))
	needs := []api.Need{n, network}
	parts, err := endpointPartNeeds(c, action, endpointParts{in.RouteTableIds, in.SecurityGroupIds, in.SubnetIds})
	if err != nil {
		return nil, err
	}
	return append(append(needs, parts...), tagNeeds(c, action, in.TagSpecifications)...), nil
}

// endpointParts are the ids that a request ties to an endpoint or takes off it.
type endpointParts struct{ routeTables, groups, subnets []string }

func endpointPartNeeds(c *api.Call, action string, p endpointParts) ([]api.Need, error) {
	var needs []api.Need
	for _, part := range []struct {
		kind types.ResourceType
		key  string
		ids  []string
	}{
		{types.ResourceTypeRouteTable, "ec2:RouteTableID", p.routeTables},
		{types.ResourceTypeSecurityGroup, "ec2:SecurityGroupID", p.groups},
		{types.ResourceTypeSubnet, "ec2:SubnetID", p.subnets},
	} {
		for _, id := range part.ids {
			n, err := existingNeed(c, action, part.kind, id)
			if err != nil {
				return nil, err
			}
			n.Context.Set(part.key, id)
			needs = append(needs, n)
		}
	}
	return needs, nil
}

// invalidEndpoint is how EC2 refuses what does not fit together in an endpoint.
// Where a text is not one that was observed, it follows those that were.
func invalidEndpoint(format string, args ...any) error {
	return api.Error("InvalidParameter", fmt.Sprintf(format, args...))
}

func refuseUnbuiltEndpoint(c *api.Call, in *ec2.CreateVpcEndpointInput) error {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"DnsOptions", unbuiltDNS(in.DnsOptions)},
		{"IpAddressType", in.IpAddressType != "" && in.IpAddressType != types.IpAddressTypeIpv4},
		{"ResourceConfigurationArn", in.ResourceConfigurationArn != nil},
		{"ServiceNetworkArn", in.ServiceNetworkArn != nil},
		{"ServiceRegion", in.ServiceRegion != nil && *in.ServiceRegion != c.Region},
		{"SubnetConfigurations", len(in.SubnetConfigurations) > 0},
		{"VpcEndpointType", !slices.Contains([]types.VpcEndpointType{"", types.VpcEndpointTypeGateway, types.VpcEndpointTypeInterface}, in.VpcEndpointType)},
	} {
		if p.asked {
			return notBuilt(p.name)
		}
	}
	return nil
}

// unbuiltDNS reports whether DNS options ask for more than IPv4 records.
func unbuiltDNS(o *types.DnsOptionsSpecification) bool {
	if o == nil {
		return false
	}
	return o.DnsRecordIpType != "" && o.DnsRecordIpType != types.DnsRecordIpTypeIpv4 && o.DnsRecordIpType != types.DnsRecordIpTypeServiceDefined ||
		aws.ToBool(o.PrivateDnsOnlyForInboundResolverEndpoint) || o.PrivateDnsPreference != nil || len(o.PrivateDnsSpecifiedDomains) > 0
}

func (s *Service) createVpcEndpoint(c *api.Call, in *ec2.CreateVpcEndpointInput) (*ec2.CreateVpcEndpointOutput, error) {
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	if earlier != "" {
		return endpointAgain(c, in, earlier)
	}
	if err := refuseUnbuiltEndpoint(c, in); err != nil {
		return nil, err
	}
	v, err := s.vpcOrDefault(c, aws.String(aws.ToString(in.VpcId)))
	if err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeVpcEndpoint))
	if err != nil {
		return nil, err
	}
	e := vpcEndpoint{
		ID: c.NewID("vpce-"), VPC: v.ID, Service: aws.ToString(in.ServiceName), Created: c.Now,
		Gateway: in.VpcEndpointType != types.VpcEndpointTypeInterface,
	}
	if in.ServiceName == nil {
		return nil, missingParameter("ServiceName")
	}
	service, found, known := endpointServiceNamed(c.Region, e.Service, e.Gateway)
	switch {
	case !known:
		return nil, noEndpointService(e.Service)
	case !found:
		return nil, invalidEndpoint("The Vpc Endpoint Service '%s' does not support endpoints of the type %s.", e.Service, e.kind())
	}
	e.Policy = defaultEndpointPolicy(e.Gateway)
	if aws.ToString(in.PolicyDocument) != "" {
		e.Policy = *in.PolicyDocument
		if err := checkEndpointPolicy(e.Policy); err != nil {
			return nil, err
		}
	}
	if err := e.checkQuota(c); err != nil {
		return nil, err
	}
	if e.Gateway {
		err = e.openGateway(c, in)
	} else {
		err = e.openInterface(c, in, v, service)
	}
	if err != nil {
		return nil, err
	}
	if err := e.put(c); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeVpcEndpoint), e.ID, tags); err != nil {
		return nil, err
	}
	if err := keepToken(c, in.ClientToken, in, e.ID); err != nil {
		return nil, err
	}
	d := e.describe(c, tags)
	return &ec2.CreateVpcEndpointOutput{VpcEndpoint: &d, ClientToken: in.ClientToken}, nil
}

// endpointAgain answers a request that was carried out before.
func endpointAgain(c *api.Call, in *ec2.CreateVpcEndpointInput, id string) (*ec2.CreateVpcEndpointOutput, error) {
	e, err := vpcEndpoints.get(c, id)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(c, id)
	d := e.describe(c, tags)
	return &ec2.CreateVpcEndpointOutput{VpcEndpoint: &d, ClientToken: in.ClientToken}, err
}

func (e vpcEndpoint) checkQuota(c *api.Call) error {
	there, err := endpointsOf(c, func(o vpcEndpoint) bool { return o.Gateway == e.Gateway && (o.Gateway || o.VPC == e.VPC) })
	if err != nil {
		return err
	}
	most := maxInterfaceEndpoints
	if e.Gateway {
		most = maxGatewayEndpoints
	}
	if len(there) >= most {
		return api.Error("VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached.")
	}
	return nil
}

// openGateway puts the endpoint's route into its route tables: it is there at once.
func (e *vpcEndpoint) openGateway(c *api.Call, in *ec2.CreateVpcEndpointInput) error {
	for name, given := range map[string]bool{
		"PrivateDnsEnabled": aws.ToBool(in.PrivateDnsEnabled), "SecurityGroupIds": len(in.SecurityGroupIds) > 0, "SubnetIds": len(in.SubnetIds) > 0,
	} {
		if given {
			return invalidEndpoint("%s is applicable only to Interface VPC Endpoints.", name)
		}
	}
	e.State = endpointAvailable
	return e.addRouteTables(c, in.RouteTableIds)
}

func (e *vpcEndpoint) addRouteTables(c *api.Call, ids []string) error {
	for _, id := range ids {
		r, err := routeTables.get(c, id)
		if err != nil {
			return err
		}
		if r.VPC != e.VPC {
			return invalidEndpoint("route table %s and vpc endpoint %s belong to different networks", r.ID, e.ID)
		}
		if slices.Contains(e.RouteTables, id) {
			continue
		}
		same, err := endpointsOf(c, func(o vpcEndpoint) bool { return o.Service == e.Service && slices.Contains(o.RouteTables, id) })
		if err != nil {
			return err
		}
		if len(same) > 0 {
			return api.Error("RouteAlreadyExists", "route table "+id+" already has a route with destination-prefix-list-id "+prefixListID(e.Service))
		}
		e.RouteTables = append(e.RouteTables, id)
	}
	return nil
}

// openInterface puts interfaces into the endpoint's subnets; it can be reached
// some time later.
func (e *vpcEndpoint) openInterface(c *api.Call, in *ec2.CreateVpcEndpointInput, v vpc, service endpointService) error {
	if len(in.RouteTableIds) > 0 {
		return invalidEndpoint("RouteTableIds is applicable only to Gateway VPC Endpoints.")
	}
	e.State, e.Suffix = endpointPending, c.NewHex(8)
	// Private DNS is on unless it is refused (EC2 API reference, "CreateVpcEndpoint").
	if in.PrivateDnsEnabled == nil || *in.PrivateDnsEnabled {
		if err := e.takeOverName(c, v, service); err != nil {
			return err
		}
	}
	if err := e.addGroups(c, in.SecurityGroupIds); err != nil {
		return err
	}
	if len(e.Groups) == 0 {
		g, _, err := groupByName(c, v.ID, defaultGroupName)
		if err != nil {
			return err
		}
		e.Groups = []groupName{{g.ID, g.Name}}
	}
	if err := e.addSubnets(c, in.SubnetIds); err != nil {
		return err
	}
	if err := endpointOwners.Put(c.Tx, nobodys(c.Region), e.ID, c.Account); err != nil {
		return err
	}
	return c.Schedule(endpointUpTask, e.ID, endpointTime, e.ID)
}

// takeOverName gives the endpoint its service's public name within the VPC.
func (e *vpcEndpoint) takeOverName(c *api.Call, v vpc, service endpointService) error {
	if v.NoDNSSupport || !v.DNSHostnames {
		return invalidEndpoint("Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for %s", v.ID)
	}
	same, err := endpointsOf(c, func(o vpcEndpoint) bool {
		return o.VPC == e.VPC && o.Service == e.Service && o.PrivateDNS && o.ID != e.ID
	})
	if err != nil {
		return err
	}
	if len(same) > 0 {
		return invalidEndpoint("private-dns-enabled cannot be set because there is already a conflicting DNS domain for %s in the VPC %s", service.privateName(), v.ID)
	}
	e.PrivateDNS = true
	return nil
}

func (e *vpcEndpoint) addGroups(c *api.Call, ids []string) error {
	for _, id := range ids {
		g, err := groups.get(c, id)
		if err != nil {
			return err
		}
		if g.VPC != e.VPC {
			return invalidEndpoint("Security group %s and VPC %s belong to different networks.", g.ID, e.VPC)
		}
		if name := (groupName{g.ID, g.Name}); !slices.Contains(e.Groups, name) {
			e.Groups = append(e.Groups, name)
		}
	}
	if len(e.Groups) > maxGroups {
		return api.Error("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	return nil
}

// addSubnets makes an interface in each subnet: one a zone.
func (e *vpcEndpoint) addSubnets(c *api.Call, ids []string) error {
	for _, id := range ids {
		n, err := subnets.get(c, id)
		if err != nil {
			return err
		}
		if n.VPC != e.VPC {
			return invalidEndpoint("Subnet %s and VPC %s belong to different networks.", n.ID, e.VPC)
		}
		if slices.ContainsFunc(e.Attachments, func(a endpointSubnet) bool { return a.Subnet == id }) {
			continue
		}
		if slices.ContainsFunc(e.Attachments, func(a endpointSubnet) bool { return a.Zone == n.Zone }) {
			return api.Error("DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of "+id)
		}
		address, err := n.allocate(c)
		if err != nil {
			return err
		}
		made := networkInterface{
			ID: c.NewID("eni-"), Subnet: n.ID, VPC: n.VPC, Zone: n.Zone, MAC: newMAC(c), PrivateIP: address.String(),
			Description: "VPC Endpoint Interface " + e.ID, Groups: e.Groups, Endpoint: e.ID,
			Attachment: c.NewID("ela-attach-"), AttachedAt: wholeSecond(c),
		}
		if err := interfaceTable.Put(c.Tx, c.Scope(), made.ID, made); err != nil {
			return err
		}
		e.Attachments = append(e.Attachments, endpointSubnet{n.ID, n.Zone, made.ID})
	}
	return nil
}
