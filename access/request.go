package access

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// PrincipalType is what kind of identity makes a request.
type PrincipalType string

// The principal types, named as CloudTrail's userIdentity names them.
const (
	Root          PrincipalType = "Root"          // the account's root user
	User          PrincipalType = "IAMUser"       // an IAM user
	RoleSession   PrincipalType = "AssumedRole"   // a session of a role
	FederatedUser PrincipalType = "FederatedUser" // a session of GetFederationToken
	Service       PrincipalType = "AWSService"    // a service acting for itself
	Anonymous     PrincipalType = "Unknown"       // nobody known
	// Somebody who assumes a role with an identity provider's word, and has no account.
	WebIdentityUser PrincipalType = "WebIdentityUser"
	SAMLUser        PrincipalType = "SAMLUser"
)

// Principal is who makes a request.
type Principal struct {
	Type      PrincipalType
	Partition string // "aws", "aws-cn", "aws-us-gov"
	Account   string // 12 digits; empty for a service
	// ARN is the principal as messages and events show it:
	// arn:aws:iam::123456789012:user/x, arn:aws:sts::123456789012:assumed-role/r/s,
	// arn:aws:iam::123456789012:root. Empty for a service.
	ARN string
	// UserID is the value of aws:userid: AIDA…, AROA…:session, the account id for root.
	UserID string
	Name   string // user name; session name of a role session
	// RoleARN and RoleID are a session's role: the IAM ARN with its path, and AROA….
	RoleARN, RoleID string
	// ServicePrincipal is "ec2.amazonaws.com" where Type is Service.
	ServicePrincipal string
	// ServiceLinked marks a session of a service-linked role: SCPs and RCPs do
	// not apply to it (Organizations guide, "Service control policies").
	ServiceLinked bool
	// IdentityOnly marks EC2's infrastructure role session, which has no
	// identity policies at all (EBS guide, "Requirements for Amazon EBS encryption").
	IdentityOnly bool
	// UserARN is the user behind a federated user session.
	UserARN string
	// Federated is the identity provider of a caller who comes with a web
	// identity or a SAML assertion.
	Federated string
	// Tags are the principal's (user, or role and session) tags: aws:PrincipalTag/key.
	Tags map[string]string
}

// PrincipalARN is the value of aws:PrincipalArn: for a role session the role's
// ARN, not the session's (IAM guide, "AWS global condition context keys").
func (p Principal) PrincipalARN() string {
	if p.RoleARN != "" {
		return p.RoleARN
	}
	return p.ARN
}

// Request is one question: may this principal do this to that.
type Request struct {
	Principal Principal
	Action    string // "kms:CreateGrant"
	// Resource is the ARN acted on, or "*" where the action has no resource type.
	Resource string
	// ResourceAccount owns the resource; empty means the principal's account.
	ResourceAccount string
	Context         Context
}

// Context holds the condition keys of a request. The zero value is empty and
// ready; key names are case-insensitive. Copy with Clone before changing one
// that is shared.
type Context struct {
	values  map[string][]string
	unknown map[string]bool
}

// Set gives a key its value or values. No values means the key is present and empty.
func (c *Context) Set(key string, values ...string) {
	if c.values == nil {
		c.values = make(map[string][]string)
	}
	if values == nil {
		values = []string{}
	}
	c.values[strings.ToLower(key)] = values
}

// SetUnknown says that nobody knows whether the key is there, nor its value:
// a decision that turns on it is neither allow nor deny. A key that ends in an
// asterisk stands for all that start so and are not set: "aws:ResourceTag/*",
// or "*" for all others.
func (c *Context) SetUnknown(key string) {
	if c.unknown == nil {
		c.unknown = make(map[string]bool)
	}
	c.unknown[strings.ToLower(key)] = true
}

// Get returns a key's values, whether it is present, and whether it is unknown.
func (c Context) Get(key string) (values []string, present, unknown bool) {
	key = strings.ToLower(key)
	values, present, unknown = c.lookup(key)
	return values, present, unknown || !present && c.unknownPrefix(key)
}

// Clone returns a copy that shares nothing with c.
func (c Context) Clone() Context {
	var d Context
	for k, v := range c.values {
		d.Set(k, v...)
	}
	for k := range c.unknown {
		d.SetUnknown(k)
	}
	return d
}

// Merge sets every key of o in c; o wins.
func (c *Context) Merge(o Context) {
	for k, v := range o.values {
		c.Set(k, v...)
	}
	for k := range o.unknown {
		c.SetUnknown(k)
	}
}

