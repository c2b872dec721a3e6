package diagnose

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/phrase"
)

// Options say what to diagnose.
type Options struct {
	// Target is what to diagnose; without a kind it is the instance.
	Target Target
	// Instance is the instance's id, where the target is none.
	Instance string
	// Principal is the ARN of who is to start it: a user, a role, a role session
	// or the root user. Empty: the trail tells who tried.
	Principal string
	// Region is where the clients work; empty: the instance's zone tells.
	Region string
	// DryRun: whether Principal could do it now, whatever was tried before.
	DryRun bool
	// Wait is how long to wait for an event that CloudTrail may not show yet.
	Wait time.Duration
	// Clock tells the time; nil is the system's.
	Clock Clock
	// Progress, unless nil, is told what is being read: "reading the key policy of
	// …". It is not called again before it has returned.
	Progress func(phrase.Text)
}

// Run gathers the evidence and judges it. It returns an error only where no
// diagnosis can begin: the instance cannot be described, or ctx has ended.
func Run(ctx context.Context, c Clients, o Options) (*Report, error) {
	e, err := Gather(ctx, c, o)
	if err != nil {
		return nil, err
	}
	return Judge(e), nil
}

// Gather reads the evidence. What cannot be read is in Evidence.Unread. Calls
// that do not need each other's answers are made at the same time; the evidence
// does not show it. An event that CloudTrail may not show yet is waited for as long
// as the options say.
func Gather(ctx context.Context, c Clients, o Options) (*Evidence, error) {
	o.Progress = oneAtATime(o.Progress)
	e, err := gather(ctx, c, o)
	if err != nil || e.Late == nil || o.Wait <= 0 {
		return e, err
	}
	came, err := await(ctx, c, o, e)
	if err != nil {
		return nil, phrase.NewError(phrase.Say("waiting for the trail: %v", err), err)
	}
	if came {
		return gather(ctx, c, o)
	}
	return e, nil
}

func gather(ctx context.Context, c Clients, o Options) (*Evidence, error) {
	if o.Principal != "" && namedCaller(o.Principal) == nil {
		return nil, noStarter(o.Principal)
	}
	if o.DryRun && o.Principal == "" {
		return nil, phrase.NewError(phrase.Say("a dry run is somebody's: name the principal"), nil)
	}
	if o.Target.Kind == "" {
		o.Target = Target{Kind: InstanceTarget, Name: o.Instance}
	}
	if o.Target.Kind == InstanceTarget {
		o.Instance = o.Target.Name
	}
	g := newGatherer(ctx, c, o, &Evidence{Target: o.Target, Forecast: o.Principal != "", DryRun: o.DryRun})
	var err error
	g.together(
		func(g *gatherer) { _, _ = g.whoAsks() }, // to be known when the instance is
		func(g *gatherer) { err = g.find() },
	)
	if err != nil {
		return nil, err
	}
	switch state := g.evidence.Instance.State; {
	case g.evidence.Refused != nil: // at once: there is nothing else to it
	case g.evidence.Operation == "" && (state == "running" || state == "pending" || state == "stopping"):
		g.volumes()
		g.keys()
	default:
		g.causes()
	}
	if t, ok := c.trail().(incomplete); ok {
		g.evidence.Unread = append(g.evidence.Unread, t.missing()...)
	}
	if err := ctx.Err(); err != nil {
		return nil, phrase.NewError(phrase.Say("gathering the evidence about %s: %v", o.Target.Name, err), err)
	}
	return g.evidence, nil
}

// causes reads what can tell why the instance does not run. A launch's volumes
// are gone: which they were is known from its event, and so read after it.
func (g *gatherer) causes() {
	switch e := g.evidence; {
	case e.Operation != "": // what it is about told the volumes
	case e.DryRun:
		g.volumes()
	case e.launching() || e.gone():
		g.instanceEvents()
		g.volumes()
	default:
		g.together((*gatherer).volumes, (*gatherer).instanceEvents)
	}
	likeliest := g.refusable() // the volumes tell, and keys writes to them
	g.together((*gatherer).keys, func(g *gatherer) { g.askForRefused(likeliest) })
	g.kmsEvents()
	if late := g.late(); !late.IsZero() {
		g.evidence.Late = &late
	}
	g.together(
		(*gatherer).caller,
		(*gatherer).keyPolicyChange,
		func(g *gatherer) {
			if v := g.evidence.Denied; v != nil {
				g.decode(v)
			}
		},
	)
	g.attempt()
}

// gatherer fills in the evidence. Several may work on one at the same time, each
// on a part of its own.
type gatherer struct {
	ctx      context.Context
	clients  Clients
	options  Options
	evidence *Evidence
	asked    *asked
	// notes is what this gatherer could not read.
	notes *[]Unread
}

func newGatherer(ctx context.Context, c Clients, o Options, e *Evidence) *gatherer {
	return &gatherer{ctx: ctx, clients: c, options: o, evidence: e, asked: newAsked(), notes: &e.Unread}
}

// denials are the codes with which the services refuse for want of a permission.
var denials = map[string]bool{
	"AccessDenied": true, "AccessDeniedException": true, "UnauthorizedOperation": true,
}

// unread notes that something could not be read. layer is what decisions lack by
// it, empty if none turns on it; key limits that to one key.
func (g *gatherer) unread(err error, what, call string, layer access.Layer, key string) {
	u := NewUnread(err, what, call)
	u.layer, u.key = layer, key
	g.note(u)
}

// note keeps what could not be read, once.
func (g *gatherer) note(u Unread) {
	for _, known := range *g.notes {
		if known.What == u.What && known.Call == u.Call && known.layer == u.layer && known.key == u.key {
			return
		}
	}
	*g.notes = append(*g.notes, u)
}

// NewUnread names what a call could not read, and why.
func NewUnread(err error, what, call string) Unread {
	u := Unread{What: what, Call: call, Why: err.Error()}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		u.Why = api.ErrorCode() + ": " + api.ErrorMessage()
		u.Denied = denials[api.ErrorCode()]
	}
	return u
}

// isCode tells an API's error by its code.
func isCode(err error, code string) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorCode() == code
}

// site says where the instance is. Whoever asks is in the same partition.
func (g *gatherer) site(account, zone string) {
	s := launch.Site{Account: account, Region: g.options.Region, Partition: "aws"}
	if s.Region == "" && zone != "" {
		s.Region = strings.TrimRight(zone, "abcdefghijklmnopqrstuvwxyz")
	}
	out, err := g.whoAsks()
	switch {
	case err == nil:
		if parts := strings.SplitN(aws.ToString(out.Arn), ":", 3); len(parts) == 3 {
			s.Partition = parts[1]
		}
	case strings.HasPrefix(s.Region, "cn-"):
		s.Partition = "aws-cn"
	case strings.HasPrefix(s.Region, "us-gov-"):
		s.Partition = "aws-us-gov"
	}
	g.evidence.Site = s
}

// whoAsks is whose the credentials are.
func (g *gatherer) whoAsks() (*sts.GetCallerIdentityOutput, error) {
	return once(g.asked, "", func() (*sts.GetCallerIdentityOutput, error) {
		return g.clients.STS.GetCallerIdentity(g.ctx, &sts.GetCallerIdentityInput{})
	})
}
