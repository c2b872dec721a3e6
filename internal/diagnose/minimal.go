package diagnose

import (
	"encoding/json"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

// Minimality is whether a fix is as small as it can be. It is, if
//
//   - no element of it can be dropped: without any one of its statements, actions,
//     resources, principals, values of conditions, operations of a grant or calls,
//     the start itself or a request that it makes is denied; and
//   - it has room for nothing else: whatever is newly allowed is a request that the
//     start makes, as far as policies tell requests apart: one of its actions, on one
//     of its keys, made by EC2 in the caller's name (kms:ViaService is EC2's, or for a
//     grant kms:GrantIsForAWSResource is true). A Deny statement is narrowed by a
//     condition, which bears on all that it denies: there it may be any request that
//     a service makes in the caller's name, or EC2's role for the instance. A grant
//     has no conditions: there it may be the grant's operations on its key.
//
// The first is tried element by element, the second proved over all requests.
type Minimality string

// The answers.
const (
	Minimal    Minimality = "yes"
	NotMinimal Minimality = "no"
	// MinimalityOpen: it turns on what could not be read.
	MinimalityOpen Minimality = "maybe"
)

// minimality tells whether the fixes, which lead from before to after, are minimal,
// and what is too much, or what keeps it from being known. need is what a start is
// to come to: Yes if it goes through.
func minimality(before, after *Evidence, fixes []Fix, need func(*Evidence) policy.Truth) (Minimality, []phrase.Text) {
	m, surplus := droppable(before, fixes, need)
	wider, more := surplusRoom(before, after, fixes)
	surplus = append(append([]phrase.Text{}, surplus...), more...)
	switch {
	case m == policy.Yes || wider == policy.Yes:
		return NotMinimal, surplus
	case m == policy.Maybe || wider == policy.Maybe:
		return MinimalityOpen, surplus
	}
	return Minimal, surplus
}

// droppable tells whether an element of the fixes can be dropped.
func droppable(before *Evidence, fixes []Fix, need func(*Evidence) policy.Truth) (policy.Truth, []phrase.Text) {
	var effects []effect
	for _, f := range fixes {
		effects = append(effects, f.effects...)
	}
	answer := policy.No
	var could, open []phrase.Text
	for i, x := range effects {
		for _, l := range x.less() {
			e := before.clone()
			for j, o := range effects {
				if j != i {
					o.in(e)
				} else if l.in != nil {
					l.in(e)
				}
			}
			e.Unread = before.Unread
			switch need(e) {
			case policy.Yes:
				answer = policy.Yes
				could = append(could, phrase.Say("it can do without %s", l.without))
			case policy.Maybe:
				answer = answer.Or(policy.Maybe)
				open = append(open, phrase.Say("whether it can do without %s turns on what could not be read", l.without))
			}
		}
	}
	return answer, append(could, open...)
}

// goesThrough tells whether every request of the start is allowed.
func goesThrough(e *Evidence) policy.Truth {
	all := policy.Yes
	trials := e.try()
	for i := range trials {
		t := &trials[i]
		switch {
		case t.passes():
		case t.fault == "" && (t.nobody || t.decision.Outcome == access.Depends):
			all = all.And(policy.Maybe)
		default:
			return policy.No
		}
	}
	return all
}

// surplusRoom tells whether the fixes let through what no start needs.
func surplusRoom(before, after *Evidence, fixes []Fix) (policy.Truth, []phrase.Text) {
	if before.Caller == nil {
		return policy.No, nil
	}
	unknown := []phrase.Text{phrase.Say("what else it allows turns on what could not be read")}
	needed := before.room(fixes)
	var beyond []requestset.Set
	for _, key := range before.keyARNs() {
		was, err := before.reach(key)
		if err != nil {
			return policy.Maybe, unknown
		}
		is, err := after.reach(key)
		if err != nil {
			return policy.Maybe, unknown
		}
		beyond = append(beyond, is.Minus(was))
	}
	own, err := ownReach(before, after)
	if err != nil {
		return policy.Maybe, unknown
	}
	answer := policy.No
	var surplus []phrase.Text
	say := func(who phrase.Text, a requestset.Answer) {
		answer = answer.Or(a.Any)
		switch {
		case a.Any == policy.Yes && len(a.Regions) > 0:
			surplus = append(surplus, phrase.Say("it allows %s to %s, which no start needs", a.Regions[0].String(), who))
		case a.Any == policy.Maybe:
			surplus = append(surplus, phrase.Say("what else it allows to %s cannot be told: %s", who, strings.Join(a.Doubt, "; ")))
		}
	}
	options := requestset.Options{Known: true, Except: needed}
	for _, more := range append(beyond, own) {
		say(before.who(), more.Find(options))
	}
	for i := range after.Keys {
		k := &after.Keys[i]
		b := before.key(k.ARN)
		if k.Policy == nil || b == nil || b.Policy == nil || k.Policy.Policy.Text() == b.Policy.Policy.Text() {
			continue
		}
		options.Resource = k.ARN
		for _, a := range requestset.NewAccessTo(named(*b.Policy), named(*k.Policy), options) {
			if callers := before.others(a.Callers); len(callers) > 0 {
				say(phrase.Plain(strings.Join(callers, ", ")), a.Answer)
			}
		}
	}
	return answer, surplus
}

// room is what the fixes may let through: what the start asks of its keys, as far
// as policies tell it from other requests.
func (e *Evidence) room(fixes []Fix) requestset.Set {
	actions := actionsOf(e.callersTrials())
	via := operators{"StringEquals": {"kms:ViaService": e.Site.ServicePrincipal()}}
	allowed := []statement{
		{Effect: "Allow", Action: actions, Resource: e.keyARNs(), Condition: via},
		{Effect: "Allow", Action: "kms:CreateGrant", Resource: e.keyARNs(), Condition: operators{"Bool": {"kms:GrantIsForAWSResource": "true"}}},
	}
	room := allowedBy(allowed...).Or(e.intended())
	if exempts(fixes) {
		everything := statement{Effect: "Allow", Action: "*", Resource: "*"}
		for _, key := range [...]string{"aws:ViaAWSService", "kms:GrantIsForAWSResource"} {
			// There, and not false: the opposite of what a Deny statement is left with.
			unless := statement{Effect: "Deny", Action: "*", Resource: "*", Condition: operators{"BoolIfExists": {key: "false"}}}
			room = room.Or(allowedBy(everything, unless))
		}
		everything.Condition = operators{"ArnEquals": {"aws:PrincipalArn": e.Site.Infrastructure(e.Instance.ID).RoleARN}}
		room = room.Or(allowedBy(everything))
	}
	for i := range fixes {
		for _, x := range fixes[i].effects {
			if g, ok := x.(*grantEffect); ok { // a grant has no conditions
				room = room.Or(allowedBy(statement{Effect: "Allow", Action: g.actions(), Resource: g.key}))
			}
		}
	}
	return room
}

// allowedBy is what statements allow; nothing if they are none.
func allowedBy(statements ...statement) requestset.Set {
	p, err := policy.Parse([]byte(newDocument(statements...)))
	if err != nil {
		return requestset.Set{}
	}
	return requestset.Allowed(requestset.Document{Policy: p})
}

// callersTrials are the requests of the start that are made in the caller's name.
func (e *Evidence) callersTrials() []trial {
	var all []trial
	for _, t := range e.try() {
		if t.step.By == launch.ByCaller {
			all = append(all, t)
		}
	}
	return all
}

// exempts tells whether one of the fixes narrows a Deny statement.
func exempts(fixes []Fix) bool {
	for i := range fixes {
		for _, c := range fixes[i].changed() {
			was, err := readDocument(c.was)
			if err != nil {
				continue
			}
			is, err := readDocument(c.is)
			if err != nil || len(is.Statement) != len(was.Statement) {
				continue
			}
			for j := range is.Statement {
				var s struct{ Effect string }
				if !sameJSON(was.Statement[j], is.Statement[j]) && json.Unmarshal(is.Statement[j], &s) == nil && s.Effect == "Deny" {
					return true
				}
			}
		}
	}
	return false
}
