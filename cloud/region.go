package cloud

import (
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// regions are AWS's (General Reference, "AWS service endpoints"). Their prefix
// tells the partition.
var regions = func() map[string]string {
	m := make(map[string]string)
	for r := range strings.FieldsSeq(`
		af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3
		ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4
		ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 eu-central-1
		eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3
		il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1
		us-east-1 us-east-2 us-west-1 us-west-2
		cn-north-1 cn-northwest-1 us-gov-east-1 us-gov-west-1`) {
		switch {
		case strings.HasPrefix(r, "cn-"):
			m[r] = "aws-cn"
		case strings.HasPrefix(r, "us-gov-"):
			m[r] = "aws-us-gov"
		default:
			m[r] = "aws"
		}
	}
	return m
}()

// partitionOf gives the partition of a region that AWS has.
func partitionOf(region string) (string, bool) {
	p, ok := regions[region]
	return p, ok
}

// actingRegion is the region that a call goes to and is logged in. IAM and
// Organizations are in one region of their partition, whichever the client signed
// for.
func actingRegion(call *api.Call) string {
	if call.Service == "iam" || call.Service == "organizations" {
		return globalRegion(call.Partition)
	}
	return call.Region
}

// globalRegion is where a partition's global services log their events.
func globalRegion(partition string) string {
	switch partition {
	case "aws-cn":
		return "cn-north-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	default:
		return "us-east-1"
	}
}
