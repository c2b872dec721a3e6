package diagnose

import (
	"strings"
	"time"

	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// caller finds out who started the instance, and reads what bears on them: their
// policies, and the organization's.
func (g *gatherer) caller() {
	e := g.evidence
	if f, plain := e.plainReason(); plain && e.Refused == nil && !e.forecast(f.cause.Kind) && !e.refusedByEC2() {
		return
	}
	switch {
	case e.Refused != nil:
		e.Caller = callerOf(e.Refused, e.Site.Partition)
		e.Caller.Source, e.Caller.Told = e.Refused.Source, phrase.Say("the refused %s event", e.Refused.Name)
	case e.Denied != nil && !strings.Contains(e.Denied.Principal, ":assumed-role/aws:ec2-infrastructure/"):
		e.Caller = callerOf(e.Denied, e.Site.Partition)
		e.Caller.Source, e.Caller.Told = e.Denied.Source, phrase.Say("the denied %s event", e.Denied.Name)
	case e.Start != nil:
		e.Caller = callerOf(e.Start, e.Site.Partition)
		e.Caller.Source, e.Caller.Told = e.Start.Source, phrase.Say("the %s event", e.Start.Name)
	}
	if p := g.options.Principal; e.Caller == nil && p != "" {
		e.Caller = namedCaller(p)
		if e.Caller != nil {
			e.Caller.Source, e.Caller.Told = commandLine, phrase.Say("the command line")
		}
	}
	if e.Caller == nil {
		return
	}
	g.together(
		func(g *gatherer) { g.principal(e.Site.Account) },
		(*gatherer).organization,
		func(g *gatherer) { g.sessionEvent() },
	)
	switch {
	case e.Caller.Principal.Account != e.Site.Account:
	case e.Caller.Principal.Type == access.RoleSession:
		g.sessionPolicies()
	case e.Caller.Principal.Type == access.FederatedUser:
		g.unknownSession()
	}
	e.Caller.Policies = []PolicyRead{}
	for _, h := range e.Caller.Identity {
		call := "iam:GetPolicyVersion"
		if h.Inline {
			call = "iam:Get" + strings.ToUpper(h.Holder[:1]) + h.Holder[1:] + "Policy"
		}
		e.Caller.Policies = append(e.Caller.Policies, PolicyRead{Source: call, Name: h.Name, ARN: h.ARN})
	}
}

// commandLine is the source of a caller whom nobody but the user named.
const commandLine = "--principal"

// callerOf is who an event says made the call.
func callerOf(v *Event, partition string) *Caller {
	id := v.identity
	p := access.Principal{
		Type: access.PrincipalType(id.Type), Partition: partition, Account: id.AccountID, ARN: id.ARN,
		UserID: id.PrincipalID, Name: id.UserName,
	}
	if p.Account == "" {
		p.Account = accountOf(id.ARN)
	}
	if p.Type == access.User && p.Name == "" {
		p.Name = lastPart(id.ARN)
	}
	c := &Caller{Type: id.Type, ARN: id.ARN}
	switch p.Type {
	case access.RoleSession:
		p.RoleARN, p.RoleID = id.Session.Issuer.ARN, id.Session.Issuer.PrincipalID
		p.Name = lastPart(id.ARN)
		p.ServiceLinked = strings.Contains(p.RoleARN, serviceLinkedPath)
		c.Role = p.RoleARN
	case access.FederatedUser:
		p.UserARN, p.Name = id.Session.Issuer.ARN, lastPart(id.ARN)
	}
	c.Principal = p
	if !v.Time.IsZero() {
		c.Context.Set("aws:CurrentTime", v.Time.Format(time.RFC3339))
	}
	if created := id.Session.Attributes.Created; created != "" {
		c.Context.Set("aws:TokenIssueTime", created)
		c.Context.Set("aws:MultiFactorAuthPresent", id.Session.Attributes.MFA)
	}
	if s := id.Session.SourceIdentity; s != "" {
		c.Context.Set("aws:SourceIdentity", s)
	}
	return c
}

// serviceLinkedPath is what the ARNs of service-linked roles have in them.
const serviceLinkedPath = ":role/aws-service-role/"

// namedCaller is the principal of an ARN, nil if it is none that can call EC2.
func namedCaller(arn string) *Caller {
	p, ok := PrincipalNamed(arn)
	if !ok {
		return nil
	}
	return &Caller{Type: string(p.Type), ARN: p.ARN, Role: p.RoleARN, Principal: p}
}

// PrincipalNamed is the principal of a user's, a role's, a role session's or the
// root user's ARN, as far as the ARN tells; ok is false for any other text. A
// role stands for any session of it.
func PrincipalNamed(arn string) (p access.Principal, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return p, false
	}
	p = access.Principal{Partition: parts[1], Account: parts[4], ARN: arn}
	kind, name, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[2] == "iam" && parts[5] == "root":
		p.Type, p.UserID = access.Root, p.Account
	case parts[2] == "iam" && kind == "user" && name != "":
		p.Type, p.Name = access.User, lastPart(arn)
	case parts[2] == "iam" && kind == "role" && name != "":
		p.Type, p.Name, p.RoleARN = access.RoleSession, "keyturn", arn
		p.ARN = "arn:" + p.Partition + ":sts::" + p.Account + ":assumed-role/" + lastPart(arn) + "/" + p.Name
		p.ServiceLinked = strings.HasPrefix(name, "aws-service-role/")
	case parts[2] == "sts" && kind == "assumed-role" && strings.Count(name, "/") == 1:
		role, session, _ := strings.Cut(name, "/")
		p.Type, p.Name = access.RoleSession, session
		p.RoleARN = "arn:" + p.Partition + ":iam::" + p.Account + ":role/" + role
	default:
		return p, false
	}
	return p, true
}

