package simulate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/policy"
)

// Plan is a scenario that makes sense: its policies are read and compiled.
type Plan struct {
	scenario   *Scenario
	principals []access.Principal
	requests   []access.Principal // of Scenario.Requests
	// given are the policies that hold for every request. Resource policies and
	// grants are apart: they belong to resources.
	given     access.Policies
	resources []resourcePolicy
	grants    []keyGrant
	context   access.Context
	// evidence is what Gather read, by the principal's name; now is when.
	evidence map[string]*diagnose.Evidence
	trust    map[string]*access.Document
	unread   []diagnose.Unread
	now      time.Time
	live     bool
}

type resourcePolicy struct {
	resource string
	policy   access.ResourcePolicy
}

type keyGrant struct {
	key   string
	grant access.Grant
}

// resourceKinds are the kinds of resource policy, by their names.
var resourceKinds = map[string]struct {
	kind   access.ResourceKind
	policy policy.Kind
	role   string
}{
	"ordinary": {access.OrdinaryResource, policy.EndpointPolicy, "resource policy"},
	"key":      {access.KMSKey, policy.KeyPolicy, "key policy"},
	"trust":    {access.RoleTrust, policy.TrustPolicy, "trust policy"},
}

// outcomes are what a request can be expected to come to.
var outcomes = []access.Outcome{access.Allowed, access.ExplicitDeny, access.ImplicitDeny, access.Depends}

// unreadLayers are the layers that a scenario may say nobody could read.
var unreadLayers = []access.Layer{
	access.IdentityLayer, access.ResourceLayer, access.BoundaryLayer, access.SessionLayer, access.ServiceControlLayer,
	access.ResourceControlLayer, access.EndpointLayer, access.TrustLayer, access.GrantLayer,
}

// Prepare reads the scenario's policies and checks that it asks something.
func Prepare(s *Scenario, read ReadFile) (*Plan, error) {
	p := &Plan{scenario: s}
	return p, p.prepare(read)
}

