package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (w *world) acls(filters ...types.Filter) []types.NetworkAcl {
	w.t.Helper()
	return must[ec2.DescribeNetworkAclsOutput](w, "DescribeNetworkAcls", &ec2.DescribeNetworkAclsInput{Filters: filters}).NetworkAcls
}

func TestNetworkACLs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.network("10.0.0.0/16", "10.0.1.0/24")
	own := w.acls(filter("vpc-id", n.vpc), filter("default", "true"))
	if len(own) != 1 || len(own[0].Entries) != 4 || len(own[0].Associations) != 1 || *own[0].Associations[0].SubnetId != n.subnet {
		t.Fatalf("the VPC's own list is %+v", own)
	}
	if e := own[0].Entries[0]; !*e.Egress || *e.RuleNumber != 100 || e.RuleAction != types.RuleActionAllow || *own[0].Entries[3].RuleNumber != 32767 {
		t.Errorf("entries %+v", own[0].Entries)
	}
	made := *must[ec2.CreateNetworkAclOutput](w, "CreateNetworkAcl", &ec2.CreateNetworkAclInput{VpcId: &n.vpc}).NetworkAcl.NetworkAclId
	entry := &ec2.CreateNetworkAclEntryInput{
		NetworkAclId: &made, RuleNumber: aws.Int32(10), Egress: aws.Bool(false), Protocol: aws.String("tcp"), RuleAction: types.RuleActionAllow,
		CidrBlock: aws.String("203.0.113.7/24"), PortRange: &types.PortRange{From: aws.Int32(22), To: aws.Int32(22)},
	}
	must[ec2.CreateNetworkAclEntryOutput](w, "CreateNetworkAclEntry", entry)
	w.refused("CreateNetworkAclEntry", entry, "NetworkAclEntryAlreadyExists", "The network acl entry identified by 10 already exists.")
	if got := w.acls(filter("entry.cidr", "203.0.113.0/24"), filter("entry.protocol", "6")); len(got) != 1 || *got[0].NetworkAclId != made {
		t.Errorf("the list is not found by its entry: %+v", got)
	}
	replaced := must[ec2.ReplaceNetworkAclAssociationOutput](w, "ReplaceNetworkAclAssociation", &ec2.ReplaceNetworkAclAssociationInput{
		AssociationId: own[0].Associations[0].NetworkAclAssociationId, NetworkAclId: &made,
	}).NewAssociationId
	if got := w.acls(filter("association.subnet-id", n.subnet)); len(got) != 1 || *got[0].NetworkAclId != made || *got[0].Associations[0].NetworkAclAssociationId != *replaced {
		t.Errorf("the subnet has %+v", got)
	}
	other := w.network("10.1.0.0/16", "10.1.1.0/24")
	foreign := w.acls(filter("association.subnet-id", other.subnet))[0].Associations[0].NetworkAclAssociationId
	for _, row := range []struct {
		operation     string
		in            any
		code, message string
	}{
		{"DeleteNetworkAcl", &ec2.DeleteNetworkAclInput{NetworkAclId: &made}, "DependencyViolation", "The networkAcl '" + made + "' has dependencies and cannot be deleted."},
		{"DeleteNetworkAcl", &ec2.DeleteNetworkAclInput{NetworkAclId: own[0].NetworkAclId}, "InvalidParameterValue", "cannot delete default network ACL " + *own[0].NetworkAclId},
		{"DeleteVpc", &ec2.DeleteVpcInput{VpcId: &n.vpc}, "DependencyViolation", "has dependencies"},
		{"DeleteNetworkAclEntry", &ec2.DeleteNetworkAclEntryInput{NetworkAclId: &made, RuleNumber: aws.Int32(11), Egress: aws.Bool(false)}, "InvalidNetworkAclEntry.NotFound", "rule number 11"},
		{"DeleteNetworkAclEntry", &ec2.DeleteNetworkAclEntryInput{NetworkAclId: &made, RuleNumber: aws.Int32(32767), Egress: aws.Bool(false)}, "InvalidParameterValue", "32767"},
		{"ReplaceNetworkAclAssociation", &ec2.ReplaceNetworkAclAssociationInput{AssociationId: foreign, NetworkAclId: &made}, "InvalidParameterValue", "belong to different networks"},
		{"ReplaceNetworkAclAssociation", &ec2.ReplaceNetworkAclAssociationInput{AssociationId: aws.String("aclassoc-0123456789abcdef0"), NetworkAclId: &made}, "InvalidAssociationID.NotFound", "The association ID 'aclassoc-0123456789abcdef0' does not exist"},
		{"CreateNetworkAclEntry", &ec2.CreateNetworkAclEntryInput{NetworkAclId: &made, RuleNumber: aws.Int32(12), Egress: aws.Bool(true), Protocol: aws.String("17"), RuleAction: types.RuleActionDeny, CidrBlock: aws.String("0.0.0.0/0")}, "InvalidParameterValue", "Must specify both from and to ports with TCP/UDP."},
		{"DescribeNetworkAcls", &ec2.DescribeNetworkAclsInput{NetworkAclIds: []string{"acl-0123456789abcdef0"}}, "InvalidNetworkAclID.NotFound", "The networkAcl ID 'acl-0123456789abcdef0' does not exist"},
	} {
		w.refused(row.operation, row.in, row.code, row.message)
	}
	must[ec2.ReplaceNetworkAclEntryOutput](w, "ReplaceNetworkAclEntry", &ec2.ReplaceNetworkAclEntryInput{
		NetworkAclId: &made, RuleNumber: aws.Int32(10), Egress: aws.Bool(false), Protocol: aws.String("-1"), RuleAction: types.RuleActionDeny, CidrBlock: aws.String("0.0.0.0/0"),
	})
	must[ec2.DeleteNetworkAclEntryOutput](w, "DeleteNetworkAclEntry", &ec2.DeleteNetworkAclEntryInput{NetworkAclId: &made, RuleNumber: aws.Int32(10), Egress: aws.Bool(false)})
	must[ec2.ReplaceNetworkAclAssociationOutput](w, "ReplaceNetworkAclAssociation", &ec2.ReplaceNetworkAclAssociationInput{AssociationId: replaced, NetworkAclId: own[0].NetworkAclId})
	must[ec2.DeleteNetworkAclOutput](w, "DeleteNetworkAcl", &ec2.DeleteNetworkAclInput{NetworkAclId: &made})
}

func TestDHCPOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sets := must[ec2.DescribeDhcpOptionsOutput](w, "DescribeDhcpOptions", &ec2.DescribeDhcpOptionsInput{}).DhcpOptions
	if len(sets) != 1 || *sets[0].DhcpConfigurations[0].Values[0].Value != "ec2.internal" || *sets[0].DhcpConfigurations[1].Values[0].Value != "AmazonProvidedDNS" {
		t.Fatalf("sets %+v", sets)
	}
	vpc := *must[ec2.CreateVpcOutput](w, "CreateVpc", &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}).Vpc.VpcId
	made := *must[ec2.CreateDhcpOptionsOutput](w, "CreateDhcpOptions", &ec2.CreateDhcpOptionsInput{DhcpConfigurations: []types.NewDhcpConfiguration{
		{Key: aws.String("domain-name-servers"), Values: []string{"10.0.0.2", "AmazonProvidedDNS"}},
	}}).DhcpOptions.DhcpOptionsId
	associate := &ec2.AssociateDhcpOptionsInput{DhcpOptionsId: &made, VpcId: &vpc}
	must[ec2.AssociateDhcpOptionsOutput](w, "AssociateDhcpOptions", associate)
	w.refused("DeleteDhcpOptions", &ec2.DeleteDhcpOptionsInput{DhcpOptionsId: &made}, "DependencyViolation", "The dhcpOptions '"+made+"' has dependencies and cannot be deleted.")
	associate.DhcpOptionsId = aws.String("default")
	must[ec2.AssociateDhcpOptionsOutput](w, "AssociateDhcpOptions", associate)
	if got := *must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{VpcIds: []string{vpc}}).Vpcs[0].DhcpOptionsId; got != "default" {
		t.Errorf("the VPC has %s", got)
	}
	must[ec2.DeleteDhcpOptionsOutput](w, "DeleteDhcpOptions", &ec2.DeleteDhcpOptionsInput{DhcpOptionsId: &made})
	w.refused("DeleteDhcpOptions", &ec2.DeleteDhcpOptionsInput{DhcpOptionsId: &made}, "InvalidDhcpOptionID.NotFound", made)
	w.refused("CreateDhcpOptions", &ec2.CreateDhcpOptionsInput{DhcpConfigurations: []types.NewDhcpConfiguration{{Key: aws.String("domain"), Values: []string{"x"}}}}, "InvalidParameterValue", "domain")
}

func TestFurtherBlocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vpc := *must[ec2.CreateVpcOutput](w, "CreateVpc", &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}).Vpc.VpcId
	associate := func(block string) *ec2.AssociateVpcCidrBlockInput {
		return &ec2.AssociateVpcCidrBlockInput{VpcId: &vpc, CidrBlock: &block}
	}
	w.refused("AssociateVpcCidrBlock", associate("10.0.128.0/20"), "CidrConflict", "10.0.128.0/20")
	w.refused("AssociateVpcCidrBlock", associate("192.168.0.0/16"), "InvalidVpc.Range", "The CIDR '192.168.0.0/16' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or use a publicly-routable CIDR.")
	added := must[ec2.AssociateVpcCidrBlockOutput](w, "AssociateVpcCidrBlock", associate("10.1.0.0/16")).CidrBlockAssociation
	subnet := must[ec2.CreateSubnetOutput](w, "CreateSubnet", &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.1.1.0/24")}).Subnet.SubnetId
	routes := must[ec2.DescribeRouteTablesOutput](w, "DescribeRouteTables", &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter("route.destination-cidr-block", "10.1.0.0/16")}}).RouteTables
	if len(routes) != 1 || len(routes[0].Routes) != 2 {
		t.Errorf("the new block is not local: %+v", routes)
	}
	w.refused("DisassociateVpcCidrBlock", &ec2.DisassociateVpcCidrBlockInput{AssociationId: added.AssociationId}, "InvalidCidrBlock.InUse", "10.1.0.0/16")
	must[ec2.DeleteSubnetOutput](w, "DeleteSubnet", &ec2.DeleteSubnetInput{SubnetId: subnet})
	must[ec2.DisassociateVpcCidrBlockOutput](w, "DisassociateVpcCidrBlock", &ec2.DisassociateVpcCidrBlockInput{AssociationId: added.AssociationId})
	first := must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{VpcIds: []string{vpc}}).Vpcs[0].CidrBlockAssociationSet
	if len(first) != 1 {
		t.Errorf("blocks %+v", first)
	}
	w.refused("DisassociateVpcCidrBlock", &ec2.DisassociateVpcCidrBlockInput{AssociationId: first[0].AssociationId}, "OperationNotPermitted", "It is the primary IPv4 CIDR block of the VPC")
}

func TestDefaultSubnetIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.subnetOf(testZone)
	in := &ec2.CreateDefaultSubnetInput{AvailabilityZone: aws.String(testZone)}
	w.refused("CreateDefaultSubnet", in, "DefaultSubnetAlreadyExistsInAvailabilityZone", "'"+old+"' is already the default subnet in us-east-1a.")
	must[ec2.DeleteSubnetOutput](w, "DeleteSubnet", &ec2.DeleteSubnetInput{SubnetId: &old})
	made := must[ec2.CreateDefaultSubnetOutput](w, "CreateDefaultSubnet", in).Subnet
	if !*made.DefaultForAz || !*made.MapPublicIpOnLaunch || *made.SubnetId == old {
		t.Errorf("the new one is %+v", made)
	}
}
