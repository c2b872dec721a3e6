package audit

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/policy"
)

// details is what GetAccountAuthorizationDetails answers, in the form in which the
// AWS CLI prints it.
type details struct {
	UserDetailList  []userDetail
	GroupDetailList []groupDetail
	RoleDetailList  []roleDetail
	Policies        []managedDetail
}

type userDetail struct {
	Path, UserName, UserId, Arn string
	UserPolicyList              []inlineDetail
	GroupList                   []string
	AttachedManagedPolicies     []attachedDetail
	PermissionsBoundary         *boundaryDetail
	Tags                        []tagDetail
}

type groupDetail struct {
	GroupName, Arn          string
	GroupPolicyList         []inlineDetail
	AttachedManagedPolicies []attachedDetail
}

type roleDetail struct {
	Path, RoleName, RoleId, Arn string
	AssumeRolePolicyDocument    text
	RolePolicyList              []inlineDetail
	AttachedManagedPolicies     []attachedDetail
	PermissionsBoundary         *boundaryDetail
	Tags                        []tagDetail
}

type inlineDetail struct {
	PolicyName     string
	PolicyDocument text
}

type attachedDetail struct{ PolicyName, PolicyArn string }

type boundaryDetail struct{ PermissionsBoundaryArn string }

// managedDetail is also an entry of Organizations' ListPoliciesForTarget, which
// has Id, Name and Type and no versions.
type managedDetail struct {
	PolicyName, Arn   string
	PolicyVersionList []versionDetail
	Id, Name, Type    string
}

type versionDetail struct {
	Document         text
	IsDefaultVersion bool
}

type tagDetail struct{ Key, Value string }

// text is a policy document. The API has it URL-encoded; the AWS CLI decodes it and
// prints a JSON value.
type text string

// UnmarshalJSON takes either form.
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '"' {
		*t = text(b)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*t = text(s)
	return nil
}

// document is the policy's text as somebody wrote it.
func (t text) document() (string, error) {
	s := strings.TrimSpace(string(t))
	if strings.HasPrefix(s, "%") {
		return url.PathUnescape(s)
	}
	return s, nil
}

// principals makes users and roles of it. missed is told what could not be read.
func (d *details) principals(partition, account string, missed func(what string, err error)) []Principal {
	m := &maker{missed: missed, managed: make(map[string]*access.Document), groups: make(map[string]*groupDetail), parsed: make(map[string]*policy.Policy)}
	for i := range d.Policies {
		p := &d.Policies[i]
		for _, v := range p.PolicyVersionList {
			if v.IsDefaultVersion {
				m.managed[p.Arn] = m.document(p.PolicyName, p.Arn, v.Document)
			}
		}
	}
	for i := range d.GroupDetailList {
		m.groups[d.GroupDetailList[i].GroupName] = &d.GroupDetailList[i]
	}
	var all []Principal
	for i := range d.UserDetailList {
		u := &d.UserDetailList[i]
		p := userOf(partition, account, u.Path, u.UserName, u.UserId)
		p.Principal.Tags = tagPairs(u.Tags)
		m.hold(&p, "user", u.UserName, u.UserPolicyList, u.AttachedManagedPolicies)
		for _, name := range u.GroupList {
			if g := m.groups[name]; g != nil {
				m.hold(&p, "group", name, g.GroupPolicyList, g.AttachedManagedPolicies)
			} else {
				p.Unread = append(p.Unread, "policies of group "+name)
				missed("policies of group "+name, errNotThere)
			}
		}
		m.limit(&p, u.PermissionsBoundary)
		all = append(all, p)
	}
	for i := range d.RoleDetailList {
		r := &d.RoleDetailList[i]
		p := roleOf(partition, account, r.Path, r.RoleName, r.RoleId)
		p.Principal.Tags = tagPairs(r.Tags)
		m.hold(&p, "role", r.RoleName, r.RolePolicyList, r.AttachedManagedPolicies)
		m.limit(&p, r.PermissionsBoundary)
		p.TagsSessions = m.tagsSessions(r.RoleName, r.AssumeRolePolicyDocument)
		all = append(all, p)
	}
	return all
}

var errNotThere = errors.New("it is not in what was read")

// maker makes principals; it parses each document once.
type maker struct {
	missed  func(what string, err error)
	managed map[string]*access.Document
	groups  map[string]*groupDetail
	parsed  map[string]*policy.Policy
}

func (m *maker) document(name, arn string, t text) *access.Document {
	s, err := t.document()
	p := m.parsed[s]
	if err == nil && p == nil {
		if p, err = policy.Parse([]byte(s)); err == nil {
			m.parsed[s] = p
		}
	}
	if err != nil {
		m.missed(name, err)
		return nil
	}
	return &access.Document{Name: name, ARN: arn, Policy: p}
}

