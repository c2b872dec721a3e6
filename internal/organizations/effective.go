package organizations

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
)

// The operators of management policies (Organizations guide, "Understanding
// management policy inheritance").
const (
	opAssign = "@@assign"
	opAppend = "@@append"
	opRemove = "@@remove"
	// opAllowed says which of them policies below may use.
	opAllowed = "@@operators_allowed_for_child_policies"
)

func (s *Service) effectiveOperations() []api.Operation {
	return []api.Operation{
		read("DescribeEffectivePolicy", func(c *api.Call, o *organization, in *organizations.DescribeEffectivePolicyInput) target {
			t := on(o.arn("account", "/"+effectiveTarget(c, in)))
			t.context.Set("organizations:PolicyType", string(in.PolicyType))
			return t
		}, describeEffectivePolicy),
	}
}

// effectiveTarget is the account asked about, the caller's own if none is named.
func effectiveTarget(c *api.Call, in *organizations.DescribeEffectivePolicyInput) string {
	if in.TargetId != nil {
		return *in.TargetId
	}
	return c.Caller.Principal.Account
}

func describeEffectivePolicy(c *api.Call, in *organizations.DescribeEffectivePolicyInput) (*organizations.DescribeEffectivePolicyOutput, error) {
	id := effectiveTarget(c, in)
	look := watched
	if id == c.Caller.Principal.Account {
		look = of
	}
	o, err := look(c)
	if err != nil {
		return nil, err
	}
	if _, ok := o.Accounts[id]; !ok {
		return nil, targetNotFound()
	}
	kind := types.PolicyType(in.PolicyType)
	merged, found := map[string]any{}, false
	rules := inheritance{blocked: map[string][]string{}}
	for _, level := range o.levels(id) {
		rules.next()
		for _, d := range o.attached(level, kind) {
			var content map[string]any
			if err := json.Unmarshal([]byte(d.Content), &content); err != nil {
				return nil, err
			}
			found = true
			rules.merge("", merged, content)
		}
	}
	if !o.Enabled[kind] || !found {
		return nil, &types.EffectivePolicyNotFoundException{Message: aws.String("If you ran this action on the management account, this policy type is not enabled. If you ran the action on a member account, the account doesn't have an effective policy of this type.")}
	}
	content, err := json.Marshal(merged)
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeEffectivePolicyOutput{EffectivePolicy: &types.EffectivePolicy{
		PolicyType: in.PolicyType, TargetId: aws.String(id), PolicyContent: aws.String(string(content)), LastUpdatedTimestamp: aws.Time(c.Now),
	}}, nil
}

// inheritance merges management policies from the root down. Within one level
// what was attached first wins.
type inheritance struct {
	// blocked are, by path, the operators that levels above allow; in force from
	// the next level on.
	blocked map[string][]string
	coming  map[string][]string
	// assigned are the paths that a policy of this level has assigned.
	assigned map[string]bool
}

// next begins a level.
func (r *inheritance) next() {
	maps.Copy(r.blocked, r.coming)
	r.coming, r.assigned = map[string][]string{}, map[string]bool{}
}

// merge puts one policy's members into what came from above.
func (r *inheritance) merge(path string, into, from map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(from)) {
		if strings.HasPrefix(key, "@@") {
			if key == opAllowed {
				r.coming[path] = texts(from[key])
			}
			continue
		}
		child, ok := from[key].(map[string]any)
		if !ok {
			continue
		}
		at := path + "/" + key
		if isSetting(child) {
			r.set(at, into, key, child)
			if allowed, ok := child[opAllowed]; ok {
				r.coming[at] = texts(allowed)
			}
			continue
		}
		below, ok := into[key].(map[string]any)
		if !ok {
			below = map[string]any{}
			into[key] = below
		}
		r.merge(at, below, child)
	}
}

func isSetting(m map[string]any) bool {
	for _, op := range []string{opAssign, opAppend, opRemove} {
		if _, ok := m[op]; ok {
			return true
		}
	}
	return false
}

// allows reports whether the levels above let an operator be used at a path.
func (r *inheritance) allows(path, operator string) bool {
	for {
		if allowed, ok := r.blocked[path]; ok {
			return slices.Contains(allowed, operator) || slices.Contains(allowed, "@@all")
		}
		if path == "" {
			return true
		}
		path = path[:strings.LastIndexByte(path, '/')]
	}
}

func (r *inheritance) set(path string, into map[string]any, key string, setting map[string]any) {
	if v, ok := setting[opAssign]; ok && r.allows(path, opAssign) && !r.assigned[path] {
		into[key], r.assigned[path] = v, true
	}
	if v, ok := setting[opAppend]; ok && r.allows(path, opAppend) {
		list := texts(into[key])
		for _, t := range texts(v) {
			if !slices.Contains(list, t) {
				list = append(list, t)
			}
		}
		into[key] = list
	}
	if v, ok := setting[opRemove]; ok && r.allows(path, opRemove) {
		gone := texts(v)
		into[key] = slices.DeleteFunc(texts(into[key]), func(t string) bool { return slices.Contains(gone, t) })
	}
}

// texts reads a text or a list of them.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			if t, ok := e.(string); ok {
				out = append(out, t)
			}
		}
		return out
	}
	return nil
}
