package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// maxGateways is AWS's default quota "Internet gateways per Region", which
// follows the VPCs' (VPC guide, "Amazon VPC quotas").
const maxGateways = maxVPCs

func (s *Service) gatewayOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateInternetGateway", func(c *api.Call, in *ec2.CreateInternetGatewayInput) ([]api.Need, error) {
			n := need(c, "CreateInternetGateway", types.ResourceTypeInternetGateway, "*")
			setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeInternetGateway))
			return append([]api.Need{n}, tagNeeds(c, "CreateInternetGateway", in.TagSpecifications)...), nil
		}, s.createInternetGateway),
		api.Op("AttachInternetGateway", func(c *api.Call, in *ec2.AttachInternetGatewayInput) ([]api.Need, error) {
			return gatewayNeeds(c, "AttachInternetGateway", in.InternetGatewayId, in.VpcId)
		}, s.attachInternetGateway),
		api.Op("DetachInternetGateway", func(c *api.Call, in *ec2.DetachInternetGatewayInput) ([]api.Need, error) {
			return gatewayNeeds(c, "DetachInternetGateway", in.InternetGatewayId, in.VpcId)
		}, s.detachInternetGateway),
		api.Op("DeleteInternetGateway", func(c *api.Call, in *ec2.DeleteInternetGatewayInput) ([]api.Need, error) {
			return gatewayNeeds(c, "DeleteInternetGateway", in.InternetGatewayId, nil)
		}, s.deleteInternetGateway),
	}
}

// gatewayNeeds are those on a gateway, and on a VPC where one is named.
func gatewayNeeds(c *api.Call, action string, id, network *string) ([]api.Need, error) {
	n, err := existingNeed(c, action, types.ResourceTypeInternetGateway, aws.ToString(id))
	if err != nil {
		return nil, err
	}
	n.Context.Set("ec2:InternetGatewayID", aws.ToString(id))
	if network == nil {
		return []api.Need{n}, nil
	}
	v, err := vpcNeed(c, action, *network)
	return []api.Need{n, v}, err
}

func (s *Service) createInternetGateway(c *api.Call, in *ec2.CreateInternetGatewayInput) (*ec2.CreateInternetGatewayOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeInternetGateway))
	if err != nil {
		return nil, err
	}
	if err := room(gatewayTable.All(c.Tx, c.Scope()), maxGateways, api.Error("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")); err != nil {
		return nil, err
	}
	g := internetGateway{ID: c.NewID("igw-")}
	if err := gatewayTable.Put(c.Tx, c.Scope(), g.ID, g); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeInternetGateway), g.ID, tags); err != nil {
		return nil, err
	}
	d := g.describe(c, tags)
	return &ec2.CreateInternetGatewayOutput{InternetGateway: &d}, nil
}

func (s *Service) gatewayAndVPC(c *api.Call, id, network *string) (internetGateway, vpc, error) {
	v, err := s.vpcOrDefault(c, aws.String(aws.ToString(network)))
	if err != nil {
		return internetGateway{}, v, err
	}
	g, err := gateways.get(c, aws.ToString(id))
	return g, v, err
}

func (s *Service) attachInternetGateway(c *api.Call, in *ec2.AttachInternetGatewayInput) (*ec2.AttachInternetGatewayOutput, error) {
	g, v, err := s.gatewayAndVPC(c, in.InternetGatewayId, in.VpcId)
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, api.Error("Resource.AlreadyAssociated", "resource "+g.ID+" is already attached to network "+g.VPC)
	}
	for other, err := range gatewayTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if other.VPC == v.ID {
			return nil, invalidValue("Network %s already has an internet gateway attached", v.ID)
		}
	}
	g.VPC = v.ID
	return &ec2.AttachInternetGatewayOutput{}, gatewayTable.Put(c.Tx, c.Scope(), g.ID, g)
}

func (s *Service) detachInternetGateway(c *api.Call, in *ec2.DetachInternetGatewayInput) (*ec2.DetachInternetGatewayOutput, error) {
	g, v, err := s.gatewayAndVPC(c, in.InternetGatewayId, in.VpcId)
	if err != nil {
		return nil, err
	}
	if g.VPC != v.ID {
		return nil, api.Error("Gateway.NotAttached", "resource "+g.ID+" is not attached to network "+v.ID)
	}
	for n, err := range interfaceTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if n.VPC == v.ID && len(n.publics()) > 0 {
			return nil, api.Error("DependencyViolation", "Network "+v.ID+" has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.")
		}
	}
	g.VPC = ""
	return &ec2.DetachInternetGatewayOutput{}, gatewayTable.Put(c.Tx, c.Scope(), g.ID, g)
}

func (s *Service) deleteInternetGateway(c *api.Call, in *ec2.DeleteInternetGatewayInput) (*ec2.DeleteInternetGatewayOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	g, err := gateways.get(c, aws.ToString(in.InternetGatewayId))
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, api.Error("DependencyViolation", "The internetGateway '"+g.ID+"' has dependencies and cannot be deleted.")
	}
	return &ec2.DeleteInternetGatewayOutput{}, deleteRow(c, gateways, types.ResourceTypeInternetGateway, g.ID)
}
