package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// region is one of AWS's regions (Account Management guide, "AWS Regions").
type region struct {
	Name, Title string
	// OptIn regions must be enabled by an account; here every account has.
	OptIn     bool
	Partition string
	// ZonePrefix begins the ids of the region's zones: "use1" in "use1-az6".
	ZonePrefix string
	// Zones lists each zone's letter and the number in its id. AWS shuffles the
	// letters of its older regions per account; here all accounts have the same.
	Zones []zoneLetter
}

type zoneLetter struct {
	Letter byte
	Number int
}

func abc(n int) []zoneLetter {
	zones := make([]zoneLetter, n)
	for i := range zones {
		zones[i] = zoneLetter{byte('a' + i), i + 1}
	}
	return zones
}

var regions = []region{
	{"af-south-1", "Africa (Cape Town)", true, "aws", "afs1", abc(3)},
	{"ap-east-1", "Asia Pacific (Hong Kong)", true, "aws", "ape1", abc(3)},
	{"ap-east-2", "Asia Pacific (Taipei)", true, "aws", "ape2", abc(3)},
	{"ap-northeast-1", "Asia Pacific (Tokyo)", false, "aws", "apne1", []zoneLetter{{'a', 4}, {'c', 1}, {'d', 2}}},
	{"ap-northeast-2", "Asia Pacific (Seoul)", false, "aws", "apne2", abc(4)},
	{"ap-northeast-3", "Asia Pacific (Osaka)", false, "aws", "apne3", abc(3)},
	{"ap-south-1", "Asia Pacific (Mumbai)", false, "aws", "aps1", []zoneLetter{{'a', 1}, {'b', 3}, {'c', 2}}},
	{"ap-south-2", "Asia Pacific (Hyderabad)", true, "aws", "aps2", abc(3)},
	{"ap-southeast-1", "Asia Pacific (Singapore)", false, "aws", "apse1", abc(3)},
	{"ap-southeast-2", "Asia Pacific (Sydney)", false, "aws", "apse2", abc(3)},
	{"ap-southeast-3", "Asia Pacific (Jakarta)", true, "aws", "apse3", abc(3)},
	{"ap-southeast-4", "Asia Pacific (Melbourne)", true, "aws", "apse4", abc(3)},
	{"ap-southeast-5", "Asia Pacific (Malaysia)", true, "aws", "apse5", abc(3)},
	{"ap-southeast-6", "Asia Pacific (New Zealand)", true, "aws", "apse6", abc(3)},
	{"ap-southeast-7", "Asia Pacific (Thailand)", true, "aws", "apse7", abc(3)},
	{"ca-central-1", "Canada (Central)", false, "aws", "cac1", []zoneLetter{{'a', 1}, {'b', 2}, {'d', 4}}},
	{"ca-west-1", "Canada West (Calgary)", true, "aws", "caw1", abc(3)},
	{"cn-north-1", "China (Beijing)", false, "aws-cn", "cnn1", []zoneLetter{{'a', 1}, {'b', 2}, {'d', 4}}},
	{"cn-northwest-1", "China (Ningxia)", false, "aws-cn", "cnnw1", abc(3)},
	{"eu-central-1", "Europe (Frankfurt)", false, "aws", "euc1", []zoneLetter{{'a', 2}, {'b', 3}, {'c', 1}}},
	{"eu-central-2", "Europe (Zurich)", true, "aws", "euc2", abc(3)},
	{"eu-north-1", "Europe (Stockholm)", false, "aws", "eun1", abc(3)},
	{"eu-south-1", "Europe (Milan)", true, "aws", "eus1", abc(3)},
	{"eu-south-2", "Europe (Spain)", true, "aws", "eus2", abc(3)},
	{"eu-west-1", "Europe (Ireland)", false, "aws", "euw1", abc(3)},
	{"eu-west-2", "Europe (London)", false, "aws", "euw2", []zoneLetter{{'a', 2}, {'b', 3}, {'c', 1}}},
	{"eu-west-3", "Europe (Paris)", false, "aws", "euw3", abc(3)},
	{"il-central-1", "Israel (Tel Aviv)", true, "aws", "ilc1", abc(3)},
	{"me-central-1", "Middle East (UAE)", true, "aws", "mec1", abc(3)},
	{"me-south-1", "Middle East (Bahrain)", true, "aws", "mes1", abc(3)},
	{"mx-central-1", "Mexico (Central)", true, "aws", "mxc1", abc(3)},
	{"sa-east-1", "South America (Sao Paulo)", false, "aws", "sae1", abc(3)},
	{"us-east-1", "US East (N. Virginia)", false, "aws", "use1", []zoneLetter{{'a', 6}, {'b', 1}, {'c', 2}, {'d', 4}, {'e', 3}, {'f', 5}}},
	{"us-east-2", "US East (Ohio)", false, "aws", "use2", abc(3)},
	{"us-gov-east-1", "AWS GovCloud (US-East)", false, "aws-us-gov", "usge1", abc(3)},
	{"us-gov-west-1", "AWS GovCloud (US-West)", false, "aws-us-gov", "usgw1", abc(3)},
	{"us-west-1", "US West (N. California)", false, "aws", "usw1", []zoneLetter{{'a', 3}, {'c', 1}}},
	{"us-west-2", "US West (Oregon)", false, "aws", "usw2", []zoneLetter{{'a', 2}, {'b', 1}, {'c', 3}, {'d', 4}}},
}

// regionNamed finds a region, whatever its partition.
func regionNamed(name string) (region, bool) {
	i := slices.IndexFunc(regions, func(r region) bool { return r.Name == name })
	if i < 0 {
		return region{}, false
	}
	return regions[i], true
}

func (r region) optInStatus() string {
	if r.OptIn {
		return "opted-in"
	}
	return "opt-in-not-required"
}

func (r region) endpoint() string {
	if r.Partition == "aws-cn" {
		return "ec2." + r.Name + ".amazonaws.com.cn"
	}
	return "ec2." + r.Name + ".amazonaws.com"
}

func (r region) filter(name string) (values []string, known bool) {
	switch name {
	case "endpoint":
		return some(r.endpoint()), true
	case "opt-in-status":
		return some(r.optInStatus()), true
	case "region-name":
		return some(r.Name), true
	}
	return nil, false
}

func (s *Service) describeRegions(c *api.Call, in *ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
	var unknown []string
	for _, name := range in.RegionNames {
		if r, ok := regionNamed(name); !ok || r.Partition != c.Partition {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, invalidValue("Invalid region names given: %s", unknown)
	}
	if err := checkFilters(in.Filters, func(name string) bool { _, ok := region{}.filter(name); return ok }); err != nil {
		return nil, err
	}
	out := &ec2.DescribeRegionsOutput{Regions: []types.Region{}}
	for _, r := range regions {
		if r.Partition != c.Partition || len(in.RegionNames) > 0 && !slices.Contains(in.RegionNames, r.Name) {
			continue
		}
		ok, err := matches(in.Filters, r.filter)
		if err != nil {
			return nil, err
		}
		if ok {
			out.Regions = append(out.Regions, types.Region{
				RegionName: aws.String(r.Name), Endpoint: aws.String(r.endpoint()), OptInStatus: aws.String(r.optInStatus()),
			})
		}
	}
	return out, nil
}
