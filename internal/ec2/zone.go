package ec2

import (
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// zone is an Availability Zone.
type zone struct {
	Name, ID string // us-east-1a, use1-az6
	Region   region
}

// zonesOf lists a region's zones by name.
func zonesOf(name string) []zone {
	r, ok := regionNamed(name)
	if !ok {
		return nil
	}
	zones := make([]zone, len(r.Zones))
	for i, z := range r.Zones {
		zones[i] = zone{Name: r.Name + string(z.Letter), ID: r.ZonePrefix + "-az" + strconv.Itoa(z.Number), Region: r}
	}
	return zones
}

// zoneNamed finds a zone of the region by name.
func zoneNamed(region, name string) (zone, bool) {
	return findZone(region, func(z zone) bool { return z.Name == name })
}

// zoneWithID finds a zone of the region by id.
func zoneWithID(region, id string) (zone, bool) {
	return findZone(region, func(z zone) bool { return z.ID == id })
}

func findZone(region string, is func(zone) bool) (zone, bool) {
	zones := zonesOf(region)
	i := slices.IndexFunc(zones, is)
	if i < 0 {
		return zone{}, false
	}
	return zones[i], true
}

// zoneOf resolves a request's zone, given by name or by id. Empty is empty.
func zoneOf(region string, name, id *string) (string, error) {
	switch {
	case aws.ToString(name) != "" && aws.ToString(id) != "":
		return "", invalidCombination("You can specify either AvailabilityZone or AvailabilityZoneId, but not both.")
	case aws.ToString(name) != "":
		if _, ok := zoneNamed(region, *name); !ok {
			return "", invalidValue("Invalid availability zone: [%s]", *name)
		}
		return *name, nil
	case aws.ToString(id) != "":
		z, ok := zoneWithID(region, *id)
		if !ok {
			return "", invalidValue("Invalid availability zone-id: [%s]", *id)
		}
		return z.Name, nil
	}
	return "", nil
}

func (z zone) groupName() string { return z.Region.Name + "-zg-1" }

func (z zone) describe() types.AvailabilityZone {
	return types.AvailabilityZone{
		GroupLongName: aws.String(z.Region.Title + " 1"), GroupName: aws.String(z.groupName()),
		Messages: []types.AvailabilityZoneMessage{}, NetworkBorderGroup: aws.String(z.Region.Name),
		OptInStatus: types.AvailabilityZoneOptInStatus(z.Region.optInStatus()), RegionName: aws.String(z.Region.Name),
		State:  types.AvailabilityZoneStateAvailable,
		ZoneId: aws.String(z.ID), ZoneName: aws.String(z.Name), ZoneType: aws.String("availability-zone"),
	}
}

func (z zone) filter(name string) (values []string, known bool) {
	switch name {
	case "group-name":
		return some(z.groupName()), true
	case "group-long-name":
		return some(z.Region.Title + " 1"), true
	case "message", "parent-zone-id", "parent-zone-name":
		return nil, true
	case "opt-in-status":
		return some(z.Region.optInStatus()), true
	case "region-name":
		return some(z.Region.Name), true
	case "state":
		return some("available"), true
	case "zone-id":
		return some(z.ID), true
	case "zone-name":
		return some(z.Name), true
	case "zone-type":
		return some("availability-zone"), true
	}
	return nil, false
}

func (s *Service) describeAvailabilityZones(c *api.Call, in *ec2.DescribeAvailabilityZonesInput) (*ec2.DescribeAvailabilityZonesOutput, error) {
	for _, name := range in.ZoneNames {
		if _, ok := zoneNamed(c.Region, name); !ok {
			return nil, invalidValue("Invalid availability zone: [%s]", name)
		}
	}
	for _, id := range in.ZoneIds {
		if _, ok := zoneWithID(c.Region, id); !ok {
			return nil, invalidValue("Invalid availability zone-id: [%s]", id)
		}
	}
	if err := checkFilters(in.Filters, func(name string) bool { _, ok := zone{}.filter(name); return ok }); err != nil {
		return nil, err
	}
	out := &ec2.DescribeAvailabilityZonesOutput{AvailabilityZones: []types.AvailabilityZone{}}
	for _, z := range zonesOf(c.Region) {
		if len(in.ZoneNames) > 0 && !slices.Contains(in.ZoneNames, z.Name) || len(in.ZoneIds) > 0 && !slices.Contains(in.ZoneIds, z.ID) {
			continue
		}
		ok, err := matches(in.Filters, z.filter)
		if err != nil {
			return nil, err
		}
		if ok {
			out.AvailabilityZones = append(out.AvailabilityZones, z.describe())
		}
	}
	return out, nil
}

// describeAccountAttributes answers with AWS's defaults for a new account (EC2
// API reference, "DescribeAccountAttributes").
func (s *Service) describeAccountAttributes(c *api.Call, in *ec2.DescribeAccountAttributesInput) (*ec2.DescribeAccountAttributesOutput, error) {
	vpc, ok, err := s.findDefaultVPC(c)
	if err != nil {
		return nil, err
	}
	if !ok {
		vpc.ID = "none"
	}
	all := []struct{ name, value string }{
		{"vpc-max-security-groups-per-interface", "5"},
		{"max-instances", "20"},
		{"supported-platforms", "VPC"},
		{"default-vpc", vpc.ID},
		{"max-elastic-ips", "5"},
		{"vpc-max-elastic-ips", "5"},
	}
	out := &ec2.DescribeAccountAttributesOutput{AccountAttributes: []types.AccountAttribute{}}
	for _, a := range all {
		if len(in.AttributeNames) > 0 && !slices.Contains(in.AttributeNames, types.AccountAttributeName(a.name)) {
			continue
		}
		out.AccountAttributes = append(out.AccountAttributes, types.AccountAttribute{
			AttributeName: aws.String(a.name), AttributeValues: []types.AccountAttributeValue{{AttributeValue: aws.String(a.value)}},
		})
	}
	for _, name := range in.AttributeNames {
		if !slices.ContainsFunc(all, func(a struct{ name, value string }) bool { return a.name == string(name) }) {
			return nil, invalidValue("Value (%s) for parameter attributeName is invalid. Unknown attribute.", name)
		}
	}
	return out, nil
}

func (s *Service) placeOperations() []api.Operation {
	return []api.Operation{
		api.Read("DescribeRegions", anywhere[ec2.DescribeRegionsInput]("DescribeRegions"), s.describeRegions),
		api.Read("DescribeAvailabilityZones", anywhere[ec2.DescribeAvailabilityZonesInput]("DescribeAvailabilityZones"), s.describeAvailabilityZones),
		api.Read("DescribeAccountAttributes", anywhere[ec2.DescribeAccountAttributesInput]("DescribeAccountAttributes"), s.describeAccountAttributes),
		api.Read("DescribeInstanceTypes", anywhere[ec2.DescribeInstanceTypesInput]("DescribeInstanceTypes"), s.describeInstanceTypes),
		api.Read("DescribeInstanceTypeOfferings", anywhere[ec2.DescribeInstanceTypeOfferingsInput]("DescribeInstanceTypeOfferings"), s.describeInstanceTypeOfferings),
	}
}
