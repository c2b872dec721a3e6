package cloudtrail

import (
	"net/netip"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// reference is how a request names a trail.
type reference struct {
	arn                   bool
	account, region, name string
}

// means reports whether it is this trail that is named.
func (r reference) means(t trail) bool {
	return t.Account == r.account && t.Region == r.region && t.Name == r.name
}

// parseReference reads a trail's name, which means one of the caller's account
// and region, or its ARN.
func parseReference(c *api.Call, ref string) (reference, error) {
	if !strings.HasPrefix(ref, "arn:") {
		return reference{account: c.Account, region: c.Region, name: ref}, checkName(ref)
	}
	parts := strings.SplitN(ref, ":", 6)
	if len(parts) < 6 || parts[1] != c.Partition || parts[2] != "cloudtrail" || parts[3] == "" || !isAccount(parts[4]) {
		return reference{}, invalidARN(ref)
	}
	name, ok := strings.CutPrefix(parts[5], "trail/")
	if !ok {
		return reference{}, invalidARN(ref)
	}
	return reference{arn: true, region: parts[3], account: parts[4], name: name}, checkName(name)
}

// The bounds on a trail's name (API reference, "CreateTrail").
const (
	minName = 3
	maxName = 128
)

// checkName holds a name to the rules of the API reference, "CreateTrail".
func checkName(name string) error {
	switch n := len(name); {
	case n == 0:
		return invalidName("Trail name cannot be blank!")
	case n < minName:
		return invalidName("Trail name too short. Minimum allowed length: %d characters. Specified name length: %d characters.", minName, n)
	case n > maxName:
		return invalidName("Trail name too long. Maximum allowed length: %d characters. Specified name length: %d characters.", maxName, n)
	case !isAlphanumeric(name[0]):
		return invalidName("Trail name must starts with a letter or number.")
	case !isAlphanumeric(name[n-1]):
		return invalidName("Trail name must ends with a letter or number.")
	}
	joint := false
	for i := range len(name) {
		switch {
		case isAlphanumeric(name[i]):
			joint = false
		case strings.IndexByte("._-", name[i]) < 0:
			return invalidName("Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).")
		case joint:
			// No source tells the wording of this one and of the next.
			return invalidName("Trail name cannot have adjacent periods, underscores or dashes.")
		default:
			joint = true
		}
	}
	if a, err := netip.ParseAddr(name); err == nil && a.Is4() {
		return invalidName("Trail name cannot be in IP address format.")
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// byGiven names a trail in an error as the request did, byARN always by its ARN:
// AWS's operations differ in it.
func byGiven(_ *api.Call, r reference) string {
	if r.arn {
		return trailARN(partitionOf(r.region), r.region, r.account, r.name)
	}
	return r.name
}

func byARN(_ *api.Call, r reference) string {
	return trailARN(partitionOf(r.region), r.region, r.account, r.name)
}
