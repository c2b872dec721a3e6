package ec2

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// vpcBlock is a further address block of a VPC.
type vpcBlock struct {
	CIDR, Association string
}

// maxBlocks is AWS's default quota "IPv4 CIDR blocks per VPC" (VPC guide, "Amazon
// VPC quotas").
const maxBlocks = 5

// blocks are all of the VPC's, the primary one first.
func (v vpc) blocks() []vpcBlock {
	return append([]vpcBlock{{v.CIDR, v.Association}}, v.More...)
}

// cidrs are the blocks as text.
func (v vpc) cidrs() []string {
	var out []string
	for _, b := range v.blocks() {
		out = append(out, b.CIDR)
	}
	return out
}

// holds reports whether a block lies within one of the VPC's.
func (v vpc) holds(block netip.Prefix) bool {
	return slices.ContainsFunc(v.cidrs(), func(text string) bool {
		whole := netip.MustParsePrefix(text)
		return whole.Contains(block.Addr()) && block.Bits() >= whole.Bits()
	})
}

func (b vpcBlock) describe(state types.VpcCidrBlockStateCode) *types.VpcCidrBlockAssociation {
	return &types.VpcCidrBlockAssociation{
		AssociationId: aws.String(b.Association), CidrBlock: aws.String(b.CIDR), CidrBlockState: &types.VpcCidrBlockState{State: state},
	}
}

func (s *Service) cidrOperations() []api.Operation {
	return []api.Operation{
		api.Op("AssociateVpcCidrBlock", onVPC("AssociateVpcCidrBlock", func(in *ec2.AssociateVpcCidrBlockInput) *string { return in.VpcId }), s.associateVpcCidrBlock),
		api.Op("DisassociateVpcCidrBlock", func(c *api.Call, in *ec2.DisassociateVpcCidrBlockInput) ([]api.Need, error) {
			v, _, err := vpcOfBlock(c, aws.ToString(in.AssociationId))
			if err != nil && errorCode(err) == "" {
				return nil, err
			}
			n, err := vpcNeed(c, "DisassociateVpcCidrBlock", either(v.ID, "*"))
			return []api.Need{n}, err
		}, s.disassociateVpcCidrBlock),
	}
}

// vpcOfBlock finds a VPC by the association of one of its blocks.
func vpcOfBlock(c *api.Call, association string) (vpc, vpcBlock, error) {
	for v, err := range vpcTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return v, vpcBlock{}, err
		}
		for _, b := range v.blocks() {
			if b.Association == association {
				return v, b, nil
			}
		}
	}
	return vpc{}, vpcBlock{}, api.Error("InvalidVpcCidrBlockAssociationIdError.NotFound", "The vpc CIDR block association ID '"+association+"' does not exist")
}

func (s *Service) associateVpcCidrBlock(c *api.Call, in *ec2.AssociateVpcCidrBlockInput) (*ec2.AssociateVpcCidrBlockOutput, error) {
	if err := refuseUnbuiltBlock(in); err != nil {
		return nil, err
	}
	v, err := s.vpcOrDefault(c, aws.String(aws.ToString(in.VpcId)))
	if err != nil {
		return nil, err
	}
	if in.CidrBlock == nil {
		return nil, missingParameter("cidrBlock")
	}
	block, err := parseBlock("cidrBlock", *in.CidrBlock, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	if err := v.admits(block); err != nil {
		return nil, err
	}
	added := vpcBlock{block.String(), c.NewID("vpc-cidr-assoc-")}
	v.More = append(v.More, added)
	return &ec2.AssociateVpcCidrBlockOutput{
		VpcId: aws.String(v.ID), CidrBlockAssociation: added.describe(types.VpcCidrBlockStateCodeAssociating),
	}, vpcTable.Put(c.Tx, c.Scope(), v.ID, v)
}

// privateRanges are the ranges of RFC 1918, which one VPC does not mix.
var privateRanges = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
}

// admits refuses a block that the VPC cannot have besides its others (VPC guide,
// "IPv4 CIDR block association restrictions").
func (v vpc) admits(block netip.Prefix) error {
	if len(v.blocks()) >= maxBlocks {
		return api.Error("CidrLimitExceeded", fmt.Sprintf("This network '%s' has met its maximum number of allowed CIDRs: %d", v.ID, maxBlocks))
	}
	for _, text := range v.cidrs() {
		if netip.MustParsePrefix(text).Overlaps(block) {
			// The code is documented, the sentence is not.
			return api.Error("CidrConflict", fmt.Sprintf("The CIDR '%s' conflicts with another CIDR of the VPC '%s'.", block, v.ID))
		}
	}
	range1918 := func(p netip.Prefix) int {
		return slices.IndexFunc(privateRanges, func(r netip.Prefix) bool { return r.Contains(p.Addr()) })
	}
	if own, asked := range1918(netip.MustParsePrefix(v.CIDR)), range1918(block); own != asked && asked >= 0 {
		return api.Error("InvalidVpc.Range", fmt.Sprintf("The CIDR '%s' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or use a publicly-routable CIDR.", block))
	}
	return nil
}

func (s *Service) disassociateVpcCidrBlock(c *api.Call, in *ec2.DisassociateVpcCidrBlockInput) (*ec2.DisassociateVpcCidrBlockOutput, error) {
	v, b, err := vpcOfBlock(c, aws.ToString(in.AssociationId))
	if err != nil {
		return nil, err
	}
	if b.Association == v.Association {
		return nil, notPermitted("The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the VPC", b.Association)
	}
	whole := netip.MustParsePrefix(b.CIDR)
	for n, err := range subnetTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if n.VPC == v.ID && whole.Overlaps(n.prefix()) {
			// A sentence without a source.
			return nil, api.Error("InvalidCidrBlock.InUse", fmt.Sprintf("The vpc CIDR block '%s' is in use by the subnet '%s'.", b.CIDR, n.ID))
		}
	}
	v.More = slices.DeleteFunc(slices.Clone(v.More), func(o vpcBlock) bool { return o == b })
	return &ec2.DisassociateVpcCidrBlockOutput{
		VpcId: aws.String(v.ID), CidrBlockAssociation: b.describe(types.VpcCidrBlockStateCodeDisassociating),
	}, vpcTable.Put(c.Tx, c.Scope(), v.ID, v)
}
