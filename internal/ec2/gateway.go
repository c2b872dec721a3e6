package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// internetGateway connects a VPC to the internet.
type internetGateway struct {
	ID, VPC string
}

var gatewayTable = store.NewTable[internetGateway]("ec2.internetgateway")

var gateways = listing[internetGateway]{
	table: gatewayTable,
	kind: identifier{
		prefix:    "igw-",
		malformed: "InvalidInternetGatewayId.Malformed", malformedText: `Invalid id: "%s" (expecting "igw-...")`,
		missing: "InvalidInternetGatewayID.NotFound", missingText: "The internetGateway ID '%s' does not exist",
	},
	id:    func(g internetGateway) string { return g.ID },
	pages: pageRule{least: 5, most: 1000, ids: "InternetGatewayIds"},
	filters: filterTable[internetGateway]{
		"attachment.state":    func(internetGateway) []string { return some("available") },
		"attachment.vpc-id":   func(g internetGateway) []string { return some(g.VPC) },
		"internet-gateway-id": func(g internetGateway) []string { return some(g.ID) },
	},
}

func putDefaultGateway(c *api.Call, v vpc) error {
	g := internetGateway{ID: defaultID(c, "igw-", ""), VPC: v.ID}
	return gatewayTable.Put(c.Tx, c.Scope(), g.ID, g)
}

func (g internetGateway) describe(c *api.Call, tags map[string]string) types.InternetGateway {
	return types.InternetGateway{
		InternetGatewayId: aws.String(g.ID), OwnerId: aws.String(c.Account), Tags: answeredTags(describeTags(tags)),
		// An attached gateway says "available", a word that the SDK's enum of
		// attachment states does not have.
		Attachments: []types.InternetGatewayAttachment{{VpcId: aws.String(g.VPC), State: "available"}},
	}
}

func (s *Service) describeInternetGateways(c *api.Call, in *ec2.DescribeInternetGatewaysInput) (*ec2.DescribeInternetGatewaysOutput, error) {
	if _, err := s.defaultVPC(c); err != nil {
		return nil, err
	}
	found, next, err := gateways.owned(c).find(c, query{in.InternetGatewayIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInternetGatewaysOutput{InternetGateways: []types.InternetGateway{}, NextToken: next}
	for _, g := range found {
		out.InternetGateways = append(out.InternetGateways, g.row.describe(c, g.tags))
	}
	return out, nil
}
