package policy

import "unicode/utf8"

// The sizes of policies, in the unit of their Limit. They are AWS's defaults;
// some can be raised.
const (
	MaxUserInline     = 2048
	MaxGroupInline    = 5120
	MaxRoleInline     = 10240
	MaxManaged        = 6144
	MaxTrust          = 2048
	MaxSession        = 2048
	MaxKeyPolicy      = 32768
	MaxServiceControl = 10240
	// MaxResourceControl is half of what a service control policy may have.
	MaxResourceControl = 5120
	MaxEndpoint        = 20480
)

// Unit is what a Limit counts.
type Unit string

// The units.
const (
	// NonSpaceCharacters are characters without white space.
	NonSpaceCharacters Unit = "characters, white space not counted"
	Characters         Unit = "characters"
	Bytes              Unit = "bytes"
)

// Limit is AWS's quota on the size of a kind of policy.
type Limit struct {
	// Name is the quota's, in the words of its page.
	Name string
	Max  int
	Unit Unit
	// Together: the quota is on all policies of the kind that one holder has.
	Together bool
	// Raised is what the quota can be raised to, or 0.
	Raised int
	// Page is the guide's page that says so.
	Page string
}

// Size is the size of a document in the limit's unit.
func (l Limit) Size(document string) int {
	switch l.Unit {
	case Bytes:
		return len(document)
	case Characters:
		return utf8.RuneCountInString(document)
	}
	n := 0
	for _, c := range document {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			n++
		}
	}
	return n
}

const (
	pageIAM           = `IAM guide, "IAM and AWS STS quotas"`
	pageSTS           = `STS API reference, "AssumeRole"`
	pageKMS           = `KMS guide, "Resource quotas"`
	pageOrganizations = `Organizations guide, "Quotas and service limits for AWS Organizations"`
	pagePrivateLink   = `AWS PrivateLink guide, "AWS PrivateLink quotas"`
)

// Limits lists the quotas on the size of a kind of policy. An inline policy has
// three, of which the one of its holder applies.
func Limits(kind Kind) []Limit {
	switch kind {
	case IdentityPolicy:
		return []Limit{
			{Name: "User policy size", Max: MaxUserInline, Unit: NonSpaceCharacters, Together: true, Page: pageIAM},
			{Name: "Group policy size", Max: MaxGroupInline, Unit: NonSpaceCharacters, Together: true, Page: pageIAM},
			{Name: "Role policy size", Max: MaxRoleInline, Unit: NonSpaceCharacters, Together: true, Page: pageIAM},
		}
	case ManagedPolicy, BoundaryPolicy:
		return []Limit{{Name: "Managed policy length", Max: MaxManaged, Unit: NonSpaceCharacters, Page: pageIAM}}
	case TrustPolicy:
		return []Limit{{Name: "Role trust policy length", Max: MaxTrust, Unit: NonSpaceCharacters, Raised: 4096, Page: pageIAM}}
	case SessionPolicy:
		return []Limit{{Name: "Session policy characters", Max: MaxSession, Unit: Characters, Page: pageSTS}}
	case KeyPolicy:
		return []Limit{{Name: "Key policy document size", Max: MaxKeyPolicy, Unit: Bytes, Page: pageKMS}}
	case ServiceControlPolicy:
		return []Limit{{Name: "Maximum size of a service control policy", Max: MaxServiceControl, Unit: Characters, Page: pageOrganizations}}
	case ResourceControlPolicy:
		return []Limit{{Name: "Maximum size of a resource control policy", Max: MaxResourceControl, Unit: Characters, Page: pageOrganizations}}
	case EndpointPolicy:
		return []Limit{{Name: "Characters per VPC endpoint policy", Max: MaxEndpoint, Unit: Characters, Page: pagePrivateLink}}
	}
	return nil
}
