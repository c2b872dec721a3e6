package diagnose

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// organization reads the control policies that bear on the caller's account and
// on the keys'. The management account and delegated administrators alone may:
// to others the denied event tells the kind of policy (Organizations guide,
// "Service control policies").
func (g *gatherer) organization() {
	e := g.evidence
	if e.Caller == nil || g.clients.Organizations == nil {
		return
	}
	g.tell(phrase.Say("reading the organization of account %s", e.Site.Account))
	out, err := g.clients.Organizations.DescribeOrganization(g.ctx, &organizations.DescribeOrganizationInput{})
	if isCode(err, "AWSOrganizationsNotInUseException") {
		e.NoOrganization = true
		return
	}
	if err != nil {
		g.unread(err, "the organization of account "+e.Site.Account, "organizations:DescribeOrganization", "", "")
		return
	}
	o := &Organization{Source: "organizations:DescribeOrganization", ID: aws.ToString(out.Organization.Id), Management: aws.ToString(out.Organization.MasterAccountId), Places: []Place{}}
	e.Organization = o
	accounts := []string{e.Caller.Principal.Account}
	for _, k := range e.Keys {
		if a := accountOf(k.ARN); !slices.Contains(accounts, a) {
			accounts = append(accounts, a)
		}
	}
	for _, a := range accounts {
		if p, ok := g.readPlace(o, a); ok {
			o.Places = append(o.Places, p)
		}
	}
}

// readPlace reads where an account stands and what bears on it there.
func (g *gatherer) readPlace(o *Organization, account string) (Place, bool) {
	p := Place{Account: account, Policies: []PolicyRead{}}
	levels := []string{account}
	for at := account; len(levels) < 8; { // five units at most lie between
		out, err := g.clients.Organizations.ListParents(g.ctx, &organizations.ListParentsInput{ChildId: &at})
		if isCode(err, "ChildNotFoundException") {
			return p, false // it is in no organization, or in another
		}
		if err != nil {
			g.unread(err, "control policies that bear on account "+account, "organizations:ListParents", "", "")
			return p, false
		}
		if len(out.Parents) == 0 {
			break
		}
		at = aws.ToString(out.Parents[0].Id)
		levels = append(levels, at)
		if out.Parents[0].Type == orgtypes.ParentTypeRoot {
			break
		}
	}
	slices.Reverse(levels)
	p.Path = o.ID + "/"
	for _, l := range levels[:len(levels)-1] {
		p.Path += l + "/"
	}
	if account == o.Management {
		return p, true // neither kind bears on it
	}
	var ok bool
	if p.service, ok = g.levels(&p, levels, orgtypes.PolicyTypeServiceControlPolicy); !ok {
		return p, false
	}
	p.resource, ok = g.levels(&p, levels, orgtypes.PolicyTypeResourceControlPolicy)
	return p, ok
}

// levels are the policies of a type at every level. Where the type is not
// enabled nothing is attached anywhere, not even the policy that allows all.
func (g *gatherer) levels(p *Place, levels []string, kind orgtypes.PolicyType) ([][]access.Document, bool) {
	var all [][]access.Document
	attached := false
	for _, level := range levels {
		here := []access.Document{}
		pages := organizations.NewListPoliciesForTargetPaginator(g.clients.Organizations, &organizations.ListPoliciesForTargetInput{TargetId: &level, Filter: kind})
		for pages.HasMorePages() {
			page, err := pages.NextPage(g.ctx)
			if err != nil {
				g.unread(err, "control policies of "+level, "organizations:ListPoliciesForTarget", "", "")
				return nil, false
			}
			for _, s := range page.Policies {
				d, ok := g.controlDocument(s)
				if !ok {
					return nil, false
				}
				here = append(here, d)
				p.Policies = append(p.Policies, PolicyRead{Source: "organizations:DescribePolicy", Name: d.Name, ARN: d.ARN})
			}
		}
		attached = attached || len(here) > 0
		all = append(all, here)
	}
	if !attached {
		return nil, true
	}
	return all, true
}

func (g *gatherer) controlDocument(s orgtypes.PolicySummary) (access.Document, bool) {
	name, arn := aws.ToString(s.Name), aws.ToString(s.Arn)
	out, err := g.clients.Organizations.DescribePolicy(g.ctx, &organizations.DescribePolicyInput{PolicyId: s.Id})
	if err == nil {
		var d access.Document
		if d, err = parsed(name, arn, aws.ToString(out.Policy.Content)); err == nil {
			return d, true
		}
	}
	g.unread(err, "control policy "+name, "organizations:DescribePolicy", "", "")
	return access.Document{}, false
}
