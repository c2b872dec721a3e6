package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func modifyEndpointNeeds(c *api.Call, in *ec2.ModifyVpcEndpointInput) ([]api.Need, error) {
	const action = "ModifyVpcEndpoint"
	n, err := existingNeed(c, action, types.ResourceTypeVpcEndpoint, aws.ToString(in.VpcEndpointId))
	if err != nil {
		return nil, err
	}
	n.Context.Set("ec2:VpceServiceRegion", c.Region)
	n.Context.Set("ec2:VpceMultiRegion", boolKey(false))
	parts, err := endpointPartNeeds(c, action, endpointParts{
		slices.Concat(in.AddRouteTableIds, in.RemoveRouteTableIds),
		slices.Concat(in.AddSecurityGroupIds, in.RemoveSecurityGroupIds),
		slices.Concat(in.AddSubnetIds, in.RemoveSubnetIds),
	})
	return append([]api.Need{n}, parts...), err
}

func deleteEndpointsNeeds(c *api.Call, in *ec2.DeleteVpcEndpointsInput) ([]api.Need, error) {
	var needs []api.Need
	for _, id := range in.VpcEndpointIds {
		n, err := existingNeed(c, "DeleteVpcEndpoints", types.ResourceTypeVpcEndpoint, id)
		if err != nil {
			return nil, err
		}
		n.Context.Set("ec2:VpceServiceRegion", c.Region)
		n.Context.Set("ec2:VpceMultiRegion", boolKey(false))
		if e, err := vpcEndpoints.get(c, id); err == nil {
			n.Context.Set("ec2:VpceServiceName", e.Service)
		}
		needs = append(needs, n)
	}
	if len(needs) == 0 {
		return nil, missingParameter("VpcEndpointId")
	}
	return needs, nil
}

func (s *Service) modifyVpcEndpoint(c *api.Call, in *ec2.ModifyVpcEndpointInput) (*ec2.ModifyVpcEndpointOutput, error) {
	e, err := vpcEndpoints.get(c, aws.ToString(in.VpcEndpointId))
	if err != nil {
		return nil, err
	}
	for name, asked := range map[string]bool{
		"DnsOptions": unbuiltDNS(in.DnsOptions), "SubnetConfigurations": len(in.SubnetConfigurations) > 0,
		"IpAddressType": in.IpAddressType != "" && in.IpAddressType != types.IpAddressTypeIpv4,
	} {
		if asked {
			return nil, notBuilt(name)
		}
	}
	if e.State != endpointAvailable {
		return nil, incorrectState("The VPC endpoint %s is in the state %s and cannot be modified.", e.ID, e.State)
	}
	if err := e.changePolicy(in); err != nil {
		return nil, err
	}
	if e.Gateway {
		err = e.changeGateway(c, in)
	} else {
		err = s.changeInterface(c, &e, in)
	}
	if err != nil {
		return nil, err
	}
	return &ec2.ModifyVpcEndpointOutput{Return: aws.Bool(true)}, e.put(c)
}

func (e *vpcEndpoint) changePolicy(in *ec2.ModifyVpcEndpointInput) error {
	reset, given := aws.ToBool(in.ResetPolicy), aws.ToString(in.PolicyDocument) != ""
	switch {
	case reset && given:
		return invalidCombination("The parameters PolicyDocument and ResetPolicy cannot be used together")
	case reset:
		e.Policy = defaultEndpointPolicy(e.Gateway)
	case given:
		e.Policy = *in.PolicyDocument
		return checkEndpointPolicy(e.Policy)
	}
	return nil
}

func (e *vpcEndpoint) changeGateway(c *api.Call, in *ec2.ModifyVpcEndpointInput) error {
	for name, given := range map[string]bool{
		"PrivateDnsEnabled": aws.ToBool(in.PrivateDnsEnabled), "SecurityGroupIds": len(in.AddSecurityGroupIds)+len(in.RemoveSecurityGroupIds) > 0,
		"SubnetIds": len(in.AddSubnetIds)+len(in.RemoveSubnetIds) > 0,
	} {
		if given {
			return invalidEndpoint("%s is applicable only to Interface VPC Endpoints.", name)
		}
	}
	for _, id := range in.RemoveRouteTableIds {
		if _, err := routeTables.get(c, id); err != nil {
			return err
		}
	}
	e.RouteTables = slices.DeleteFunc(e.RouteTables, func(id string) bool { return slices.Contains(in.RemoveRouteTableIds, id) })
	return e.addRouteTables(c, in.AddRouteTableIds)
}

