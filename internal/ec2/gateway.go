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
	ID  string
	VPC string // empty while it is attached to none
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
		"attachment.state": func(g internetGateway) []string {
			if g.VPC == "" {
				return nil
			}
			return some("available")
		},
		"attachment.vpc-id":   func(g internetGateway) []string { return some(g.VPC) },
		"internet-gateway-id": func(g internetGateway) []string { return some(g.ID) },
	},
}

func (g internetGateway) describe(c *api.Call, tags map[string]string) types.InternetGateway {
	d := types.InternetGateway{
		InternetGatewayId: aws.String(g.ID), OwnerId: aws.String(c.Account), Tags: answeredTags(describeTags(tags)),
		Attachments: []types.InternetGatewayAttachment{},
	}
	if g.VPC != "" {
		// An attached gateway says "available", a word that the SDK's enum of
		// attachment states does not have.
		d.Attachments = append(d.Attachments, types.InternetGatewayAttachment{VpcId: aws.String(g.VPC), State: "available"})
	}
	return d
}

func (s *Service) describeInternetGateways(c *api.Call, in *ec2.DescribeInternetGatewaysInput) (*ec2.DescribeInternetGatewaysOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
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
