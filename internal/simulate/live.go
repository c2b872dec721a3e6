package simulate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
)

// Live says how to read the rest of a scenario from an account.
type Live struct {
	Region string
	// NoOrganization: the accounts are in no organization.
	NoOrganization bool
	// Now is when the requests would be made.
	Now time.Time
}

// PrepareLive is Prepare for a scenario of which Gather reads the rest: its keys
// may have aliases for names.
func PrepareLive(s *Scenario, read ReadFile, o Live) (*Plan, error) {
	p := &Plan{scenario: s, live: true, now: o.Now}
	return p, p.prepare(read)
}

// Gather reads, for every principal, policies, boundary and tags, and the keys
// and roles that are asked about. What cannot be read leaves decisions open, and
// is in the report. No API tells a member account what its organization's
// policies say: they are unread, unless the scenario has them or o says that
// there is no organization.
func (p *Plan) Gather(ctx context.Context, c diagnose.Clients, o Live) error {
	p.evidence = make(map[string]*diagnose.Evidence)
	p.trust = make(map[string]*access.Document)
	keys := p.keyNames()
	for _, who := range slices.Concat(p.principals, p.requests) {
		if p.evidence[name(&who)] != nil {
			continue
		}
		options := diagnose.AccessOptions{Principal: who, Keys: keys, Region: o.Region}
		if p.scenario.Launch != nil {
			options.Instance = p.scenario.Launch.Instance
		} else if who.IdentityOnly {
			options.Instance = who.Name
		}
		e, arns, err := diagnose.GatherAccess(ctx, c, options)
		if err != nil {
			return err
		}
		p.evidence[name(&who)] = e
		p.rename(keys, arns)
		keys = arns
		for _, u := range e.Unread {
			if !slices.ContainsFunc(p.unread, func(v diagnose.Unread) bool { return v.What == u.What && v.Call == u.Call }) {
				p.unread = append(p.unread, u)
			}
		}
	}
	if err := p.readTrust(ctx, c); err != nil {
		return err
	}
	p.organization(o)
	return nil
}

// keyNames are the KMS keys that the scenario asks about.
func (p *Plan) keyNames() []string {
	var keys []string
	add := func(name string) {
		if !slices.Contains(keys, name) {
			keys = append(keys, name)
		}
	}
	for _, r := range p.resourceNames() {
		if strings.HasPrefix(r, "arn:") && strings.Contains(r, ":kms:") && strings.Contains(r, ":key/") && !strings.ContainsAny(r, "*?") {
			add(r)
		}
	}
	if l := p.scenario.Launch; l != nil {
		for _, v := range l.Volumes {
			add(v.Key)
		}
	}
	return keys
}

func (p *Plan) resourceNames() []string {
	all := slices.Clone(p.scenario.Resources)
	for i := range p.scenario.Requests {
		all = append(all, p.scenario.Requests[i].Resource)
	}
	return all
}

// rename gives the launch's keys their ARNs, which aliases and ids stood for.
func (p *Plan) rename(names, arns []string) {
	l := p.scenario.Launch
	if l == nil {
		return
	}
	for i := range l.Volumes {
		if at := slices.Index(names, l.Volumes[i].Key); at >= 0 {
			l.Volumes[i].Key = arns[at]
		}
	}
}

// readTrust reads the trust policies of roles that somebody would assume.
func (p *Plan) readTrust(ctx context.Context, c diagnose.Clients) error {
	asked := slices.Clone(p.scenario.Actions)
	for i := range p.scenario.Requests {
		asked = append(asked, p.scenario.Requests[i].Action)
	}
	if !slices.ContainsFunc(asked, func(a string) bool { return kindOf(a) == access.RoleTrust }) {
		return nil
	}
	for _, r := range p.resourceNames() {
		if p.trust[r] != nil || !strings.Contains(r, ":iam::") || !strings.Contains(r, ":role/") || strings.ContainsAny(r, "*?") {
			continue
		}
		d, err := diagnose.ReadTrustPolicy(ctx, c, r)
		if err != nil {
			// The layer stays unread.
			p.unread = append(p.unread, diagnose.NewUnread(err, "trust policy of "+r, "iam:GetRole"))
			continue
		}
		p.trust[r] = &d
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("reading trust policies: %w", err)
	}
	return nil
}

// organization notes that the organization's policies, if there is one, are not
// known.
func (p *Plan) organization(o Live) {
	if o.NoOrganization || len(p.given.ServiceControl)+len(p.given.ResourceControl) > 0 {
		return
	}
	for _, l := range [...]access.Layer{access.ServiceControlLayer, access.ResourceControlLayer} {
		p.given.Unread = append(p.given.Unread, access.UnreadLayer{Layer: l, What: words[l] + " of the organization, if there is one"})
	}
}

var words = map[access.Layer]string{
	access.ServiceControlLayer:  "service control policies",
	access.ResourceControlLayer: "resource control policies",
}
