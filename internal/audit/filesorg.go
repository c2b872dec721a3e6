package audit

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/policy"
)

// orgFiles are what the files have of an organization: describe-organization,
// list-parents for every account and unit, list-policies-for-target for every root,
// unit and account, and describe-policy for every policy.
type orgFiles struct {
	id, management string
	parents        map[string]string                       // of an account or unit
	attached       map[string]map[string][]attachedControl // by node and type
	documents      map[string]access.Document
}

type attachedControl struct{ id, name, arn string }

// node is an account, a unit or a root, by the name of a file or folder.
func node(path string) string {
	for _, part := range slices.Backward(strings.Split(filepath.ToSlash(path), "/")) {
		part = strings.TrimSuffix(part, ".json")
		for word := range strings.SplitSeq(part, "_") {
			if accountID.MatchString(word) || strings.HasPrefix(word, "ou-") || strings.HasPrefix(word, "r-") {
				return word
			}
		}
	}
	return ""
}

type organizationFile struct{ Id, MasterAccountId string }

func (f *files) organization(_ whereabouts, o *organizationFile) error {
	f.org.id, f.org.management = o.Id, o.MasterAccountId
	return nil
}

type parentFile struct{ Id, Type string }

func (f *files) parent(w whereabouts, p *parentFile) {
	if f.org.parents == nil {
		f.org.parents = make(map[string]string)
	}
	f.org.parents[w.node] = p.Id
}

// looked notes that what is attached to a node was read.
func (o *orgFiles) looked(node string) map[string][]attachedControl {
	if o.attached == nil {
		o.attached = make(map[string]map[string][]attachedControl)
	}
	if o.attached[node] == nil {
		o.attached[node] = make(map[string][]attachedControl)
	}
	return o.attached[node]
}

// policies notes what is attached to a node.
func (o *orgFiles) policies(node string, p *managedDetail) {
	at := o.looked(node)
	at[p.Type] = append(at[p.Type], attachedControl{p.Id, p.Name, p.Arn})
}

// controlPolicy takes the output of describe-policy; false for anything else.
func (o *orgFiles) controlPolicy(raw json.RawMessage) bool {
	var p struct {
		PolicySummary struct{ Id, Name, Arn string }
		Content       string
	}
	if json.Unmarshal(raw, &p) != nil || p.PolicySummary.Id == "" {
		return false
	}
	if o.documents == nil {
		o.documents = make(map[string]access.Document)
	}
	if d, err := policy.Parse([]byte(p.Content)); err == nil {
		o.documents[p.PolicySummary.Id] = access.Document{Name: p.PolicySummary.Name, ARN: p.PolicySummary.Arn, Policy: d}
	}
	return true
}

// finish says where each account stands, as far as that is known.
func (o *orgFiles) finish(in *Inventory) {
	if o.id == "" || in.NoOrganization {
		return
	}
	in.Organization = &diagnose.Organization{Source: "organizations:DescribeOrganization", ID: o.id, Management: o.management, Places: []diagnose.Place{}}
	for account := range o.parents {
		if !accountID.MatchString(account) {
			continue
		}
		if p, ok := o.place(account); ok {
			in.Organization.Places = append(in.Organization.Places, p)
		}
	}
	slices.SortFunc(in.Organization.Places, func(a, b diagnose.Place) int { return strings.Compare(a.Account, b.Account) })
}

func (o *orgFiles) place(account string) (diagnose.Place, bool) {
	levels := []string{account}
	for at := account; !strings.HasPrefix(at, "r-"); {
		up, ok := o.parents[at]
		if !ok || len(levels) > 8 {
			return diagnose.Place{}, false
		}
		levels = append(levels, up)
		at = up
	}
	slices.Reverse(levels)
	path := strings.Join(append([]string{o.id}, levels[:len(levels)-1]...), "/") + "/"
	if account == o.management {
		return diagnose.NewPlace(account, path, nil, nil), true
	}
	service, ok := o.levels(levels, "SERVICE_CONTROL_POLICY")
	if !ok {
		return diagnose.Place{}, false
	}
	resource, ok := o.levels(levels, "RESOURCE_CONTROL_POLICY")
	return diagnose.NewPlace(account, path, service, resource), ok
}

// levels are the policies of a type from the root down. Where nothing is attached
// anywhere the type is not enabled.
func (o *orgFiles) levels(levels []string, kind string) ([][]access.Document, bool) {
	var all [][]access.Document
	some := false
	for _, l := range levels {
		here := []access.Document{}
		if o.attached[l] == nil {
			return nil, false
		}
		for _, a := range o.attached[l][kind] {
			d, ok := o.documents[a.id]
			if !ok {
				return nil, false
			}
			here, some = append(here, d), true
		}
		all = append(all, here)
	}
	if !some {
		return nil, true
	}
	return all, true
}
