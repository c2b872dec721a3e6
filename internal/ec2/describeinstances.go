package ec2

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// sortMappings puts the root device first, then by device name, as EC2 shows them.
func sortMappings(mappings []types.InstanceBlockDeviceMapping, root string) []types.InstanceBlockDeviceMapping {
	slices.SortFunc(mappings, func(a, b types.InstanceBlockDeviceMapping) int {
		if (*a.DeviceName == root) != (*b.DeviceName == root) {
			if *a.DeviceName == root {
				return -1
			}
			return 1
		}
		return cmp.Compare(*a.DeviceName, *b.DeviceName)
	})
	return mappings
}

var describeInstancesPages = pageRule{least: 5, most: 1000, ids: "instancesSet"}

// describeInstances finds instances and shows them by the launch that made
// them. MaxResults counts instances.
func (s *Service) describeInstances(c *api.Call, in *ec2.DescribeInstancesInput) (*ec2.DescribeInstancesOutput, error) {
	views, next, err := s.findInstances(c, describeInstancesPages, instanceFilters, query{in.InstanceIds, in.Filters, in.MaxResults, in.NextToken}, nil)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstancesOutput{Reservations: []types.Reservation{}, NextToken: next}
	at := make(map[string]int)
	for _, v := range views {
		n, seen := at[v.Reservation]
		if !seen {
			n = len(out.Reservations)
			at[v.Reservation] = n
			out.Reservations = append(out.Reservations, types.Reservation{
				ReservationId: aws.String(v.Reservation), OwnerId: aws.String(c.Account), Groups: []types.GroupIdentifier{},
			})
		}
		r := &out.Reservations[n]
		r.Instances = append(r.Instances, v.describe())
	}
	for _, r := range out.Reservations {
		slices.SortFunc(r.Instances, func(a, b types.Instance) int { return cmp.Compare(*a.AmiLaunchIndex, *b.AmiLaunchIndex) })
	}
	return out, nil
}

// findInstances returns the instances that a Describe request wants, sorted by
// id. among, if set, keeps those of which it is true.
func (s *Service) findInstances(c *api.Call, pages pageRule, filters filterTable[instanceView], q query, among func(instance) bool) ([]instanceView, *string, error) {
	if err := pages.check(q.maxResults, q.ids); err != nil {
		return nil, nil, err
	}
	if err := checkFilters(q.filters, filters.known); err != nil {
		return nil, nil, err
	}
	rows, err := instanceListing.rows(c, q.ids)
	if err != nil {
		return nil, nil, err
	}
	var found []instanceView
	for _, i := range rows {
		if among != nil && !among(i) {
			continue
		}
		v, err := s.viewInstance(c, i)
		if err != nil {
			return nil, nil, err
		}
		ok, err := filters.matches(q.filters, v, v.tags)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			found = append(found, v)
		}
	}
	return page(found, func(v instanceView) string { return v.ID }, pages, q.maxResults, q.token)
}
