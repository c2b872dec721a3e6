package simulate

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/launch"
)

// Report is the answer to a scenario.
type Report struct {
	Results []Result
	// Unread is what Gather could not read.
	Unread []diagnose.Unread
}

// Result is one request, decided.
type Result struct {
	// Name is the request's in the scenario, often empty.
	Name     string
	Decision access.Decision
	Policies access.Policies
	// Expect is what it should have come to; empty: nobody expects anything.
	Expect access.Outcome
	// Step is the step of the launch that makes the request, nil for others.
	Step *launch.Step
}

// Expected tells whether the request came to what it should.
func (r *Result) Expected() bool { return r.Expect == "" || r.Expect == r.Decision.Outcome }

// The exit codes of a simulation.
const (
	ExitAllowed = 0 // all is allowed, or as expected
	ExitDenied  = 1 // something is denied, or not as expected
	ExitUnknown = 2 // something depends on what is not known
)

// ExitCode is what the command ends with. What is expected counts instead of
// what is allowed.
func (r *Report) ExitCode() int {
	code := ExitAllowed
	for i := range r.Results {
		one := &r.Results[i]
		switch {
		case one.Expect != "" && !one.Expected(),
			one.Expect == "" && (one.Decision.Outcome == access.ExplicitDeny || one.Decision.Outcome == access.ImplicitDeny):
			return ExitDenied
		case one.Expect == "" && one.Decision.Outcome == access.Depends:
			code = ExitUnknown
		}
	}
	return code
}

// Run decides every request: the matrix, the launch, then the single requests.
func (p *Plan) Run() *Report {
	report := &Report{Unread: p.unread}
	s := p.scenario
	resources := s.Resources
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	for _, who := range p.principals {
		for _, action := range s.Actions {
			for _, resource := range resources {
				report.Results = append(report.Results, p.ask(access.Request{
					Principal: who, Action: action, Resource: resource, Context: p.context.Clone(),
				}, s.Expect))
			}
		}
		if s.Launch != nil {
			report.Results = append(report.Results, p.start(who)...)
		}
	}
	for i := range s.Requests {
		one := &s.Requests[i]
		r := access.Request{Principal: p.requests[i], Action: one.Action, Resource: one.Resource, Context: p.context.Clone()}
		for k, v := range one.Context {
			r.Context.Set(k, v...)
		}
		expect := one.Expect
		if expect == "" {
			expect = s.Expect
		}
		result := p.ask(r, expect)
		result.Name = one.Name
		report.Results = append(report.Results, result)
	}
	return report
}

// ask decides a request of the principal's own.
func (p *Plan) ask(r access.Request, expect access.Outcome) Result {
	who := name(&r.Principal)
	p.describe(&r, who, false)
	return p.decide(r, p.policies(&r, who, true), expect)
}

// start decides what EC2 asks of KMS when the principal starts the instance. A
// grant that is allowed is there for the requests after it, and one that may be
// leaves them open.
func (p *Plan) start(who access.Principal) (all []Result) {
	l, site := p.scenario.Launch, p.site(&who)
	volumes := make([]launch.Volume, len(l.Volumes))
	for i, v := range l.Volumes {
		volumes[i] = launch.Volume{ID: v.ID, Key: v.Key}
	}
	steps := launch.Start(site, l.Instance, volumes)
	if l.Kind == "run" {
		steps = launch.Run(site, l.Instance, volumes)
	}
	made := make(map[string][]access.Grant)
	perhaps := make(map[string]bool)
	for _, step := range steps {
		allowed, open := true, true
		for _, r := range step.Requests(site, who) {
			byCaller := step.By == launch.ByCaller
			// What EC2 sets is not for the scenario to say otherwise.
			forwarded := r.Context
			r.Context = p.context.Clone()
			r.Context.Merge(forwarded)
			p.describe(&r, name(&who), true)
			policies := p.policies(&r, name(&who), byCaller)
			policies.Grants = append(slices.Clone(policies.Grants), made[r.Resource]...)
			if perhaps[r.Resource] {
				policies.Unread = append(policies.Unread, access.UnreadLayer{Layer: access.GrantLayer, What: "whether the grant before it is made"})
			}
			result := p.decide(r, policies, p.scenario.Expect)
			result.Step = &step
			allowed = allowed && result.Decision.Allowed()
			open = open && (result.Decision.Allowed() || result.Decision.Outcome == access.Depends)
			all = append(all, result)
		}
		switch g := step.AccessGrant(site); {
		case g == nil:
		case allowed:
			made[step.Key] = append(made[step.Key], *g)
		case open:
			perhaps[step.Key] = true
		}
	}
	return all
}

// describe completes the request by what was read of the principal and the key.
func (p *Plan) describe(r *access.Request, who string, step bool) {
	if e := p.evidence[who]; e != nil {
		if name(&r.Principal) == who {
			r.Principal = e.Caller.Principal
		}
		var known access.Context
		e.DescribeKey(&known, r.Resource)
		known.Merge(r.Context)
		r.Context = known
	}
	if r.ResourceAccount == "" {
		r.ResourceAccount = p.owner(r)
	}
	p.complete(r, step)
}

// owner is the account of the resource: its ARN's, or the one that was given.
func (p *Plan) owner(r *access.Request) string {
	if parts := strings.SplitN(r.Resource, ":", 6); len(parts) == 6 && accountID.MatchString(parts[4]) {
		return parts[4]
	}
	if p.scenario.ResourceAccount != "" {
		return p.scenario.ResourceAccount
	}
	return r.Principal.Account
}

func (p *Plan) decide(r access.Request, policies access.Policies, expect access.Outcome) Result {
	return Result{Decision: access.Decide(r, policies), Policies: policies, Expect: expect}
}
