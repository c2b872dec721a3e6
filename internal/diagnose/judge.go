package diagnose

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// maxCauses bounds how many causes one behind the other are looked for.
const maxCauses = 6

// Judge finds the cause in the evidence, the fixes, and the proof that they are
// enough. It reads nothing but the evidence and changes nothing of it.
func Judge(e *Evidence) *Report {
	r := judge(e)
	if r.Outcome == NoConclusion && e.Late != nil {
		r.Summary = phrase.Say("%s CloudTrail may show the event until %s: ask again then, or with --wait.", r.Summary, stamp(*e.Late))
	}
	return r
}

func judge(e *Evidence) *Report {
	r := newReport(e)
	r.Missing = r.MissingPermissions()
	switch {
	case e.Operation != "" && e.Refused != nil:
		r.conclude(e.refusedAtOnce(e.Refused))
		return r
	case e.Operation != "":
		r.judgeStart(e)
		return r
	case e.DryRun && (e.Instance.State == "terminated" || e.Instance.State == "shutting-down"):
		return r.end(NoConclusion, phrase.Say("%s is %s, and nobody can start it: ask about its launch template or its image.", e.Instance.ID, stateWords(e.Instance.State)))
	case e.Instance.State == "running":
		return r.end(NothingWrong, phrase.Say("Nothing is wrong: %s is running.", e.Instance.ID))
	case e.Instance.State == "pending" || e.Instance.State == "stopping":
		return r.end(NoConclusion, phrase.Say("%s is %s: ask again when it has settled, in a minute or so.", e.Instance.ID, stateWords(e.Instance.State)))
	}
	if e.Refused != nil {
		// What would fail next is told as well.
		r.conclude(e.refusedAtOnce(e.Refused))
		r.judgeStart(e)
		return r
	}
	if f, ok := e.plainReason(); ok && !e.forecast(f.cause.Kind) && !e.refusedByEC2() {
		if f.cause.Kind == StoppedByUser && e.Stop == nil && e.trailUnread() {
			// A start may have been refused since.
			return r.end(NoConclusion, phrase.Say("%s was %s through the API. Who did that, and whether a start was refused since, the trail tells: get cloudtrail:LookupEvents.", e.Instance.ID, stateWords(e.Instance.State)))
		}
		r.conclude(f)
		return r
	}
	r.judgeStart(e)
	return r
}

// trailUnread tells whether the trail could not be read.
func (e *Evidence) trailUnread() bool {
	return slices.ContainsFunc(e.Unread, func(u Unread) bool { return u.Call == lookupEvents })
}

// forecast tells whether a cause is put aside: that somebody stopped the instance
// does not answer whether somebody else could start it.
func (e *Evidence) forecast(kind CauseKind) bool {
	return e.Forecast && (kind == StoppedByUser || e.DryRun) && !e.launching()
}

func newReport(e *Evidence) *Report {
	return &Report{
		Version: Version, Target: e.Target, Operation: e.operation(), Account: e.Site.Account, Region: e.Site.Region,
		Instance: e.Instance, Volumes: filled(e.Volumes), Keys: filled(e.Keys),
		Late: e.Late, Start: e.Start, Earlier: e.Earlier, Changed: e.Changed, Denied: e.Denied, Refused: e.Refused, Stop: e.Stop, Caller: e.Caller, Organization: e.Organization, Unread: filled(e.Unread),
		Further: []Cause{}, Fixes: []Fix{},
	}
}

