package diagnose

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// prove decides every request again with the fixes in place, and those that the
// fixes must not open.
func prove(before, after *Evidence, first []trial, cause *Cause, fixes []Fix) *Proof {
	if !slices.ContainsFunc(fixes, func(f Fix) bool { return len(f.effects) > 0 }) {
		return nil
	}
	p := &Proof{Sufficient: true, NothingElse: true, Surplus: []phrase.Text{}, Steps: []Check{}, Others: []Check{}, Opened: []Opening{}}
	trials := after.try()
	for i := range trials {
		t := &trials[i]
		p.Sufficient = p.Sufficient && t.passes()
		p.Steps = append(p.Steps, Check{
			Action: t.request.Action, Principal: t.request.Principal.ARN, Key: t.keyARN(), Volume: t.step.Volume,
			What: stepWords(t), Before: first[i].outcome(), After: t.outcome(),
		})
	}
	open := after.clone()
	open.Unread = before.Unread
	p.Minimal, p.Surplus = minimality(before, open, fixes, open.need())
	if before.Caller == nil {
		return p
	}
	// A policy added is enough for the start, whatever an unread one says. What
	// that one allows besides stays open.
	list, direct := opened(before, open)
	p.Opened = append(p.Opened, list...)
	// Nobody but its service has a session of a service-linked role (IAM guide,
	// "Service-linked roles"): it makes no request directly.
	ofService := before.Caller.Principal.ServiceLinked
	p.NothingElse = direct == policy.No || ofService
	for _, key := range cause.Keys {
		for _, o := range others {
			was, is := before.direct(o.action, key), open.direct(o.action, key)
			// What stays open stays so for the same reason: the sets tell that it
			// is not opened.
			p.NothingElse = p.NothingElse && (is != access.Allowed || was == access.Allowed || ofService)
			p.Others = append(p.Others, Check{
				Action: o.action, Principal: before.Caller.ARN, Key: key, What: o.what,
				Before: string(was), After: string(is),
			})
		}
	}
	return p
}

// others are requests that no fix of a start needs, asked without any service.
var others = []struct {
	action string
	what   phrase.Text
}{
	{"kms:CreateGrant", phrase.Say("CreateGrant to anybody, asked directly")},
	{"kms:Decrypt", phrase.Say("Decrypt, asked directly")},
	{"kms:GenerateDataKey", phrase.Say("GenerateDataKey, asked directly")},
	{"kms:ReEncryptFrom", phrase.Say("ReEncryptFrom, asked directly")},
	{"kms:PutKeyPolicy", phrase.Say("PutKeyPolicy")},
	{"kms:ScheduleKeyDeletion", phrase.Say("ScheduleKeyDeletion")},
}

// direct decides a request that the caller makes of KMS without any service.
func (e *Evidence) direct(action, key string) access.Outcome {
	t := trial{step: launch.Step{By: launch.ByCaller, Key: key}}
	t.request = access.Request{Principal: e.principal(), Action: action, Resource: key, ResourceAccount: accountOf(key)}
	c := &t.request.Context
	c.Set("aws:RequestedRegion", e.Site.Region)
	c.Set("aws:SecureTransport", "true")
	c.Set("aws:ViaAWSService", "false")
	if action == "kms:CreateGrant" {
		c.Set("kms:GrantIsForAWSResource", "false")
		c.Set("kms:GranteePrincipal", e.principal().PrincipalARN())
		c.Set("kms:GrantOperations", "Decrypt")
	}
	e.complete(&t)
	c.SetUnknown("aws:SourceIp")
	return access.Decide(t.request, e.policies(&t.request, true)).Outcome
}

// stepWords says which request of the start it is.
func stepWords(t *trial) phrase.Text {
	name := phrase.Say("the %s for the volume", t.step.Operation)
	if t.step.Volume != "" {
		name = phrase.Say("%s for %s", t.step.Operation, t.step.Volume)
	}
	switch t.step.By {
	case launch.ByCaller:
		if t.own {
			return phrase.Say("%s, by the caller", strings.TrimPrefix(t.request.Action, "ec2:"))
		}
	case launch.ByInfrastructure:
		return phrase.Say("%s, by EC2's role for the instance", name)
	case launch.ByService:
		return phrase.Say("%s, by EC2 itself", name)
	}
	return phrase.Say("%s, by EC2 in the caller's name", name)
}
