package iam

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/iam/managed"
	"github.com/keyturn/keyturn/internal/store"
)

// Limits on customer managed policies (IAM guide, "IAM and AWS STS quotas").
const (
	policiesMax = 1500
	versionsMax = 5
)

// managedPolicy is a row of its table: a customer managed policy. The versions'
// documents are rows of their own: see versionKey and defaultKey.
type managedPolicy struct {
	Name, Path, ID   string
	Description      string `json:",omitempty"`
	Created, Updated time.Time
	Default          int
	// Last is the number of the newest version there ever was: numbers are not
	// used again.
	Last     int
	Versions []policyVersion // newest first
	Tags     tags            `json:",omitempty"`

	// arn is set by whoever reads the row; aws holds AWS's own policies.
	arn string
	aws *managed.Policy
}

type policyVersion struct {
	Number  int
	Created time.Time
}

var policies = store.NewTable[managedPolicy]("iam.policy")

func versionID(number int) string { return "v" + strconv.Itoa(number) }

func (s *Service) policyOperations() []api.Operation {
	return []api.Operation{
		op("CreatePolicy", func(c *api.Call, in *iam.CreatePolicyInput) (target, error) {
			return creation(arn(c, "policy", pathOr(in.Path), value(in.PolicyName)), in.Tags, "iam:TagPolicy", ""), nil
		}, s.createPolicy),
		read("GetPolicy", onPolicy(func(in *iam.GetPolicyInput) *string { return in.PolicyArn }), s.getPolicy),
		read("ListPolicies", func(_ *api.Call, in *iam.ListPoliciesInput) (target, error) {
			// AWS names the resource of this action so in its denials.
			return target{resource: "policy path " + pathOr(in.PathPrefix)}, nil
		}, s.listPolicies),
		op("DeletePolicy", onPolicy(func(in *iam.DeletePolicyInput) *string { return in.PolicyArn }), s.deletePolicy),
		read("ListEntitiesForPolicy", onPolicy(func(in *iam.ListEntitiesForPolicyInput) *string { return in.PolicyArn }), s.listEntitiesForPolicy),
	}
}

// onPolicy is the target of an operation on a managed policy.
func onPolicy[In any](arn func(*In) *string) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		t := target{resource: value(arn(in))}
		p, err := findPolicy(c, value(arn(in)))
		if err == nil {
			p.Tags.context(&t.context, "aws:ResourceTag/", "iam:ResourceTag/")
		}
		return t, nil
	}
}

// awsPolicy finds a policy of AWS's by its ARN, in any partition.
func awsPolicy(n name) (*managed.Policy, bool) {
	if n.account != "aws" || n.noun != "policy" {
		return nil, false
	}
	p, found := managed.Lookup(n.name)
	return &p, found && p.Path == n.path
}

// findPolicy reads a policy of the account's or of AWS's. It returns
// store.ErrNotFound for one that is not there, and for what is no policy's ARN
// the error that AWS gives.
func findPolicy(c *api.Call, arn string) (managedPolicy, error) {
	n, ok := parseARN(arn)
	if !ok || n.noun != "policy" {
		return managedPolicy{}, errBadARN()
	}
	if p, found := awsPolicy(n); found {
		return fromAWS(p, arn), nil
	}
	if n.account != c.Account || n.partition != c.Partition {
		return managedPolicy{}, store.ErrNotFound
	}
	p, err := policies.Get(c.Tx, c.Global(), rowID(n.name))
	if err == nil && (p.Name != n.name || p.Path != n.path) {
		return managedPolicy{}, store.ErrNotFound
	}
	p.arn = arn
	return p, err
}

// existing is findPolicy with the error of the operations that read or delete.
func existing(c *api.Call, arn *string) (managedPolicy, error) {
	p, err := findPolicy(c, value(arn))
	if errors.Is(err, store.ErrNotFound) {
		return p, notFound("Policy %s was not found.", value(arn))
	}
	return p, err
}

// attachable is findPolicy with the error of the operations that use a policy.
func attachable(c *api.Call, arn *string) (managedPolicy, error) {
	p, err := findPolicy(c, value(arn))
	if errors.Is(err, store.ErrNotFound) {
		return p, notFound("Policy %s does not exist or is not attachable.", value(arn))
	}
	return p, err
}

// own is existing for the operations that change a policy.
func own(c *api.Call, arn *string) (managedPolicy, error) {
	p, err := existing(c, arn)
	if err == nil && p.aws != nil {
		return p, api.Error("AccessDenied", "Policy is outside your own account.")
	}
	return p, err
}

func fromAWS(p *managed.Policy, arn string) managedPolicy {
	out := managedPolicy{
		Name: p.Name, Path: p.Path, ID: awsPolicyID(p), Created: p.Created, Updated: p.Updated,
		Default: p.Default, arn: arn, aws: p,
	}
	for _, v := range p.Versions {
		out.Versions = append(out.Versions, policyVersion{Number: v.Number, Created: v.Created})
	}
	return out
}