func (p *Plan) prepare(read ReadFile) error {
	for _, step := range []func() error{p.what, p.who, p.checkLaunch, func() error { return p.documents(read) }, p.rest} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

var errNobody = errors.New("nobody makes the requests: name a principal, with --as or in the scenario's principals")

// who makes the principals.
func (p *Plan) who() error {
	for i := range p.scenario.Principals {
		who, err := p.scenario.Principals[i].principal()
		if err != nil {
			return err
		}
		p.principals = append(p.principals, who)
	}
	for i := range p.scenario.Requests {
		r := &p.scenario.Requests[i]
		var who access.Principal
		var err error
		switch {
		case r.Principal != nil:
			who, err = r.Principal.principal()
		case len(p.principals) == 1:
			who = p.principals[0]
		default:
			err = fmt.Errorf("request %d has no principal, and the scenario has not one for all", i+1)
		}
		if err != nil {
			return err
		}
		p.requests = append(p.requests, who)
	}
	return nil
}

// what checks the questions.
func (p *Plan) what() error {
	s := p.scenario
	if len(s.Actions) == 0 && s.Launch == nil && len(s.Requests) == 0 {
		return errors.New("nothing is asked: give an action (--action), a launch (--launch), or a scenario with either or with requests")
	}
	if len(s.Actions) == 0 && len(s.Resources) > 0 {
		return errors.New("the scenario has resources and no action on them")
	}
	if (len(s.Actions) > 0 || s.Launch != nil) && len(s.Principals) == 0 {
		return errNobody
	}
	for _, a := range s.Actions {
		if err := checkAction(a); err != nil {
			return err
		}
	}
	for _, r := range s.Resources {
		if err := checkResource(r); err != nil {
			return err
		}
	}
	for i := range s.Requests {
		r := &s.Requests[i]
		if err := checkAction(r.Action); err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
		if r.Resource == "" {
			r.Resource = "*"
		}
		if err := checkResource(r.Resource); err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
		if err := checkExpect(r.Expect); err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
	}
	return checkExpect(s.Expect)
}

func checkAction(a string) error {
	service, action, found := strings.Cut(a, ":")
	if !found || service == "" || action == "" || strings.ContainsAny(a, "*? ") {
		return fmt.Errorf("%q is no action: give a service and one operation, such as kms:CreateGrant", a)
	}
	return nil
}

func checkResource(r string) error {
	if r == "*" || strings.HasPrefix(r, "arn:") && strings.Count(r, ":") >= 5 {
		return nil
	}
	return fmt.Errorf(`%q is no resource: give an ARN, or "*" for an action without one`, r)
}

func checkExpect(o access.Outcome) error {
	if o == "" || slices.Contains(outcomes, o) {
		return nil
	}
	return fmt.Errorf("%q is no outcome: expect allowed, explicitDeny, implicitDeny or depends", o)
}

func (p *Plan) checkLaunch() error {
	l := p.scenario.Launch
	if l == nil {
		return nil
	}
	switch {
	case l.Kind != "start" && l.Kind != "run":
		return fmt.Errorf("there is no launch %q: it is start, of a stopped instance, or run, of a new one", l.Kind)
	case len(l.Volumes) == 0:
		return errors.New("the launch has no encrypted volume: what EC2 asks of KMS is about volumes")
	case l.Instance == "":
		return errors.New("the launch has no instance id: EC2 asks in the name of a role session named after it")
	}
	for _, v := range l.Volumes {
		if v.ID == "" {
			return errors.New("a volume of the launch has no id")
		}
		if !p.live && (!strings.HasPrefix(v.Key, "arn:") || !strings.Contains(v.Key, ":key/")) {
			return fmt.Errorf("the volume %s has the key %q: give the key's ARN", v.ID, v.Key)
		}
	}
	for _, who := range p.principals {
		if who.Account == "" || who.IdentityOnly {
			return fmt.Errorf("%s starts no instances", name(&who))
		}
	}
	return nil
}

// documents reads the policies.
func (p *Plan) documents(read ReadFile) (err error) {
	s := p.scenario
	if p.given.Identity, err = load(s.IdentityPolicies, read, policy.IdentityPolicy, "identity-based policy"); err != nil {
		return err
	}
	if p.given.Boundary, err = loadOne(s.Boundary, read, policy.BoundaryPolicy, "permissions boundary"); err != nil {
		return err
	}
	p.given.HasSession = s.SessionPolicies != nil
	if p.given.Session, err = load(s.SessionPolicies, read, policy.SessionPolicy, "session policy"); err != nil {
		return err
	}
	if p.given.Endpoint, err = loadOne(s.EndpointPolicy, read, policy.EndpointPolicy, "VPC endpoint policy"); err != nil {
		return err
	}
	if p.given.ServiceControl, err = loadLevels(s.ServiceControlPolicies, read, policy.ServiceControlPolicy, "service control policy"); err != nil {
		return err
	}
	if p.given.ResourceControl, err = loadLevels(s.ResourceControlPolicies, read, policy.ResourceControlPolicy, "resource control policy"); err != nil {
		return err
	}
	for i := range s.ResourcePolicies {
		r := &s.ResourcePolicies[i]
		k, ok := resourceKinds[r.Kind]
		if !ok {
			return fmt.Errorf("a resource policy is of kind ordinary, key or trust, not %q", r.Kind)
		}
		d, err := r.Policy.load(read, k.policy, k.role)
		if err != nil {
			return err
		}
		for j := range d.Policy.Len() {
			st := d.Policy.Statement(j)
			if len(st.Principals())+len(st.NotPrincipals()) == 0 {
				return fmt.Errorf("%s is no %s: %s: the statement names no Principal", d.Name, k.role, st.Position())
			}
		}
		p.resources = append(p.resources, resourcePolicy{r.Resource, access.ResourcePolicy{Kind: k.kind, Document: d}})
	}
	return nil
}

func loadOne(d *Document, read ReadFile, kind policy.Kind, role string) (*access.Document, error) {
	if d == nil {
		return nil, nil //nolint:nilnil // no document, and nothing wrong
	}
	out, err := d.load(read, kind, role)
	return &out, err
}

func loadLevels(levels [][]Document, read ReadFile, kind policy.Kind, role string) (out [][]access.Document, err error) {
	for i, level := range levels {
		if len(level) == 0 {
			return nil, fmt.Errorf("level %d has no %s: every level of an organization has one at least", i+1, role)
		}
		list, err := load(level, read, kind, role)
		if err != nil {
			return nil, err
		}
		out = append(out, list)
	}
	return out, nil
}

// rest reads grants, unread layers and condition keys.
func (p *Plan) rest() error {
	s := p.scenario
	for i := range s.Grants {
		g := &s.Grants[i]
		if g.Grantee == "" || len(g.Operations) == 0 {
			return fmt.Errorf("grant %d has no grantee or no operations", i+1)
		}
		id := g.ID
		if id == "" {
			id = strconv.Itoa(i + 1)
		}
		p.grants = append(p.grants, keyGrant{g.Key, access.Grant{
			ID: id, Grantee: g.Grantee, Operations: g.Operations, Retiring: g.Retiring, Account: g.Account,
			ContextEquals: g.EncryptionContextEquals, ContextSubset: g.EncryptionContextSubset,
		}})
	}
	for _, u := range s.Unread {
		if !slices.Contains(unreadLayers, u.Layer) {
			return fmt.Errorf("there is no layer %q: it is one of %s", u.Layer, layerWords())
		}
		what := u.What
		if what == "" {
			what = string(u.Layer)
		}
		p.given.Unread = append(p.given.Unread, access.UnreadLayer{Layer: u.Layer, What: what})
	}
	if m := s.ManagementAccount; m != "" && !accountID.MatchString(m) {
		return fmt.Errorf("the management account %q is no account: it is 12 digits", m)
	}
	if a := s.ResourceAccount; a != "" && !accountID.MatchString(a) {
		return fmt.Errorf("the resource account %q is no account: it is 12 digits", a)
	}
	if err := setContext(&p.context, s.Context); err != nil {
		return err
	}
	for i := range s.Requests {
		if err := setContext(new(access.Context), s.Requests[i].Context); err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
	}
	for _, k := range s.UnknownKeys {
		if !strings.Contains(k, ":") && k != "*" {
			return fmt.Errorf("%q is no condition key: it has a prefix, as in aws:SourceVpc", k)
		}
		p.context.SetUnknown(k)
	}
	return nil
}

func setContext(c *access.Context, keys map[string]Values) error {
	for k, v := range keys {
		if !strings.Contains(k, ":") {
			return fmt.Errorf("%q is no condition key: it has a prefix, as in aws:SourceIp", k)
		}
		if _, twice, _ := c.Get(k); twice {
			return fmt.Errorf("the condition key %s is given twice: names have no case", k)
		}
		c.Set(k, v...)
	}
	return nil
}

func layerWords() string {
	words := make([]string, len(unreadLayers))
	for i, l := range unreadLayers {
		words[i] = string(l)
	}
	return strings.Join(words, ", ")
}

// site is where a principal's launch happens: the key tells the region.
func (p *Plan) site(who *access.Principal) launch.Site {
	return launch.Site{Partition: who.Partition, Account: who.Account, Region: region(p.scenario.Launch.Volumes[0].Key)}
}
