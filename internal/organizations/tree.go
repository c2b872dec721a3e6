package organizations

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// parent is the id of what a unit or account lies in; empty for the root and
// for what is not there.
func (o *organization) parent(id string) string {
	if u, ok := o.Units[id]; ok {
		return u.Parent
	}
	return o.Accounts[id].Parent
}

// exists reports whether the root, a unit or an account has that id.
func (o *organization) exists(id string) bool { return id == o.Root.ID || o.parent(id) != "" }

// holds reports whether accounts and units can lie in what has that id.
func (o *organization) holds(id string) bool {
	_, unit := o.Units[id]
	return unit || id == o.Root.ID
}

// levels are the ids from the root down to a unit or account, which is the last.
func (o *organization) levels(id string) []string {
	if !o.exists(id) {
		return nil
	}
	if p := o.parent(id); p != "" {
		return append(o.levels(p), id)
	}
	return []string{id}
}

// path is the value of aws:PrincipalOrgPaths for an account: its organization,
// its root and its units (IAM guide, "AWS global condition context keys").
func (o *organization) path(account string) string {
	levels := o.levels(account)
	return o.ID + "/" + strings.Join(levels[:len(levels)-1], "/") + "/"
}

// arnOf is the ARN of a root, unit, account or policy.
func (o *organization) arnOf(id string) string {
	switch {
	case strings.HasPrefix(id, "r-"):
		return o.arn("root", "/"+id)
	case strings.HasPrefix(id, "ou-"):
		return o.arn("ou", "/"+id)
	case strings.HasPrefix(id, "p-"):
		d, _ := o.policy(id)
		return d.arn(o, id)
	case strings.HasPrefix(id, "rp-"):
		return o.arn("resourcepolicy", "/"+id)
	case id == "":
		return "*"
	}
	return o.arn("account", "/"+id)
}

// targetType tells what kind of thing has an id.
func targetType(id string) types.TargetType {
	switch {
	case strings.HasPrefix(id, "r-"):
		return types.TargetTypeRoot
	case strings.HasPrefix(id, "ou-"):
		return types.TargetTypeOrganizationalUnit
	}
	return types.TargetTypeAccount
}