// awsPolicyID makes an id that is always the same for a policy. AWS's own ids
// are not published.
func awsPolicyID(p *managed.Policy) string {
	sum := sha256.Sum256([]byte(p.Resource()))
	return policyPrefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// document is the text of one of the policy's versions.
func (p managedPolicy) document(c *api.Call, number int) (string, error) {
	if p.aws != nil {
		v, found := p.aws.Version(number)
		if !found {
			return "", store.ErrNotFound
		}
		return v.Document(), nil
	}
	raw, err := c.Tx.Get(versionKey(c.Global(), p.ID, number))
	return string(raw), err
}

// usage counts how often a policy is used.
type usage struct{ attached, boundary int }

// usageOf counts the uses of one policy.
func usageOf(c *api.Call, arn string) (usage, error) {
	attached, err := holders(c, "attached", arn)
	if err != nil {
		return usage{}, err
	}
	boundary, err := holders(c, "boundary", arn)
	return usage{len(attached), len(boundary)}, err
}

// heldBy is an entity and what kind of one it is.
type heldBy struct {
	holder
	kind *kind
}

// key sorts groups before users before roles, each by name.
func (h heldBy) key() string {
	order := map[*kind]string{groupKind: "0", userKind: "1", roleKind: "2"}
	return order[h.kind] + rowID(h.Name)
}

// holders are the entities that have a policy attached, or as their boundary:
// groups, users, roles, each by name.
func holders(c *api.Call, index, arn string) ([]heldBy, error) {
	var out []heldBy
	g, err := collect(groups.Find(c.Tx, c.Global(), index, arn), nil)
	if err != nil {
		return nil, err
	}
	u, err := collect(users.Find(c.Tx, c.Global(), index, arn), nil)
	if err != nil {
		return nil, err
	}
	r, err := collect(roles.Find(c.Tx, c.Global(), index, arn), nil)
	if err != nil {
		return nil, err
	}
	for _, v := range g {
		out = append(out, heldBy{v.holder, groupKind})
	}
	for _, v := range u {
		out = append(out, heldBy{v.holder, userKind})
	}
	for _, v := range r {
		out = append(out, heldBy{v.holder, roleKind})
	}
	return out, nil
}

// allUsage counts the uses of every policy in the account, for listings.
func allUsage(c *api.Call) (map[string]usage, error) {
	all := make(map[string]usage)
	count := func(h holder) {
		for _, a := range h.Attached {
			u := all[a]
			u.attached++
			all[a] = u
		}
		if h.Boundary != "" {
			u := all[h.Boundary]
			u.boundary++
			all[h.Boundary] = u
		}
	}
	for v, err := range groups.All(c.Tx, c.Global()) {
		if err != nil {
			return nil, err
		}
		count(v.holder)
	}
	for v, err := range users.All(c.Tx, c.Global()) {
		if err != nil {
			return nil, err
		}
		count(v.holder)
	}
	for v, err := range roles.All(c.Tx, c.Global()) {
		if err != nil {
			return nil, err
		}
		count(v.holder)
	}
	return all, nil
}

// describe is the SDK's form as listings show it: without description and tags.
func (p managedPolicy) describe(u usage) types.Policy {
	return types.Policy{
		Arn: aws.String(p.arn), PolicyName: aws.String(p.Name), PolicyId: aws.String(p.ID), Path: aws.String(p.Path),
		CreateDate: aws.Time(p.Created), UpdateDate: aws.Time(p.Updated), DefaultVersionId: aws.String(versionID(p.Default)),
		IsAttachable: true, AttachmentCount: aws.Int32(int32(u.attached)), PermissionsBoundaryUsageCount: aws.Int32(int32(u.boundary)),
	}
}

func (s *Service) createPolicy(c *api.Call, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	text := value(in.PolicyDocument)
	if err := checkManaged(text); err != nil {
		return nil, err
	}
	set, err := newTags(in.Tags, false)
	if err != nil {
		return nil, err
	}
	p := managedPolicy{
		Name: value(in.PolicyName), Path: pathOr(in.Path), Description: value(in.Description), Tags: set,
		Created: c.Now, Updated: c.Now, Default: 1, Last: 1, Versions: []policyVersion{{1, c.Now}},
	}
	p.arn = arn(c, "policy", p.Path, p.Name)
	if err := free(c, policies, p.Name, exists("A policy called %s already exists. Duplicate names are not allowed.", p.Name)); err != nil {
		return nil, err
	}
	if err := room(c, "iam.policy", "PoliciesPerAccount", policiesMax); err != nil {
		return nil, err
	}
	p.ID = newID(c, policyPrefix)
	if err := putVersion(c, p, 1, text); err != nil {
		return nil, err
	}
	if err := policies.Put(c.Tx, c.Global(), rowID(p.Name), p); err != nil {
		return nil, err
	}
	out := p.describe(usage{})
	out.Tags = p.Tags.describe()
	return &iam.CreatePolicyOutput{Policy: &out}, nil
}

func (s *Service) getPolicy(c *api.Call, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	p, err := existing(c, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	u, err := usageOf(c, p.arn)
	if err != nil {
		return nil, err
	}
	out := p.describe(u)
	out.Tags = p.Tags.describe()
	if p.Description != "" {
		out.Description = aws.String(p.Description)
	}
	return &iam.GetPolicyOutput{Policy: &out}, nil
}

// listed is a policy with its uses.
type listed struct {
	managedPolicy
	usage
}

// key gives listings an order: the account's policies by name, then AWS's in
// AWS's own order.
func (l listed) key() string {
	if l.aws != nil {
		return "1" + l.Name
	}
	return "0" + rowID(l.Name)
}

// allPolicies lists the policies of a scope that keep accepts.
func allPolicies(c *api.Call, scope types.PolicyScopeType, keep func(listed) bool) ([]listed, error) {
	used, err := allUsage(c)
	if err != nil {
		return nil, err
	}
	var all []listed
	if scope != types.PolicyScopeTypeAws {
		for p, err := range policies.All(c.Tx, c.Global()) {
			if err != nil {
				return nil, err
			}
			p.arn = arn(c, "policy", p.Path, p.Name)
			if l := (listed{p, used[p.arn]}); keep(l) {
				all = append(all, l)
			}
		}
	}
	if scope != types.PolicyScopeTypeLocal {
		for p := range managed.All() {
			a := "arn:" + c.Partition + ":iam::aws:" + p.Resource()
			if l := (listed{fromAWS(&p, a), used[a]}); keep(l) {
				all = append(all, l)
			}
		}
	}
	return all, nil
}

func (s *Service) listPolicies(c *api.Call, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	all, err := allPolicies(c, in.Scope, func(l listed) bool {
		if !strings.HasPrefix(l.Path, pathOr(in.PathPrefix)) {
			return false
		}
		switch in.PolicyUsageFilter {
		case types.PolicyUsageTypePermissionsPolicy:
			return !in.OnlyAttached && l.boundary == 0 || l.attached > 0
		case types.PolicyUsageTypePermissionsBoundary:
			return l.boundary > 0
		}
		return !in.OnlyAttached || l.attached > 0
	})
	if err != nil {
		return nil, err
	}
	p, err := paginate(all, listed.key, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListPoliciesOutput{
		Policies:    convert(p.items, func(l listed) types.Policy { return l.describe(l.usage) }),
		IsTruncated: p.truncated, Marker: p.marker,
	}, nil
}

func (s *Service) deletePolicy(c *api.Call, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	p, err := own(c, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	u, err := usageOf(c, p.arn)
	switch {
	case err != nil:
		return nil, err
	case u.attached > 0 || u.boundary > 0:
		return nil, inUse("Cannot delete a policy attached to entities.")
	case len(p.Versions) > 1:
		return nil, inUse("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	}
	return &iam.DeletePolicyOutput{}, errors.Join(
		c.Tx.Delete(versionKey(c.Global(), p.ID, p.Default)),
		c.Tx.Delete(defaultKey(c.Global(), p.arn)),
		policies.Delete(c.Tx, c.Global(), rowID(p.Name)),
	)
}

func (s *Service) listEntitiesForPolicy(c *api.Call, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	p, err := attachable(c, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	var all []heldBy
	if in.PolicyUsageFilter != types.PolicyUsageTypePermissionsBoundary {
		if all, err = holders(c, "attached", p.arn); err != nil {
			return nil, err
		}
	}
	if in.PolicyUsageFilter != types.PolicyUsageTypePermissionsPolicy {
		more, err := holders(c, "boundary", p.arn)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	all = filterHolders(all, in.EntityFilter, pathOr(in.PathPrefix))
	slices.SortFunc(all, func(a, b heldBy) int { return strings.Compare(a.key(), b.key()) })
	cut, err := paginate(all, heldBy.key, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListEntitiesForPolicyOutput{
		PolicyGroups: []types.PolicyGroup{}, PolicyUsers: []types.PolicyUser{}, PolicyRoles: []types.PolicyRole{},
		IsTruncated: cut.truncated, Marker: cut.marker,
	}
	for _, h := range cut.items {
		switch h.kind {
		case groupKind:
			out.PolicyGroups = append(out.PolicyGroups, types.PolicyGroup{GroupId: aws.String(h.ID), GroupName: aws.String(h.Name)})
		case userKind:
			out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserId: aws.String(h.ID), UserName: aws.String(h.Name)})
		case roleKind:
			out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleId: aws.String(h.ID), RoleName: aws.String(h.Name)})
		}
	}
	return out, nil
}

// filterHolders keeps one kind of entity and one path, and names each once.
func filterHolders(all []heldBy, filter types.EntityType, path string) []heldBy {
	var out []heldBy
	seen := make(map[string]bool)
	for _, h := range all {
		wanted := filter == "" || strings.EqualFold(string(filter), h.kind.noun)
		if wanted && strings.HasPrefix(h.Path, path) && !seen[h.ID] {
			seen[h.ID] = true
			out = append(out, h)
		}
	}
	return out
}
