package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// EC2-Classic is retired, but tools still ask whether a VPC is linked to it (EC2
// guide, "EC2-Classic"). None is.

func (s *Service) classicLinkOperations() []api.Operation {
	return []api.Operation{
		api.Read("DescribeVpcClassicLink", anywhere[ec2.DescribeVpcClassicLinkInput]("DescribeVpcClassicLink"), s.describeVpcClassicLink),
		api.Read("DescribeVpcClassicLinkDnsSupport", anywhere[ec2.DescribeVpcClassicLinkDnsSupportInput]("DescribeVpcClassicLinkDnsSupport"), s.describeVpcClassicLinkDNS),
	}
}

func (s *Service) describeVpcClassicLink(c *api.Call, in *ec2.DescribeVpcClassicLinkInput) (*ec2.DescribeVpcClassicLinkOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	l := vpcs
	l.filters = filterTable[vpc]{"is-classic-link-enabled": func(vpc) []string { return flag(false) }}
	found, _, err := l.find(c, query{ids: in.VpcIds, filters: in.Filters})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcClassicLinkOutput{Vpcs: []types.VpcClassicLink{}}
	for _, v := range found {
		out.Vpcs = append(out.Vpcs, types.VpcClassicLink{VpcId: aws.String(v.row.ID), ClassicLinkEnabled: aws.Bool(false), Tags: describeTags(v.tags)})
	}
	return out, nil
}

func (s *Service) describeVpcClassicLinkDNS(c *api.Call, in *ec2.DescribeVpcClassicLinkDnsSupportInput) (*ec2.DescribeVpcClassicLinkDnsSupportOutput, error) {
	if err := s.ensureNetwork(c); err != nil {
		return nil, err
	}
	found, next, err := vpcs.find(c, query{in.VpcIds, nil, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcClassicLinkDnsSupportOutput{Vpcs: []types.ClassicLinkDnsSupport{}, NextToken: next}
	for _, v := range found {
		out.Vpcs = append(out.Vpcs, types.ClassicLinkDnsSupport{VpcId: aws.String(v.row.ID), ClassicLinkDnsSupported: aws.Bool(false)})
	}
	return out, nil
}