func (s *Service) changeInterface(c *api.Call, e *vpcEndpoint, in *ec2.ModifyVpcEndpointInput) error {
	if len(in.AddRouteTableIds)+len(in.RemoveRouteTableIds) > 0 {
		return invalidEndpoint("RouteTableIds is applicable only to Gateway VPC Endpoints.")
	}
	if err := e.changeGroups(c, in); err != nil {
		return err
	}
	for _, id := range in.RemoveSubnetIds {
		i := slices.IndexFunc(e.Attachments, func(a endpointSubnet) bool { return a.Subnet == id })
		if i < 0 {
			return invalidEndpoint("Subnet %s is not associated with the VPC endpoint %s.", id, e.ID)
		}
		if err := interfaceTable.Delete(c.Tx, c.Scope(), e.Attachments[i].Interface); err != nil {
			return err
		}
		e.Attachments = slices.Delete(e.Attachments, i, i+1)
	}
	if err := e.addSubnets(c, in.AddSubnetIds); err != nil {
		return err
	}
	switch on := in.PrivateDnsEnabled; {
	case on != nil && !*on:
		e.PrivateDNS = false
	case on != nil && !e.PrivateDNS:
		v, err := vpcs.get(c, e.VPC)
		if err != nil {
			return err
		}
		service, _, _ := endpointServiceNamed(c.Region, e.Service, false)
		return e.takeOverName(c, v, service)
	}
	return nil
}

// changeGroups changes the groups of all of the endpoint's interfaces.
func (e *vpcEndpoint) changeGroups(c *api.Call, in *ec2.ModifyVpcEndpointInput) error {
	if len(in.AddSecurityGroupIds)+len(in.RemoveSecurityGroupIds) == 0 {
		return nil
	}
	e.Groups = slices.DeleteFunc(slices.Clone(e.Groups), func(g groupName) bool { return slices.Contains(in.RemoveSecurityGroupIds, g.ID) })
	if err := e.addGroups(c, in.AddSecurityGroupIds); err != nil {
		return err
	}
	if len(e.Groups) == 0 {
		return invalidEndpoint("At least one security group must be specified for the VPC endpoint %s.", e.ID)
	}
	for _, a := range e.Attachments {
		n, err := interfaceTable.Get(c.Tx, c.Scope(), a.Interface)
		if err != nil {
			return err
		}
		n.Groups = e.Groups
		if err := interfaceTable.Put(c.Tx, c.Scope(), n.ID, n); err != nil {
			return err
		}
	}
	return nil
}

// deleteVpcEndpoints begins the end of endpoints. What cannot be deleted is told
// beside what is.
func (s *Service) deleteVpcEndpoints(c *api.Call, in *ec2.DeleteVpcEndpointsInput) (*ec2.DeleteVpcEndpointsOutput, error) {
	out := &ec2.DeleteVpcEndpointsOutput{Unsuccessful: []types.UnsuccessfulItem{}}
	for _, id := range in.VpcEndpointIds {
		if err := vpcEndpoints.kind.check(id); err != nil {
			return nil, err
		}
		e, err := vpcEndpoints.get(c, id)
		if errorCode(err) != "" {
			// In a list of the unsuccessful the code is another than alone (EC2 API
			// reference, "Error codes for the Amazon EC2 API").
			out.Unsuccessful = append(out.Unsuccessful, types.UnsuccessfulItem{ResourceId: aws.String(id), Error: &types.UnsuccessfulItemError{
				Code: aws.String("InvalidVpcEndpoint.NotFound"), Message: aws.String(errorMessage(err)),
			}})
			continue
		}
		if err != nil {
			return nil, err
		}
		if e.State == endpointDeleting {
			continue
		}
		// A gateway's routes go at once.
		e.State, e.RouteTables = endpointDeleting, nil
		if err := e.put(c); err != nil {
			return nil, err
		}
		if err := c.Schedule(endpointDownTask, e.ID, endpointTime, e.ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// forgetEndpoint ends an endpoint with its interfaces.
func forgetEndpoint(c *api.Call, e vpcEndpoint) error {
	for _, a := range e.Attachments {
		if err := interfaceTable.Delete(c.Tx, c.Scope(), a.Interface); err != nil {
			return err
		}
		if err := putTags(c, string(types.ResourceTypeNetworkInterface), a.Interface, nil); err != nil {
			return err
		}
	}
	if !e.Gateway {
		if err := endpointOwners.Delete(c.Tx, nobodys(c.Region), e.ID); err != nil {
			return err
		}
	}
	return deleteRow(c, vpcEndpoints, types.ResourceTypeVpcEndpoint, e.ID)
}
