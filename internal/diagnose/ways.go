package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// identityWays are the ways to give the caller what no identity policy allows, the
// one first that an organization would take:
//
//   - a role of IAM Identity Center gets it in its permission set, where alone it lasts;
//   - a statement that nearly allows it is corrected, if that lets through nothing else;
//   - a user all of whose policies come from groups gets it in a group;
//   - everybody else gets an inline policy: the least that changes.
func (e *Evidence) identityWays(same []trial, near *Statement) [][]Fix {
	inline := []Fix{e.allowIdentity(same)}
	if _, owner := e.Caller.owner(); strings.HasPrefix(owner, identityCenter) {
		return append([][]Fix{inline}, e.inKeyPolicyInstead(same)...)
	}
	var ways [][]Fix
	edit, minimal := e.correct(same, near)
	if minimal {
		ways = append(ways, edit)
	}
	group, byGroups := e.allowGroup(same)
	if byGroups {
		ways = append(ways, group)
	}
	ways = append(ways, inline)
	if !byGroups && group != nil {
		ways = append(ways, group)
	}
	ways = append(ways, []Fix{e.allowManaged(same)})
	if key := e.inKeyPolicyInstead(same); key != nil {
		ways = append(append(ways, key...), e.grants(same))
	}
	if !minimal && edit != nil {
		ways = append(ways, edit)
	}
	return ways
}

// identityCenter begins the names of the roles that IAM Identity Center makes of
// permission sets (IAM Identity Center guide, "Permission sets").
const identityCenter = "AWSReservedSSO_"

// allowGroup puts the policy on a group of the caller's, nil if there is none.
// byGroups tells whether all of the caller's policies come from groups.
func (e *Evidence) allowGroup(same []trial) (fixes []Fix, byGroups bool) {
	c := e.Caller
	if c.Principal.Type != access.User {
		return nil, false
	}
	group := ""
	byGroups = true
	for i := range c.Identity {
		h := &c.Identity[i]
		if h.Holder != "group" {
			byGroups = false
		} else if group == "" {
			group = h.HolderName
		}
	}
	if group == "" {
		return nil, false
	}
	text, name := newDocument(e.allowing(same, nil)...), e.policyName()
	f := Fix{
		Kind: IAMPolicyFix, Document: text, Target: e.groupARN(group),
		Title:    phrase.Say("Attach this policy to group %s", group),
		TradeOff: phrase.Say("Every user of the group may start such instances, and the next who joins needs nothing more."),
		Note:     e.grantNote(),
	}
	e.puts(&f, addedSlot(inlineOf("group", group, name)), text)
	e.do(&f, putInline("group", group, name, text))
	e.then(&f)
	return []Fix{f}, byGroups
}

func (e *Evidence) groupARN(name string) string {
	return fmt.Sprintf("arn:%s:iam::%s:group/%s", e.Site.Partition, e.Site.Account, name)
}

// allowManaged makes a customer managed policy and attaches it.
func (e *Evidence) allowManaged(same []trial) Fix {
	text, name := newDocument(e.allowing(same, nil)...), e.policyName()
	holder, owner := e.Caller.owner()
	arn := fmt.Sprintf("arn:%s:iam::%s:policy/%s", e.Site.Partition, e.Site.Account, name)
	f := Fix{
		Kind: IAMPolicyFix, Document: text, Target: e.target(),
		Title:    phrase.Say("Make a managed policy of it and attach that to %s", e.who()),
		TradeOff: phrase.Say("It can be attached to others and has versions; it counts against the ten policies that can be attached."),
		Note:     e.grantNote(),
	}
	e.puts(&f, addedSlot(Held{Document: access.Document{Name: name, ARN: arn}, Holder: holder, HolderName: owner, Policy: name}), text)
	e.do(&f, createPolicy(name, text), attach(holder, owner, arn))
	e.then(&f)
	return f
}

func createPolicy(name, text string) Call {
	return Call{"iam", "CreatePolicy", &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: aws.String(compact(text))}}
}

// attach is the call that attaches a managed policy to a user, group or role.
func attach(holder, owner, arn string) Call {
	switch holder {
	case "group":
		return Call{"iam", "AttachGroupPolicy", &iam.AttachGroupPolicyInput{GroupName: &owner, PolicyArn: &arn}}
	case "role":
		return Call{"iam", "AttachRolePolicy", &iam.AttachRolePolicyInput{RoleName: &owner, PolicyArn: &arn}}
	}
	return Call{"iam", "AttachUserPolicy", &iam.AttachUserPolicyInput{UserName: &owner, PolicyArn: &arn}}
}

