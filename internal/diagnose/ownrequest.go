package diagnose

import (
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

// What EC2 itself is asked: before it asks KMS for anything, it decides whether
// the caller may start the instance at all.

// refusedByEC2 tells whether the refused request is EC2's own.
func (e *Evidence) refusedByEC2() bool {
	return e.Denied != nil && strings.HasPrefix(e.Denied.ErrorCode, "Client.")
}

// ownTrials decide EC2's own request, where that is in question: EC2 refused it,
// or nobody has made it yet. A call that EC2 took was allowed.
func (e *Evidence) ownTrials() []trial {
	if e.Caller == nil || e.Caller.Principal.Account != e.Site.Account {
		return nil // EC2 takes nobody's calls for another account
	}
	if !e.refusedByEC2() && (!e.Forecast || e.Start != nil || e.Denied != nil) {
		return nil
	}
	var all []trial
	for _, resource := range e.ownResources() {
		t := trial{own: true, step: launch.Step{By: launch.ByCaller}}
		t.request = access.Request{Principal: e.principal(), Action: "ec2:" + string(e.operation()), Resource: resource, ResourceAccount: e.Site.Account}
		e.describeOwn(&t.request.Context, resource)
		t.decision = access.Decide(t.request, e.policies(&t.request, true))
		all = append(all, t)
	}
	return all
}

// describeOwn gives EC2's own request its condition keys: those that the decoded
// message has, else those that the evidence tells, and nobody knows the others.
func (e *Evidence) describeOwn(c *access.Context, resource string) {
	c.Set("aws:RequestedRegion", e.Site.Region)
	c.Set("aws:SecureTransport", "true")
	c.Set("aws:ViaAWSService", "false")
	c.Merge(e.Caller.Context)
	c.SetUnknown("ec2:*")
	if e.Instance.Tags == nil || resource != e.instanceARN() {
		c.SetUnknown("aws:ResourceTag/*")
	} else {
		for k, v := range e.Instance.Tags {
			c.Set("aws:ResourceTag/"+k, v)
			c.Set("ec2:ResourceTag/"+k, v)
		}
	}
	for _, k := range []string{"aws:SourceIp", "aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp", "aws:UserAgent", "aws:RequestTag/*", "aws:TagKeys"} {
		c.SetUnknown(k)
	}
	e.placeKeys(c, e.Caller.Principal.Account, e.Site.Account)
	if e.Denied == nil || e.Denied.Decoded == nil || e.Denied.Decoded.Resource != resource {
		return
	}
	for key, values := range e.Denied.Decoded.conditions {
		c.Set(key, values...)
	}
}

// ownResources are the resources of EC2's own request, as far as they are known
// before.
func (e *Evidence) ownResources() []string {
	if d, worded := e.denial(); worded && e.refusedByEC2() && d.Resource != "" {
		return []string{d.Resource}
	}
	on := func(what string) string {
		return "arn:" + e.Site.Partition + ":ec2:" + e.Site.Region + ":" + e.Site.Account + ":" + what
	}
	switch e.operation() {
	case RunInstances:
		all := []string{on("instance/*"), on("volume/*"), on("network-interface/*")}
		if e.Instance.Image != "" {
			all = append(all, "arn:"+e.Site.Partition+":ec2:"+e.Site.Region+"::image/"+e.Instance.Image)
		}
		if e.Template != "" {
			all = append(all, on("launch-template/"+e.Template))
		}
		return all
	case CreateVolume:
		return []string{on("volume/*")}
	case AttachVolume:
		return []string{e.instanceARN(), on("volume/" + e.Target.Name)}
	}
	return []string{e.instanceARN()}
}

// ownDenied: EC2 itself refuses the caller (EC2 guide, "Identity and access
// management for Amazon EC2").
func (e *Evidence) ownDenied(same []trial) finding {
	t := &same[0]
	c := e.causeOf(IdentityMissing, same)
	c.Keys = nil
	explicit := t.decision.Outcome == access.ExplicitDeny
	switch t.decision.Layer {
	case access.IdentityLayer:
		if explicit {
			c.Kind = IdentityDenied
		}
	case access.BoundaryLayer:
		c.Kind = Boundary
	case access.SessionLayer:
		c.Kind = SessionPolicy
	case access.ServiceControlLayer:
		c.Kind = ServiceControlPolicy
	case access.ResourceControlLayer:
		c.Kind = ResourceControlPolicy
	default:
		c.Kind = ControlPolicy
	}
	switch {
	case explicit && c.Statement != nil:
		c.Sentence = phrase.Say("EC2 itself refuses %s to %s: %s denies it.", t.request.Action, e.who(), c.Statement.place())
	case explicit:
		c.Sentence = phrase.Say("EC2 itself refuses %s to %s: a %s denies it.", t.request.Action, e.who(), layerWords(t.decision.Layer))
	default:
		c.Sentence = phrase.Say("EC2 itself refuses %s to %s: no %s allows it on %s.", t.request.Action, e.who(), layerWords(t.decision.Layer), t.request.Resource)
	}
	if d := e.Denied; d != nil && d.Decoded != nil && len(d.Decoded.Statements) > 0 {
		c.Note = phrase.Say("The decoded message names the statement: %s.", strings.Join(d.Decoded.Statements, ", "))
	}
	if explicit || t.decision.Layer != access.IdentityLayer {
		return finding{cause: c, fixes: e.detached(t)}
	}
	if near := nearMiss(t, policy.ConditionElement); near != nil {
		c.Kind, c.Statement = ConditionMismatch, near
	}
	if e.Caller.Principal.ServiceLinked {
		return finding{cause: c}
	}
	f := e.allowIdentity(same)
	f.Note = phrase.Text{}
	return finding{cause: c, fixes: []Fix{f}}
}

// detached takes a policy of AWS's that denies from its holder. A statement of the
// account's own is somebody's to decide about: it denies this very request.
func (e *Evidence) detached(t *trial) []Fix {
	if by := t.decision.By; by != nil && awsManaged(by.ARN) {
		for i := range e.Caller.Identity {
			if h := &e.Caller.Identity[i]; h.ARN == by.ARN {
				ways := e.narrowHeld(h, by.Statement, t)
				return ways[len(ways)-1] // a copy that spares what EC2 asks is not enough
			}
		}
	}
	return nil
}

// resourcesOf are what trials are about, each once, in order.
func resourcesOf(trials []trial) []string {
	return distinct(trials, func(t *trial) string { return t.request.Resource })
}

// intended are the requests of EC2 that a fix is to let through.
func (e *Evidence) intended() requestset.Set {
	var same []trial
	for _, t := range e.ownTrials() {
		if !t.passes() {
			same = append(same, t)
		}
	}
	if len(same) == 0 {
		return requestset.Set{}
	}
	return allowedBy(e.allowing(same, nil)...)
}
