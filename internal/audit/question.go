package audit

import (
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/policy"
)

// caller is a principal with its documents as package access takes them.
type caller struct {
	*Principal
	docs []access.Document
}

// part is a part of what a launch asks of KMS.
type part uint8

const (
	// attach is the grant to the instance, and the Decrypt under it.
	attach part = iota
	// encrypt makes the data key of a new volume.
	encrypt
	// reencryptFrom and reencryptTo change the key of a snapshot's data key.
	reencryptFrom
	reencryptTo
)

// question is a part of a launch in a Region, with one key.
type question struct {
	region *Region
	key    int
	part   part
	// volume is the id of a volume that exists, or empty.
	volume string
}

// prepared is a request to KMS that waits for its caller.
type prepared struct {
	request access.Request
	key     *Key
	// fixed is the outcome of a request that is not the caller's.
	byCaller bool
	fixed    *ruling
}

// ruling is a request's end, with the decision where it is a denial or open.
type ruling struct {
	outcome  access.Outcome
	fault    diagnose.CauseKind
	decision access.Decision
	missing  []string
}

// prepare makes the requests of a question, as they are for principals of p's
// account and sort.
func (j *judge) prepare(q question, p *Principal) []prepared {
	site, key := q.region.Site, j.keys.list[q.key]
	v := launch.Volume{ID: q.volume, Key: key.ARN}
	var steps []launch.Step
	switch q.part {
	case attach:
		steps = launch.Attach(site, exampleInstance, v)
	case encrypt:
		steps = launch.RunVolume(site, v)
	default:
		v.Source = &launch.Source{Encrypted: true, Key: key.ARN + "/other", Context: map[string]string{launch.ContextKey: ""}}
		steps = launch.RunVolume(site, v)[1:]
		if q.part == reencryptFrom {
			steps[0].Key, steps[0].SourceKey = steps[0].SourceKey, key.ARN
		}
	}
	var all []prepared
	var grants []access.Grant
	for _, s := range steps {
		for _, r := range j.stepRequests(q, s, p) {
			one := prepared{request: r, key: key, byCaller: s.By == launch.ByCaller}
			if q.volume == "" {
				unknownVolume(&one.request)
			}
			if !one.byCaller {
				f := j.rule(&one, nil, grants)
				one.fixed = &f
			}
			all = append(all, one)
		}
		if g := s.AccessGrant(site); g != nil {
			if q.volume == "" {
				g.ContextSubset = nil // whatever the id will be, it is the volume's
			}
			grants = append(grants, *g)
		}
	}
	return all
}

// exampleInstance names the infrastructure role's session: no policy knows it.
const exampleInstance = "i-" + nameless

// stepRequests are the requests of a step that are about the question's key.
func (j *judge) stepRequests(q question, s launch.Step, p *Principal) []access.Request {
	var all []access.Request
	arn := j.keys.list[q.key].ARN
	for _, r := range s.Requests(q.region.Site, p.Principal) {
		if r.Resource != arn || q.part == reencryptFrom && !strings.HasSuffix(r.Action, "From") {
			continue
		}
		j.complete(&r, s.By == launch.ByCaller, p)
		all = append(all, r)
	}
	return all
}

// rule decides one request. p is nil for one that is not a caller's.
func (j *judge) rule(one *prepared, p *caller, grants []access.Grant) ruling {
	pol := j.policies(p, one.key, one.request.Principal.Account)
	if len(grants) > 0 {
		pol.Grants = append(append([]access.Grant(nil), pol.Grants...), grants...)
	}
	if one.key.Missing {
		return ruling{outcome: access.ImplicitDeny, fault: diagnose.KeyDeleted}
	}
	r := ruling{outcome: access.Check(&one.request, &pol)}
	if r.outcome == access.ImplicitDeny || r.outcome == access.ExplicitDeny {
		r.decision = access.Decide(one.request, pol)
		return r
	}
	if f := one.key.Fault(); f != "" {
		return ruling{outcome: access.ImplicitDeny, fault: f}
	}
	if r.outcome == access.Depends {
		r.decision = access.Decide(one.request, pol)
		r.missing = missing(&r.decision)
	}
	r.missing = append(r.missing, j.controls(&one.request, one.key)...)
	if one.key.StateUnread {
		r.missing = append(r.missing, unreadState)
	}
	if len(r.missing) > 0 {
		r.outcome = access.Depends
	}
	return r
}

// missing are what an open decision turns on: condition keys by name, and kinds of
// policy that could not be read.
func missing(d *access.Decision) []string {
	var all []string
	for i := range d.Settle {
		s := &d.Settle[i]
		if s.Key == "" {
			all = append(all, s.Document)
		} else {
			all = append(all, s.Key)
		}
	}
	if len(all) == 0 {
		all = append(all, d.Missing...)
	}
	return all
}

// ask decides the requests of a question for a caller: the first that is denied,
// or the first that is open, or the last.
func (j *judge) ask(list []prepared, p *caller) (ruling, *prepared) {
	var open ruling
	var at *prepared
	for i := range list {
		one := &list[i]
		var r ruling
		if one.fixed != nil {
			r = *one.fixed
		} else {
			own := prepared{request: one.request, key: one.key, byCaller: true}
			own.request.Principal = p.Principal.Principal
			r = j.rule(&own, p, nil)
		}
		switch r.outcome {
		case access.Allowed:
		case access.Depends:
			if at == nil {
				open, at = r, one
			}
		default:
			return r, one
		}
	}
	if at != nil {
		return open, at
	}
	return ruling{outcome: access.Allowed}, nil
}

// reasonOf is the statement that a denial turns on: the one that denies, or one
// that nearly allows.
func reasonOf(d *access.Decision) (r *access.Reason, near bool) {
	if d.By != nil && d.Outcome == access.ExplicitDeny {
		return d.By, false
	}
	for _, l := range d.Layers {
		if l.Layer != d.Layer {
			continue
		}
		for i := range l.Reasons {
			r := &l.Reasons[i]
			if r.Effect == policy.Allow && !r.Match && r.Others == 0 && r.Failed != nil &&
				(r.Failed.Element == policy.ConditionElement || r.Failed.Element == policy.ResourceElement) {
				return r, true
			}
		}
	}
	return nil, false
}