// sessionPolicies reads the session's policy and tags from the event that made
// the session: nothing else shows them. Sessions of tools that CloudTrail records
// elsewhere, and those older than the trail, have no such event here.
func (g *gatherer) sessionPolicies() {
	c := g.evidence.Caller
	if c.Principal.ServiceLinked {
		return
	}
	a := g.sessionEvent()
	if a == nil || a.identity.Type == string(access.RoleSession) {
		// Tags may also come down a chain of roles.
		c.Context.SetUnknown("aws:PrincipalTag/*")
	}
	if a != nil {
		g.readSession(a)
	}
}

// sessionEvent is the AssumeRole event of the caller's session, or nil.
func (g *gatherer) sessionEvent() *Event {
	e := g.evidence
	v := e.Start
	if v == nil {
		v = e.Denied
	}
	if v == nil || v.identity.Type != string(access.RoleSession) {
		return nil
	}
	if role := v.identity.Session.Issuer.ARN; accountOf(role) != e.Site.Account || strings.Contains(role, serviceLinkedPath) {
		return nil
	}
	created, err := time.Parse(time.RFC3339, v.identity.Session.Attributes.Created)
	if err != nil {
		return nil
	}
	events, _ := g.lookup(cttypes.LookupAttributeKeyEventName, "AssumeRole", created.Add(-beforeStart), created.Add(beforeStart))
	for i := range events {
		if a := &events[i]; !a.failed() && madeSession(a, v) {
			return a
		}
	}
	return nil
}

// madeSession tells whether the AssumeRole event made the session of an event.
func madeSession(a, v *Event) bool {
	if key, ok := at(a.response, "credentials", "accessKeyId").(string); ok && key != "" && v.identity.AccessKeyID != "" {
		return key == v.identity.AccessKeyID
	}
	arn, ok := at(a.response, "assumedRoleUser", "arn").(string)
	return ok && arn == v.Principal
}

func (g *gatherer) readSession(a *Event) {
	c := g.evidence.Caller
	if text, ok := a.request["policy"].(string); ok && text != "" {
		c.HasSession = true
		d, err := parsed("session policy of "+c.Principal.Name, "", text)
		if err != nil {
			g.unknownSession()
			return
		}
		c.Session = append(c.Session, d)
	}
	tags, _ := a.request["tags"].([]any)
	for _, entry := range tags {
		tag, _ := entry.(map[string]any)
		key, _ := tag["key"].(string)
		value, _ := tag["value"].(string)
		if key != "" {
			c.setTag(key, value)
		}
	}
	arns, _ := a.request["policyArns"].([]any)
	for _, entry := range arns {
		named, _ := entry.(map[string]any)
		arn, _ := named["arn"].(string)
		if arn == "" {
			continue
		}
		c.HasSession = true
		if d, ok := g.managed(arn, lastPart(arn), access.SessionLayer); ok {
			c.Session = append(c.Session, d)
		}
	}
}

// setTag sets a session tag, which hides the role's tag of that name.
func (c *Caller) setTag(key, value string) {
	for k := range c.Principal.Tags {
		if strings.EqualFold(k, key) {
			delete(c.Principal.Tags, k)
		}
	}
	if c.Principal.Tags == nil {
		c.Principal.Tags = make(map[string]string)
	}
	c.Principal.Tags[key] = value
}

// unknownSession notes that there is a session policy that nobody can read.
func (g *gatherer) unknownSession() {
	e := g.evidence
	g.note(Unread{
		What: "session policy of " + e.Caller.ARN, Call: lookupEvents,
		Why: "no event tells with what policy the session was made", layer: access.SessionLayer,
	})
}