// Document is a policy and where it came from, so that a reason can name it.
type Document struct {
	// Name says which document it is to a person: "AmazonEC2FullAccess",
	// "inline policy deploy of user test", "key policy".
	Name string
	// ARN is the managed policy's ARN, or empty.
	ARN string
	// File is the path of the file that it was read from, or empty.
	File   string
	Policy *policy.Policy
}

// ResourceKind tells how a resource policy combines with identity policies.
type ResourceKind int

// The kinds of resource that have a policy of their own.
const (
	// OrdinaryResource policies grant by themselves in the same account (IAM
	// guide, "Policy evaluation logic").
	OrdinaryResource ResourceKind = iota
	// KMSKey policies must delegate to IAM before an identity policy counts
	// (KMS guide, "Default key policy").
	KMSKey
	// RoleTrust policies must allow; an identity policy is needed unless the
	// trust policy names the principal itself (IAM guide, "How IAM roles differ").
	RoleTrust
)

// ResourcePolicy is the policy attached to the resource itself.
type ResourcePolicy struct {
	Kind     ResourceKind
	Document Document
}

// Grant is a KMS grant that may bear on the request (KMS guide, "Grants in AWS KMS").
type Grant struct {
	ID      string
	Grantee string // principal ARN (of a user, role, session, root) or service principal
	// Operations are grant operations: "Decrypt", "CreateGrant".
	Operations []string
	// ContextEquals and ContextSubset are the grant's encryption context constraints.
	ContextEquals, ContextSubset map[string]string
	// Retiring is the retiring principal, and Account the one in which the grant
	// was made; both bear on kms:RetireGrant only.
	Retiring, Account string
}

// Policies is everything that bears on a request.
type Policies struct {
	// Identity are the caller's own: inline, attached, and those of its groups.
	Identity []Document
	// Boundary is the permissions boundary, nil if none is set.
	Boundary *Document
	// Session are the session policies; HasSession tells a session without any
	// from one whose policies allow nothing.
	Session    []Document
	HasSession bool
	// Resource is the resource's own policy, nil if it has none. KMS keys and
	// roles cannot do without: where theirs is missing, give their Kind and a
	// Document that has no Policy, and nobody gets in.
	Resource *ResourcePolicy
	Grants   []Grant
	// ServiceControl holds the SCPs that bear on the caller's account, one list
	// per level from the organization's root down to the account; nil: the
	// account is in no organization.
	ServiceControl [][]Document
	// ResourceControl is the same for the RCPs of the resource's account.
	ResourceControl [][]Document
	// ManagementAccount is the id of the organization's management account, if
	// known. SCPs do not reach its principals, nor RCPs its resources, whether
	// they could be read or not (Organizations guide, "Service control policies"
	// and "Resource control policies").
	ManagementAccount string
	// AWSManaged marks a KMS key that AWS manages, such as aws/ebs: RCPs do not
	// reach it (Organizations guide, "Resource control policies", on what they
	// do not apply to).
	AWSManaged bool
	// Endpoint is the VPC endpoint's policy, nil if the request came through none.
	Endpoint *Document
	// Unread names layers that exist but could not be read ("service control
	// policies of o-example"): a decision that turns on one is neither allow nor deny.
	Unread []UnreadLayer
}

// UnreadLayer is a layer that bears on the request and that nobody could read.
type UnreadLayer struct {
	Layer Layer
	What  string
}

// Layer is one kind of policy in the evaluation (IAM guide, "Policy evaluation logic").
type Layer string

// The layers, in the words of AWS's access denied messages.
const (
	IdentityLayer        Layer = "identity-based policy"
	ResourceLayer        Layer = "resource-based policy"
	BoundaryLayer        Layer = "permissions boundary"
	SessionLayer         Layer = "session policy"
	ServiceControlLayer  Layer = "service control policy"
	ResourceControlLayer Layer = "resource control policy"
	EndpointLayer        Layer = "VPC endpoint policy"
	TrustLayer           Layer = "role trust policy"
	GrantLayer           Layer = "grant"
)

// Unknown are the keys of which SetUnknown was told, in lower case and sorted.
func (c Context) Unknown() []string { return slices.Sorted(maps.Keys(c.unknown)) }

// All yields the known keys, in lower case and sorted, with their values.
func (c Context) All() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for _, k := range slices.Sorted(maps.Keys(c.values)) {
			if !yield(k, c.values[k]) {
				return
			}
		}
	}
}