// inKeyPolicyInstead names the caller in the policies of keys of this account, if
// they could be read.
func (e *Evidence) inKeyPolicyInstead(same []trial) [][]Fix {
	for _, arn := range keysOf(same) {
		if k := e.key(arn); accountOf(arn) != e.Site.Account || k == nil || k.Policy == nil || k.Manager == "AWS" {
			return nil
		}
	}
	return [][]Fix{e.nameInKeyPolicy(same)}
}

// correct edits the caller's statement that nearly allows what failed, nil where
// that cannot be. minimal tells whether the statement then allows what the start
// needs and nothing else.
func (e *Evidence) correct(same []trial, near *Statement) (fixes []Fix, minimal bool) {
	if near == nil {
		return nil, false
	}
	i := slices.IndexFunc(e.Caller.Identity, func(h Held) bool { return h.Name == near.Document && h.ARN == near.ARN })
	if i < 0 || awsManaged(near.ARN) {
		return nil, false
	}
	h := &e.Caller.Identity[i]
	text, ok := corrected(h.text(), near, same)
	if !ok {
		return nil, false
	}
	f := Fix{
		Kind: PolicyEditFix, Document: text, Target: e.holderARN(h), Title: phrase.Say("Correct %s", near.place()),
		TradeOff: phrase.Say("It corrects what was meant, and adds no policy."),
	}
	e.puts(&f, heldSlot(h), text)
	e.putHeld(&f, h, text)
	e.then(&f)
	fixes = []Fix{f}
	gone, m := e.settles(fixes, same)
	if gone != policy.Yes {
		return nil, false
	}
	if m != Minimal {
		fixes[0].TradeOff = phrase.Say("It corrects what was meant, but the statement allows more than the start needs.")
	}
	return fixes, m == Minimal
}

// putHeld makes a fix put a text in the place of a policy that is the account's.
func (e *Evidence) putHeld(f *Fix, h *Held, text string) {
	if h.Inline {
		e.do(f, putInline(h.Holder, h.HolderName, h.Policy, text))
		return
	}
	f.Target = h.ARN
	e.do(f, newVersion(h.ARN, text))
	f.Note = phrase.Say("A managed policy keeps five versions: delete one first if it has as many.")
}

// corrected is a policy with one of its statements changed so that what failed
// fits the element that was in the way.
func corrected(text string, near *Statement, same []trial) (string, bool) {
	d, err := readDocument(text)
	if err != nil || near.Index >= len(d.Statement) {
		return "", false
	}
	p, ok := takeApart(d.Statement[near.Index])
	if !ok || !p.correct(near, same) {
		return "", false
	}
	raw := []byte(render(p.join()))
	d.Statement[near.Index] = raw
	return Pretty(render(d)), true
}

// correct changes the element that was in the way.
func (p *parts) correct(near *Statement, same []trial) bool {
	m := near.mismatch
	switch {
	case near.misspelt != "":
		i := slices.Index(p.lists["Action"], near.misspelt)
		if i < 0 {
			return false
		}
		p.lists["Action"] = slices.Compact(slices.Concat(p.lists["Action"][:i], actionsOf(same), p.lists["Action"][i+1:]))
		return true
	case m == nil || m.Unknown || m.Variable != "":
		return false
	case m.Element == policy.ResourceElement:
		for _, arn := range keysOf(same) {
			if !slices.Contains(p.lists["Resource"], arn) {
				p.lists["Resource"] = append(p.lists["Resource"], arn)
			}
		}
		return true
	case m.Element == policy.ConditionElement && !strings.Contains(m.Operator, "Not") && len(m.Saw) > 0:
		if base := m.Operator[strings.Index(m.Operator, ":")+1:]; !strings.HasPrefix(base, "String") && !strings.HasPrefix(base, "Arn") {
			return false
		}
		for key, values := range p.conditions[m.Operator] {
			if strings.EqualFold(key, m.Key) {
				for _, v := range m.Saw {
					if !slices.Contains(values, v) {
						values = append(values, v)
					}
				}
				p.conditions[m.Operator][key] = values
				return true
			}
		}
	}
	return false
}