// filled is the slice, and never nil: lists in the JSON form are never null.
func filled[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func (r *Report) end(o Outcome, summary phrase.Text) *Report {
	r.Outcome, r.Summary = o, summary
	return r
}

// conclude adds a cause: the first is the cause, the others are behind it. Nothing
// is wrong with an instance that somebody stopped: the cause says who did.
func (r *Report) conclude(f finding) {
	cause := 0
	if r.Cause != nil {
		cause = len(r.Further) + 1
	}
	if r.Cause == nil {
		r.Cause = &f.cause
		o := CauseFound
		if f.cause.Kind == StoppedByUser {
			o = NothingWrong
		}
		r.end(o, f.cause.Sentence)
	} else {
		r.Further = append(r.Further, f.cause)
	}
	for i, way := range append([][]Fix{f.fixes}, f.instead...) {
		for _, fix := range way {
			fix.Cause, fix.Rank, fix.Alternative = cause, i+1, i > 0
			fix.Calls, fix.Commands = filled(fix.Calls), filled(fix.Commands)
			fix.Diff = fix.diff()
			fix.HCL, fix.CloudFormation = fix.hcl(), fix.cloudFormation()
			r.Fixes = append(r.Fixes, fix)
		}
	}
}

// judgeStart decides the requests of the start, one cause after the other: each
// is repaired in a copy of the evidence to see what is behind it.
func (r *Report) judgeStart(e *Evidence) {
	first := e.try()
	work := e.clone()
	trials := first
	for range maxCauses {
		t := firstFailing(trials)
		if t == nil || r.Cause != nil && t.decision.Outcome == access.Depends {
			break // an event settles one open question, not those behind it
		}
		f, ok := work.find(trials, t)
		if !ok {
			if r.Cause == nil {
				r.undecided(e, t)
			}
			break
		}
		work.compare(&f.cause, t)
		work.warn(&f)
		work.tellChange(&f.cause)
		work.quote(&f.cause)
		work.addNote(&f.cause)
		r.conclude(f)
		if !work.repair(f.fixes) {
			break
		}
		trials = work.try()
	}
	switch {
	case r.Cause != nil:
		r.Proof = prove(e, work, first, r.Cause, r.chosen())
		r.weigh(e)
	case r.Outcome == "":
		r.allAllowed(e)
	}
}

// repair applies the fixes; false if they do nothing.
func (e *Evidence) repair(fixes []Fix) bool {
	repaired := false
	for _, f := range fixes {
		for _, x := range f.effects {
			x.in(e)
			repaired = true
		}
	}
	return repaired
}

// find names the cause of a failing trial. It reports false where the evidence
// does not tell.
func (e *Evidence) find(trials []trial, t *trial) (finding, bool) {
	if t.fault != "" {
		return e.keyState(t), true
	}
	if t.nobody {
		return finding{}, false
	}
	if t.decision.Outcome == access.Depends {
		return e.fromEvent(trials, t)
	}
	return e.byLayer(alike(trials, t))
}

// byLayer names the cause of trials that fail alike, by the layer that denies.
func (e *Evidence) byLayer(same []trial) (finding, bool) {
	d := &same[0].decision
	explicit := d.Outcome == access.ExplicitDeny
	switch {
	case same[0].own:
		return e.ownDenied(same), true
	case d.Layer == access.IdentityLayer && explicit:
		return e.identityDenied(same), true
	case d.Layer == access.IdentityLayer:
		return e.identityMissing(same), true
	case d.Layer == access.ResourceLayer && explicit:
		return e.keyPolicyDenied(same), true
	case d.Layer == access.ResourceLayer:
		return e.keyPolicyMissing(same), true
	case d.Layer == access.BoundaryLayer:
		return e.boundary(same), true
	case d.Layer == access.SessionLayer:
		return e.session(same), true
	case d.Layer == access.ServiceControlLayer, d.Layer == access.ResourceControlLayer:
		return e.controlled(same), true
	}
	return finding{}, false
}

// compare sets how the denied event's words agree with the evaluation.
func (e *Evidence) compare(c *Cause, t *trial) {
	if c.Agreement != "" {
		return
	}
	d, worded := e.denial()
	switch {
	case e.Denied == nil:
		c.Agreement = EvaluationOnly
	case t.fault != "":
		c.Agreement = Differs
		if e.Denied.ErrorCode != "AccessDenied" {
			c.Agreement = Agrees
		}
	case !worded:
		c.Agreement = Differs
	case d.Layer == "":
		c.Agreement = Silent
	case d.Layer == t.decision.Layer && d.Explicit == (t.decision.Outcome == access.ExplicitDeny):
		c.Agreement = Agrees
	default:
		c.Agreement = Differs
	}
}

// denial is what the denied event says.
func (e *Evidence) denial() (Denial, bool) {
	if e.Denied == nil {
		return Denial{}, false
	}
	return ParseDenial(e.Denied.ErrorMessage)
}

// fromEvent takes the event's word where the evaluation stays open: a layer could
// not be read, or a condition turns on a key that nobody can know from outside.
func (e *Evidence) fromEvent(trials []trial, t *trial) (finding, bool) {
	d, ok := e.denial()
	if !ok || d.Layer == "" || !strings.EqualFold(d.Action, t.request.Action) {
		return finding{}, false
	}
	same := []trial{*t}
	for i := range trials {
		o := &trials[i]
		if o.step.By == t.step.By && o.own == t.own && o.decision.Outcome == access.Depends && o != t {
			same = append(same, *o)
		}
	}
	for i := range same {
		settle(&same[i].decision, d)
	}
	f, ok := e.settled(same, d)
	f.cause.Agreement = EventOnly
	return f, ok
}

// settle makes an open decision what the event says it was.
func settle(v *access.Decision, d Denial) {
	v.Layer, v.By, v.Outcome = d.Layer, nil, access.ImplicitDeny
	if !d.Explicit {
		return
	}
	v.Outcome = access.ExplicitDeny
	for _, l := range v.Layers {
		if l.Layer != d.Layer {
			continue
		}
		for i := range l.Reasons {
			if r := &l.Reasons[i]; r.Effect == policy.Deny && r.Failed != nil && r.Failed.Unknown {
				v.By = r
				return
			}
		}
	}
}

// settled names the cause that the event tells of.
func (e *Evidence) settled(same []trial, d Denial) (finding, bool) {
	unread := e.unreadLayer(d.Layer)
	switch {
	case same[0].own:
		return e.ownDenied(same), true
	case d.Explicit && same[0].decision.By != nil:
		return e.byLayer(same)
	case d.Explicit:
		return e.unreadDeny(same, d), unread
	case d.Layer == access.ResourceLayer && unread:
		return e.keyPolicyUnread(same), true
	case d.Layer == access.IdentityLayer || !unread:
		return e.byLayer(same)
	}
	return e.unreadLimit(same, d), true
}

func (e *Evidence) unreadLayer(l access.Layer) bool {
	for _, u := range e.Unread {
		if u.layer == l {
			return true
		}
	}
	return false
}

// undecided says why there is no conclusion.
func (r *Report) undecided(e *Evidence, t *trial) {
	switch {
	case t.nobody:
		r.end(NoConclusion, e.nobodyKnown())
		return
	case e.endedByUser() && !e.Forecast:
		r.conclude(e.userEnded())
		return
	}
	r.end(NoConclusion, phrase.Say("Whether %s may call %s turns on what could not be read: %s.",
		t.request.Principal.ARN, t.request.Action, missingWords(t.decision.Missing)))
}

// trailDenied tells whether the doctor may not look events up.
func (e *Evidence) trailDenied() bool {
	return slices.ContainsFunc(e.Unread, func(u Unread) bool { return u.Call == lookupEvents && u.Denied })
}

// nobodyKnown says why nobody can tell who started the instance.
func (e *Evidence) nobodyKnown() phrase.Text {
	if e.trailDenied() {
		return phrase.Say("Who started %s cannot be found out, because cloudtrail:LookupEvents is denied: get that permission, or name the caller with --as.", e.subject())
	}
	return phrase.Say("No event tells who started %s: name the caller with --as.", e.subject())
}

// allAllowed concludes where every request of the start would go through now.
func (r *Report) allAllowed(e *Evidence) {
	d, worded := e.denial()
	call, unread := e.volumesUnread()
	switch {
	case e.Denied == nil && unread:
		r.end(NoConclusion, phrase.Say("Whether the volumes of %s are encrypted, and under which keys, could not be read: get %s.", e.subject(), call))
	case worded && e.outside(d):
		f := e.controlPolicy(d)
		r.conclude(f)
		work := e.clone()
		if work.repair(f.fixes) {
			r.Proof = prove(e, work, e.try(), r.Cause, r.chosen())
		}
	case e.Denied != nil && !worded:
		r.refusedOtherwise(e)
	case worded && d.Layer == "":
		r.end(NoConclusion, phrase.Say("The event tells of a denial without naming the policy, and all policies that could be read allow the request now: one was changed since, or a service control policy denies it. Start the instance again; a new event will name the kind of policy."))
	case worded && !e.asked(d):
		r.notAsked(e, d)
	case worded:
		r.end(NothingWrong, phrase.Say("Nothing is wrong any more: the %s that denied %s then allows it now. Try %s again.", layerWords(d.Layer), d.Action, e.deed()))
	case e.endedByUser():
		r.conclude(e.userEnded())
	case e.Forecast && e.Caller != nil && e.Denied == nil:
		r.end(NothingWrong, phrase.Say("Nothing stands in the way: of what %s takes, nothing is denied to %s.", e.deed(), e.who()))
	case len(e.steps()) == 0 && e.Operation != "":
		r.end(NoConclusion, phrase.Say("No volume of %s is encrypted, so it is not a matter of keys.", e.subject()))
	case len(e.steps()) == 0 && e.failedWithin():
		r.conclude(finding{cause: Cause{
			Kind:     InternalError,
			Sentence: phrase.Say("%s failed within EC2 (%s), and none of its volumes is encrypted: it is not a matter of keys.", e.Instance.ID, e.Instance.StateReason.Message),
			Note:     phrase.Say("Start it again. If that fails as well, look at its type, its network interfaces and its device names."),
		}})
	case len(e.steps()) == 0:
		r.end(NoConclusion, phrase.Say("No volume of %s is encrypted, so it is not a matter of keys; its state reason is %q.", e.Instance.ID, e.Instance.StateReason.Message))
	case e.Caller == nil:
		r.end(NoConclusion, e.nobodyKnown())
	default:
		r.end(NoConclusion, phrase.Say("Every request of KMS that %s takes is allowed now, and the trail has no denied one: events may come 15 minutes late. Try again, then diagnose again.", e.deed()))
	}
}

// endedByUser tells whether the trail, from which alone the instance is known, has
// somebody end it and nothing that was denied before.
func (e *Evidence) endedByUser() bool { return e.gone() && e.Stop != nil && e.Denied == nil }

func (e *Evidence) userEnded() finding {
	words := phrase.Say("%s is gone: %s called %s at %s, and nothing before that was denied.", e.Instance.ID, e.Stop.Principal, e.Stop.Name, stamp(e.Stop.Time))
	if e.Instance.State == "stopped" {
		words = phrase.Say("%s was stopped: %s called %s at %s, and nothing before that was denied.", e.Instance.ID, e.Stop.Principal, e.Stop.Name, stamp(e.Stop.Time))
	}
	return finding{cause: Cause{Kind: StoppedByUser, Principal: e.Stop.Principal, Sentence: words}}
}

// failedWithin tells a state reason that blames EC2 itself. Users see it for
// missing permissions as well, so that it tells nothing where there is a key.
func (e *Evidence) failedWithin() bool {
	return strings.HasPrefix(e.Instance.StateReason.Message, "Server.InternalError")
}

// gone tells whether the instance is known from the trail alone.
func (e *Evidence) gone() bool {
	return e.Operation == "" && e.Instance.Source != "ec2:DescribeInstances"
}

// volumeCalls tell which volumes there are, and under which keys.
var volumeCalls = []string{"ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:DescribeImages", "ec2:DescribeLaunchTemplateVersions", "ec2:GetEbsEncryptionByDefault", "ec2:GetEbsDefaultKmsKeyId"}

// volumesUnread tells whether nobody knows what the volumes are, and for want of
// which call.
func (e *Evidence) volumesUnread() (call string, unread bool) {
	for _, u := range e.Unread {
		if slices.Contains(volumeCalls, u.Call) && (u.Call == "ec2:DescribeVolumes" || len(e.steps()) == 0) {
			return u.Call, true
		}
	}
	return "", false
}

// outside tells a denial by a policy that the account does not show.
func (e *Evidence) outside(d Denial) bool {
	switch d.Layer {
	case access.ServiceControlLayer:
		return e.Caller == nil || e.place(e.Caller.Principal.Account) == nil
	case access.ResourceControlLayer:
		return e.Denied == nil || e.place(accountOf(e.Denied.Key)) == nil
	case access.EndpointLayer:
		return true
	case access.SessionLayer:
		return e.Caller != nil && !e.Caller.HasSession
	}
	return false
}