// hold adds the policies of a holder.
func (m *maker) hold(p *Principal, holder, owner string, inline []inlineDetail, attached []attachedDetail) {
	add := func(d *access.Document, inline bool, name string) {
		if d == nil {
			p.Unread = append(p.Unread, name)
			return
		}
		p.Identity = append(p.Identity, diagnose.Held{Document: *d, Inline: inline, Holder: holder, HolderName: owner, Policy: name})
	}
	for _, i := range inline {
		add(m.document("inline policy "+i.PolicyName+" of "+holder+" "+owner, "", i.PolicyDocument), true, i.PolicyName)
	}
	for _, a := range attached {
		d, ok := m.managed[a.PolicyArn]
		if !ok {
			m.missed("managed policy "+a.PolicyArn, errNotThere)
			m.managed[a.PolicyArn] = nil
		}
		add(d, false, a.PolicyName)
	}
}

func (m *maker) limit(p *Principal, b *boundaryDetail) {
	if b == nil || b.PermissionsBoundaryArn == "" {
		return
	}
	d, ok := m.managed[b.PermissionsBoundaryArn]
	if !ok {
		m.missed("permissions boundary "+b.PermissionsBoundaryArn, errNotThere)
		m.managed[b.PermissionsBoundaryArn] = nil
	}
	p.Boundary, p.BoundaryUnread = d, d == nil
}

// tagsSessions tells whether a trust policy lets sessions bring tags (IAM guide,
// "Pass session tags in AWS STS"). One that cannot be read may.
func (m *maker) tagsSessions(role string, t text) bool {
	d := m.document("trust policy of role "+role, "", t)
	if d == nil {
		return true
	}
	for i := range d.Policy.Len() {
		if s := d.Policy.Statement(i); s.Effect() == policy.Allow && matches(s, "sts:TagSession") {
			return true
		}
	}
	return false
}

func tagPairs(list []tagDetail) map[string]string {
	all := make(map[string]string, len(list))
	for _, t := range list {
		all[t.Key] = t.Value
	}
	return all
}

// addPage adds a page of the API's answer.
func (d *details) addPage(page *iam.GetAccountAuthorizationDetailsOutput) {
	for i := range page.UserDetailList {
		u := &page.UserDetailList[i]
		d.UserDetailList = append(d.UserDetailList, userDetail{
			Path: aws.ToString(u.Path), UserName: aws.ToString(u.UserName), UserId: aws.ToString(u.UserId), Arn: aws.ToString(u.Arn),
			UserPolicyList: inlines(u.UserPolicyList), GroupList: u.GroupList, AttachedManagedPolicies: attachments(u.AttachedManagedPolicies),
			PermissionsBoundary: boundaryOf(u.PermissionsBoundary), Tags: tagsOf(u.Tags),
		})
	}
	for i := range page.GroupDetailList {
		g := &page.GroupDetailList[i]
		d.GroupDetailList = append(d.GroupDetailList, groupDetail{
			GroupName: aws.ToString(g.GroupName), Arn: aws.ToString(g.Arn), GroupPolicyList: inlines(g.GroupPolicyList), AttachedManagedPolicies: attachments(g.AttachedManagedPolicies),
		})
	}
	for i := range page.RoleDetailList {
		r := &page.RoleDetailList[i]
		d.RoleDetailList = append(d.RoleDetailList, roleDetail{
			Path: aws.ToString(r.Path), RoleName: aws.ToString(r.RoleName), RoleId: aws.ToString(r.RoleId), Arn: aws.ToString(r.Arn),
			AssumeRolePolicyDocument: text(aws.ToString(r.AssumeRolePolicyDocument)), RolePolicyList: inlines(r.RolePolicyList),
			AttachedManagedPolicies: attachments(r.AttachedManagedPolicies), PermissionsBoundary: boundaryOf(r.PermissionsBoundary), Tags: tagsOf(r.Tags),
		})
	}
	for i := range page.Policies {
		p := &page.Policies[i]
		m := managedDetail{PolicyName: aws.ToString(p.PolicyName), Arn: aws.ToString(p.Arn)}
		for _, v := range p.PolicyVersionList {
			m.PolicyVersionList = append(m.PolicyVersionList, versionDetail{text(aws.ToString(v.Document)), v.IsDefaultVersion})
		}
		d.Policies = append(d.Policies, m)
	}
}

func inlines(list []iamtypes.PolicyDetail) []inlineDetail {
	var all []inlineDetail
	for _, p := range list {
		all = append(all, inlineDetail{aws.ToString(p.PolicyName), text(aws.ToString(p.PolicyDocument))})
	}
	return all
}

func attachments(list []iamtypes.AttachedPolicy) []attachedDetail {
	var all []attachedDetail
	for _, p := range list {
		all = append(all, attachedDetail{aws.ToString(p.PolicyName), aws.ToString(p.PolicyArn)})
	}
	return all
}

func boundaryOf(b *iamtypes.AttachedPermissionsBoundary) *boundaryDetail {
	if b == nil {
		return nil
	}
	return &boundaryDetail{aws.ToString(b.PermissionsBoundaryArn)}
}

func tagsOf(list []iamtypes.Tag) []tagDetail {
	var all []tagDetail
	for _, t := range list {
		all = append(all, tagDetail{aws.ToString(t.Key), aws.ToString(t.Value)})
	}
	return all
}
