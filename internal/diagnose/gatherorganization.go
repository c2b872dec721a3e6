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
	if g.clients.Organizations == nil {
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
	places := each(g, accounts, func(g *gatherer, account string) *Place { return g.readPlace(o, account) })
	for _, p := range places {
		if p != nil {
			o.Places = append(o.Places, *p)
		}
	}
}

// readPlace reads where an account stands and what bears on it there; nil if that
// cannot be told.
func (g *gatherer) readPlace(o *Organization, account string) *Place {
	p := Place{Account: account, Policies: []PolicyRead{}}
	levels, ok := g.pathDown(account)
	if !ok {
		return nil
	}
	p.Path = o.ID + "/"
	for _, l := range levels[:len(levels)-1] {
		p.Path += l + "/"
	}
	if account == o.Management {
		return &p // neither kind bears on it
	}
	kinds := []orgtypes.PolicyType{orgtypes.PolicyTypeServiceControlPolicy, orgtypes.PolicyTypeResourceControlPolicy}
	read := each(g, kinds, func(g *gatherer, kind orgtypes.PolicyType) *[][]access.Document { return g.levels(levels, kind) })
	if read[0] == nil || read[1] == nil {
		return nil
	}
	p.service, p.resource = *read[0], *read[1]
	for _, kind := range read {
		for _, here := range *kind {
			for _, d := range here {
				p.Policies = append(p.Policies, PolicyRead{Source: "organizations:DescribePolicy", Name: d.Name, ARN: d.ARN})
			}
		}
	}
	return &p
}

// pathDown are the ids from the root to the account. ok is false where the account
// is in no organization, or in another.
func (g *gatherer) pathDown(account string) (levels []string, ok bool) {
	levels = []string{account}
	for at := account; len(levels) < 8; { // five units at most lie between
		out, err := once(g.asked, at, func() (*organizations.ListParentsOutput, error) {
			return g.clients.Organizations.ListParents(g.ctx, &organizations.ListParentsInput{ChildId: &at})
		})
		if isCode(err, "ChildNotFoundException") {
			return nil, false
		}
		if err != nil {
			g.unread(err, "control policies that bear on account "+account, "organizations:ListParents", "", "")
			return nil, false
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
	return levels, true
}

// levels are the policies of a type at every level, nil if they cannot be read.
// Where the type is not enabled nothing is attached anywhere, not even the policy
// that allows all: then there are no levels.
func (g *gatherer) levels(levels []string, kind orgtypes.PolicyType) *[][]access.Document {
	all := make([][]access.Document, 0, len(levels))
	attached := false
	for _, read := range each(g, levels, func(g *gatherer, level string) *[]access.Document { return g.attachedAt(level, kind) }) {
		if read == nil {
			return nil
		}
		attached = attached || len(*read) > 0
		all = append(all, *read)
	}
	if !attached {
		all = nil
	}
	return &all
}

// attachedAt are the policies of a type that are attached to one root, unit or
// account, nil if they cannot be read.
func (g *gatherer) attachedAt(level string, kind orgtypes.PolicyType) *[]access.Document {
	list, err := once(g.asked, level+" "+string(kind), func() ([]orgtypes.PolicySummary, error) {
		var list []orgtypes.PolicySummary
		pages := organizations.NewListPoliciesForTargetPaginator(g.clients.Organizations, &organizations.ListPoliciesForTargetInput{TargetId: &level, Filter: kind})
		for pages.HasMorePages() {
			page, err := pages.NextPage(g.ctx)
			if err != nil {
				return nil, err
			}
			list = append(list, page.Policies...)
		}
		return list, nil
	})
	if err != nil {
		g.unread(err, "control policies of "+level, "organizations:ListPoliciesForTarget", "", "")
		return nil
	}
	here := []access.Document{}
	for _, read := range each(g, list, (*gatherer).controlDocument) {
		if read == nil {
			return nil
		}
		here = append(here, *read)
	}
	return &here
}

// controlDocument is a control policy's text, nil if it cannot be read.
func (g *gatherer) controlDocument(s orgtypes.PolicySummary) *access.Document {
	name, arn := aws.ToString(s.Name), aws.ToString(s.Arn)
	out, err := once(g.asked, aws.ToString(s.Id), func() (*organizations.DescribePolicyOutput, error) {
		return g.clients.Organizations.DescribePolicy(g.ctx, &organizations.DescribePolicyInput{PolicyId: s.Id})
	})
	if err == nil {
		var d access.Document
		if d, err = parsed(name, arn, aws.ToString(out.Policy.Content)); err == nil {
			return &d
		}
	}
	g.unread(err, "control policy "+name, "organizations:DescribePolicy", "", "")
	return nil
}
