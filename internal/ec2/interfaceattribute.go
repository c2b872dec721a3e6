package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) modifyInterfaceNeeds(c *api.Call, in *ec2.ModifyNetworkInterfaceAttributeInput) ([]api.Need, error) {
	n, err := interfaceNeed(c, "ModifyNetworkInterfaceAttribute", aws.ToString(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	for name, asked := range map[string]bool{
		"Attachment": in.Attachment != nil, "Description": in.Description != nil, "GroupSet": len(in.Groups) > 0, "SourceDestCheck": in.SourceDestCheck != nil,
	} {
		if asked {
			n.Context.Set("ec2:Attribute", name)
		}
	}
	groups, err := securityGroupNeeds(c, "ModifyNetworkInterfaceAttribute", in.Groups)
	return append([]api.Need{n}, groups...), err
}

func (s *Service) modifyNetworkInterfaceAttribute(c *api.Call, in *ec2.ModifyNetworkInterfaceAttributeInput) (*ec2.ModifyNetworkInterfaceAttributeOutput, error) {
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"AssociatePublicIpAddress", in.AssociatePublicIpAddress != nil},
		{"AssociatedSubnetIds", len(in.AssociatedSubnetIds) > 0},
		{"ConnectionTrackingSpecification", in.ConnectionTrackingSpecification != nil},
		{"EnablePrimaryIpv6", aws.ToBool(in.EnablePrimaryIpv6)},
		{"EnaSrdSpecification", in.EnaSrdSpecification != nil},
		{"Attachment.EnaQueueCount", in.Attachment != nil && (in.Attachment.EnaQueueCount != nil || in.Attachment.DefaultEnaQueueCount != nil)},
	} {
		if p.asked {
			return nil, notBuilt(p.name)
		}
	}
	n, err := interfaces.get(c, aws.ToString(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	if n.managed() {
		return nil, notPermitted("You do not have permission to modify the network interface '%s', which another service manages.", n.ID)
	}
	asked := 0
	for _, given := range []bool{in.Attachment != nil, in.Description != nil, len(in.Groups) > 0, in.SourceDestCheck != nil} {
		if given {
			asked++
		}
	}
	switch {
	case asked == 0:
		return nil, invalidCombination("No attributes specified.")
	case asked > 1:
		// One at a time (EC2 API reference, "ModifyNetworkInterfaceAttribute").
		return nil, invalidCombination("Fields for multiple attribute types specified")
	case in.Attachment != nil:
		if n.Attachment == "" || n.Attachment != aws.ToString(in.Attachment.AttachmentId) {
			return nil, api.Error("InvalidAttachmentID.NotFound", "The attachment ID '"+aws.ToString(in.Attachment.AttachmentId)+"' does not exist")
		}
		if v := in.Attachment.DeleteOnTermination; v != nil {
			n.DeleteOnTermination = *v
		}
	case in.Description != nil:
		n.Description = aws.ToString(in.Description.Value)
	case len(in.Groups) > 0:
		if n.Groups, err = s.groupsFor(c, in.Groups, nil, subnet{ID: n.Subnet, VPC: n.VPC}); err != nil {
			return nil, err
		}
	default:
		n.IgnoreAddressChecks = !aws.ToBool(in.SourceDestCheck.Value)
	}
	return &ec2.ModifyNetworkInterfaceAttributeOutput{}, n.put(c)
}

func (s *Service) describeNetworkInterfaceAttribute(c *api.Call, in *ec2.DescribeNetworkInterfaceAttributeInput) (*ec2.DescribeNetworkInterfaceAttributeOutput, error) {
	n, err := interfaces.get(c, aws.ToString(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkInterfaceAttributeOutput{NetworkInterfaceId: aws.String(n.ID)}
	switch in.Attribute {
	case types.NetworkInterfaceAttributeDescription:
		out.Description = &types.AttributeValue{Value: aws.String(n.Description)}
	case types.NetworkInterfaceAttributeGroupSet:
		out.Groups = describeGroups(n.Groups)
	case types.NetworkInterfaceAttributeSourceDestCheck:
		out.SourceDestCheck = boolAttribute(!n.IgnoreAddressChecks)
	case types.NetworkInterfaceAttributeAttachment:
		out.Attachment = n.describeAttachment(c)
	case types.NetworkInterfaceAttributeAssociatePublicIpAddress:
		out.AssociatePublicIpAddress = aws.Bool(n.WantsPublicIP)
	default:
		return nil, invalidValue("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

// resetNetworkInterfaceAttribute turns the source/destination check on again: no
// other attribute can be reset.
func (s *Service) resetNetworkInterfaceAttribute(c *api.Call, in *ec2.ResetNetworkInterfaceAttributeInput) (*ec2.ResetNetworkInterfaceAttributeOutput, error) {
	n, err := interfaces.get(c, aws.ToString(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	if in.SourceDestCheck == nil {
		return nil, invalidCombination("No attributes specified.")
	}
	n.IgnoreAddressChecks = false
	return &ec2.ResetNetworkInterfaceAttributeOutput{}, n.put(c)
}
