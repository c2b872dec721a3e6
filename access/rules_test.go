package access_test

import (
	"strings"
	"testing"

	"github.com/keyturn/keyturn/access"
)

const (
	other     = "210987654321"
	otherKey  = "arn:aws:kms:eu-west-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	bucket    = "arn:aws:s3:::example/a"
	roleARN   = "arn:aws:iam::123456789012:role/path/r"
	sessARN   = "arn:aws:sts::123456789012:assumed-role/r/s"
	targetARN = "arn:aws:iam::123456789012:role/target"
)

func root() access.Principal {
	return access.Principal{
		Type: access.Root, Partition: "aws", Account: account, UserID: account, ARN: "arn:aws:iam::" + account + ":root",
	}
}

func session() access.Principal {
	return access.Principal{
		Type: access.RoleSession, Partition: "aws", Account: account, ARN: sessARN, Name: "s",
		UserID: "AROACKCEVSQ6C2EXAMPLE:s", RoleARN: roleARN, RoleID: "AROACKCEVSQ6C2EXAMPLE",
	}
}

func infrastructure() access.Principal {
	return access.Principal{
		Type: access.RoleSession, Partition: "aws", Account: account, IdentityOnly: true,
		ARN:     "arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/i-0123456789abcdef0",
		RoleARN: "arn:aws:iam::123456789012:role/aws:ec2-infrastructure", RoleID: "123456789012:aws:ec2-infrastructure",
	}
}

func federated() access.Principal {
	return access.Principal{
		Type: access.FederatedUser, Partition: "aws", Account: account, UserID: account + ":f",
		ARN: "arn:aws:sts::123456789012:federated-user/f", UserARN: "arn:aws:iam::123456789012:user/test",
	}
}

func serviceLinked() access.Principal {
	p := session()
	p.ARN = "arn:aws:sts::123456789012:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling"
	p.RoleARN = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
	p.ServiceLinked = true
	return p
}

func ec2Service() access.Principal {
	return access.Principal{Type: access.Service, Partition: "aws", ServicePrincipal: "ec2.eu-west-1.amazonaws.com"}
}

// st writes a statement: effect, principal (empty for none), action, and what
// else it has.
func st(effect, principal, action string, more ...string) string {
	s := `{"Effect":"` + effect + `","Action":"` + action + `"`
	if principal != "" {
		s += `,"Principal":` + principal
	}
	if len(more) == 0 {
		more = []string{`"Resource":"*"`}
	}
	return s + "," + strings.Join(more, ",") + "}"
}

func aws(name string) string { return `{"AWS":"` + name + `"}` }

// doc makes a document of statements; none makes a document that is nil.
func doc(t testing.TB, name string, statements ...string) access.Document {
	t.Helper()
	return document(t, name, `{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`)
}

// setting is one case: who does what, under which policies.
type setting struct {
	rule      string
	who       access.Principal
	action    string
	resource  string
	owner     string // of the resource
	context   map[string]string
	identity  []string // statements
	boundary  []string
	session   []string
	kind      access.ResourceKind
	resources []string // statements of the resource policy; nil: it has none
	grants    []access.Grant
	scp       [][]string
	rcp       [][]string
	endpoint  []string
	unread    []access.UnreadLayer
	unknown   []string

	want  access.Outcome
	layer access.Layer
}

func (s *setting) decide(t testing.TB) access.Decision {
	t.Helper()
	r, p := s.build(t)
	d := access.Decide(r, p)
	if got := access.Check(&r, &p); got != d.Outcome {
		t.Errorf("Check says %s, Decide %s", got, d.Outcome)
	}
	return d
}

func (s *setting) build(t testing.TB) (access.Request, access.Policies) {
	t.Helper()
	r := access.Request{Principal: s.who, Action: s.action, Resource: s.resource, ResourceAccount: s.owner}
	for k, v := range s.context {
		r.Context.Set(k, v)
	}
	for _, k := range s.unknown {
		r.Context.SetUnknown(k)
	}
	p := access.Policies{Grants: s.grants, Unread: s.unread}
	if s.identity != nil {
		p.Identity = []access.Document{doc(t, "identity", s.identity...)}
	}
	if s.boundary != nil {
		d := doc(t, "boundary", s.boundary...)
		p.Boundary = &d
	}
	if s.session != nil {
		p.Session, p.HasSession = []access.Document{doc(t, "session", s.session...)}, true
	}
	if s.resources != nil {
		p.Resource = &access.ResourcePolicy{Kind: s.kind, Document: doc(t, "resource", s.resources...)}
	}
	for _, level := range s.scp {
		p.ServiceControl = append(p.ServiceControl, []access.Document{doc(t, "SCP", level...)})
	}
	for _, level := range s.rcp {
		p.ResourceControl = append(p.ResourceControl, []access.Document{doc(t, "RCP", level...)})
	}
	if s.endpoint != nil {
		d := doc(t, "endpoint", s.endpoint...)
		p.Endpoint = &d
	}
	return r, p
}

func run(t *testing.T, settings []setting) {
	t.Helper()
	for _, s := range settings {
		t.Run(s.rule, func(t *testing.T) {
			t.Parallel()
			d := s.decide(t)
			if d.Outcome != s.want || s.layer != "" && d.Layer != s.layer {
				t.Errorf("%s by %s, want %s by %s\n%s", d.Outcome, d.Layer, s.want, s.layer, d.Explain())
			}
			if d.Outcome == access.Allowed && d.Message() != "" || d.Outcome != access.Allowed && d.Message() == "" {
				t.Errorf("message %q for %s", d.Message(), d.Outcome)
			}
			for _, l := range d.Layers {
				if len(l.Reasons) == 0 && l.Note == "" {
					t.Errorf("the %s gives no reason", l.Layer)
				}
			}
		})
	}
}

var all = []string{st("Allow", "", "*")}

// TestWithinAnAccount: IAM guide, "Policy evaluation for requests within a
// single account".
func TestWithinAnAccount(t *testing.T) {
	t.Parallel()
	get := func(s setting) setting {
		s.action, s.resource = "s3:GetObject", bucket
		return s
	}
	run(t, []setting{
		get(setting{rule: "nothing allows", who: user("test"), want: access.ImplicitDeny, layer: access.IdentityLayer}),
		get(setting{rule: "an identity policy allows", who: user("test"), identity: all, want: access.Allowed, layer: access.IdentityLayer}),
		get(setting{rule: "a deny wins over an allow", who: user("test"), identity: append(all, st("Deny", "", "s3:Get*")), want: access.ExplicitDeny, layer: access.IdentityLayer}),
		get(setting{rule: "the root user needs no policy", who: root(), want: access.Allowed}),
		get(setting{rule: "the root user is denied by a resource policy", who: root(), resources: []string{st("Deny", `"*"`, "s3:*")}, want: access.ExplicitDeny, layer: access.ResourceLayer}),
		get(setting{rule: "the root user of a member account is under its SCPs", who: root(), scp: [][]string{{st("Allow", "", "ec2:*")}}, want: access.ImplicitDeny, layer: access.ServiceControlLayer}),
		get(setting{rule: "a boundary limits", who: user("test"), identity: all, boundary: []string{st("Allow", "", "ec2:*")}, want: access.ImplicitDeny, layer: access.BoundaryLayer}),
		get(setting{rule: "a boundary grants nothing", who: user("test"), boundary: all, want: access.ImplicitDeny, layer: access.IdentityLayer}),
		get(setting{rule: "a boundary denies", who: user("test"), identity: all, boundary: append(all, st("Deny", "", "s3:*")), want: access.ExplicitDeny, layer: access.BoundaryLayer}),
		get(setting{rule: "a session policy limits", who: session(), identity: all, session: []string{st("Allow", "", "ec2:*")}, want: access.ImplicitDeny, layer: access.SessionLayer}),
		get(setting{rule: "a session policy grants nothing", who: session(), session: all, want: access.ImplicitDeny, layer: access.IdentityLayer}),
		get(setting{rule: "a role session without session policy has the role's permissions", who: session(), identity: all, want: access.Allowed}),
		get(setting{rule: "a federated session without session policy has none", who: federated(), identity: all, want: access.ImplicitDeny, layer: access.SessionLayer}),
		get(setting{rule: "a federated session has what both allow", who: federated(), identity: all, session: all, want: access.Allowed}),
		get(setting{rule: "an endpoint policy limits", who: user("test"), identity: all, endpoint: []string{st("Allow", `"*"`, "ec2:*")}, want: access.ImplicitDeny, layer: access.EndpointLayer}),
		get(setting{rule: "an endpoint policy allows", who: user("test"), identity: all, endpoint: []string{st("Allow", `"*"`, "*")}, want: access.Allowed}),
	})
}

// TestResourcePolicies: IAM guide, "Policy evaluation for requests within a
// single account", the table of principals in resource-based policies.
func TestResourcePolicies(t *testing.T) {
	t.Parallel()
	get := func(s setting) setting {
		s.action, s.resource = "s3:GetObject", bucket
		return s
	}
	nothing := []string{st("Allow", "", "ec2:*")}
	run(t, []setting{
		get(setting{rule: "a user's ARN needs no identity policy", who: user("test"), resources: []string{st("Allow", aws("arn:aws:iam::123456789012:user/test"), "*")}, want: access.Allowed, layer: access.ResourceLayer}),
		get(setting{rule: "a user's id is the user", who: user("test"), resources: []string{st("Allow", aws("AIDACKCEVSQ6C2EXAMPLE"), "*")}, want: access.Allowed}),
		get(setting{rule: "another user's ARN is not", who: user("test"), resources: []string{st("Allow", aws("arn:aws:iam::123456789012:user/tess"), "*")}, want: access.ImplicitDeny}),
		get(setting{rule: "a user's ARN has case", who: user("test"), resources: []string{st("Allow", aws("arn:aws:iam::123456789012:user/Test"), "*")}, want: access.ImplicitDeny}),
		get(setting{rule: "a user's ARN passes the boundary's silence", who: user("test"), boundary: nothing, resources: []string{st("Allow", aws("arn:aws:iam::123456789012:user/test"), "*")}, want: access.Allowed}),
		get(setting{rule: "a user's ARN does not pass the boundary's deny", who: user("test"), boundary: []string{st("Deny", "", "*")}, resources: []string{st("Allow", aws("arn:aws:iam::123456789012:user/test"), "*")}, want: access.ExplicitDeny, layer: access.BoundaryLayer}),
		get(setting{rule: "a role's ARN needs no identity policy", who: session(), resources: []string{st("Allow", aws(roleARN), "*")}, want: access.Allowed}),
		get(setting{rule: "a role's ARN is under the boundary", who: session(), boundary: nothing, resources: []string{st("Allow", aws(roleARN), "*")}, want: access.ImplicitDeny, layer: access.BoundaryLayer}),
		get(setting{rule: "a role's ARN is under the session policy", who: session(), session: nothing, resources: []string{st("Allow", aws(roleARN), "*")}, want: access.ImplicitDeny, layer: access.SessionLayer}),
		get(setting{rule: "a role's ARN passes where both allow", who: session(), boundary: all, session: all, resources: []string{st("Allow", aws("AROACKCEVSQ6C2EXAMPLE"), "*")}, want: access.Allowed}),
		get(setting{rule: "a session's ARN passes boundary and session policy", who: session(), boundary: nothing, session: nothing, resources: []string{st("Allow", aws(sessARN), "*")}, want: access.Allowed}),
		get(setting{rule: "a federated session's ARN passes", who: federated(), resources: []string{st("Allow", aws("arn:aws:sts::123456789012:federated-user/f"), "*")}, want: access.Allowed}),
		get(setting{rule: "a federated session is under its session policy where its user is named", who: federated(), resources: []string{st("Allow", aws("arn:aws:iam::123456789012:user/test"), "*")}, want: access.ImplicitDeny, layer: access.SessionLayer}),
		get(setting{rule: "everyone is named directly", who: session(), boundary: nothing, resources: []string{st("Allow", `"*"`, "*", `"Resource":"*"`, `"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/path/*"}}`)}, want: access.Allowed}),
		get(setting{rule: "the account only delegates", who: user("test"), resources: []string{st("Allow", aws(account), "*")}, want: access.ImplicitDeny, layer: access.IdentityLayer}),
		get(setting{rule: "a statement without principal names nobody", who: user("test"), resources: []string{st("Allow", "", "*")}, want: access.ImplicitDeny}),
		get(setting{rule: "a denied account is everybody in it", who: user("test"), identity: all, resources: []string{st("Deny", aws("arn:aws:iam::123456789012:root"), "*")}, want: access.ExplicitDeny, layer: access.ResourceLayer}),
		get(setting{rule: "a denied role is all its sessions", who: session(), identity: all, resources: []string{st("Deny", aws(roleARN), "*")}, want: access.ExplicitDeny}),
		get(setting{rule: "a service is named by its principal", who: ec2Service(), owner: account, resources: []string{st("Allow", `{"Service":"ec2.eu-west-1.amazonaws.com"}`, "*")}, want: access.Allowed}),
		get(setting{rule: "a service has no identity policies", who: ec2Service(), owner: account, identity: all, want: access.ImplicitDeny, layer: access.ResourceLayer}),
		get(setting{rule: "nobody known is everyone", who: access.Principal{Type: access.Anonymous}, owner: account, resources: []string{st("Allow", `"*"`, "*")}, want: access.Allowed}),
		get(setting{rule: "nobody known is no account", who: access.Principal{Type: access.Anonymous}, owner: account, resources: []string{st("Allow", aws(account), "*")}, want: access.ImplicitDeny}),
		get(setting{rule: "NotPrincipal denies whom it does not list", who: user("test"), identity: all, resources: []string{`{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::123456789012:user/a","123456789012"]},"Action":"*","Resource":"*"}`}, want: access.ExplicitDeny}),
		get(setting{rule: "NotPrincipal wants the account in its list", who: user("test"), identity: all, resources: []string{`{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::123456789012:user/test"},"Action":"*","Resource":"*"}`}, want: access.ExplicitDeny}),
		get(setting{rule: "NotPrincipal spares whom it lists with the account", who: user("test"), identity: all, resources: []string{`{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::123456789012:user/test","123456789012"]},"Action":"*","Resource":"*"}`}, want: access.Allowed}),
		get(setting{rule: "NotPrincipal wants a session's role in its list", who: session(), identity: all, resources: []string{`{"Effect":"Deny","NotPrincipal":{"AWS":["123456789012","` + sessARN + `"]},"Action":"*","Resource":"*"}`}, want: access.ExplicitDeny}),
		get(setting{rule: "NotPrincipal wants the session in its list", who: session(), identity: all, resources: []string{`{"Effect":"Deny","NotPrincipal":{"AWS":["123456789012","` + roleARN + `"]},"Action":"*","Resource":"*"}`}, want: access.ExplicitDeny}),
		get(setting{rule: "NotPrincipal spares a session listed with role and account", who: session(), identity: all, resources: []string{`{"Effect":"Deny","NotPrincipal":{"AWS":["123456789012","` + roleARN + `","` + sessARN + `"]},"Action":"*","Resource":"*"}`}, want: access.Allowed}),
		get(setting{rule: "NotPrincipal spares the root user listed", who: root(), identity: all, resources: []string{`{"Effect":"Deny","NotPrincipal":{"AWS":["123456789012"]},"Action":"*","Resource":"*"}`}, want: access.Allowed}),
		get(setting{rule: "NotPrincipal spares nobody with a boundary", who: user("test"), identity: all, boundary: all, resources: []string{`{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::123456789012:user/test","123456789012"]},"Action":"*","Resource":"*"}`}, want: access.ExplicitDeny}),
		get(setting{rule: "NotPrincipal grants nothing to those it spares", who: user("test"), resources: []string{`{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::123456789012:user/test","123456789012"]},"Action":"*","Resource":"*"}`}, want: access.ImplicitDeny}),
	})
}

// TestWorkedExample is the example of the IAM guide's "Policy evaluation for
// requests within a single account": a user with a bucket of their own, and a
// deny for everything that holds logs.
func TestWorkedExample(t *testing.T) {
	t.Parallel()
	identity := []string{
		st("Allow", "", "s3:ListAllMyBuckets", `"Resource":"arn:aws:s3:::*"`),
		st("Allow", "", "s3:*", `"Resource":["arn:aws:s3:::example-test/*","arn:aws:s3:::example-test"]`),
		st("Deny", "", "s3:*", `"Resource":"arn:aws:s3:::*log*"`),
	}
	toUser := []string{st("Allow", aws("arn:aws:iam::123456789012:user/test"), "s3:*")}
	run(t, []setting{
		{rule: "the user's own bucket", who: user("test"), action: "s3:PutObject", resource: "arn:aws:s3:::example-test/a", identity: identity, want: access.Allowed},
		{rule: "a bucket that only its policy allows", who: user("test"), action: "s3:PutObject", resource: "arn:aws:s3:::example-other/a", identity: identity, resources: toUser, want: access.Allowed, layer: access.ResourceLayer},
		{rule: "a bucket that nothing allows", who: user("test"), action: "s3:PutObject", resource: "arn:aws:s3:::example-other/a", identity: identity, want: access.ImplicitDeny, layer: access.IdentityLayer},
		{rule: "logs, although the bucket's policy allows", who: user("test"), action: "s3:PutObject", resource: "arn:aws:s3:::example-test-logs/a", identity: identity, resources: toUser, want: access.ExplicitDeny, layer: access.IdentityLayer},
	})
}

// TestAcrossAccounts: IAM guide, "Cross-account policy evaluation logic".
func TestAcrossAccounts(t *testing.T) {
	t.Parallel()
	get := func(s setting) setting {
		s.action, s.resource, s.owner = "s3:GetObject", bucket, other
		return s
	}
	named := []string{st("Allow", aws("arn:aws:iam::123456789012:user/test"), "*")}
	run(t, []setting{
		get(setting{rule: "the caller's account alone is not enough", who: user("test"), identity: all, want: access.ImplicitDeny, layer: access.ResourceLayer}),
		get(setting{rule: "the resource's account alone is not enough", who: user("test"), resources: named, want: access.ImplicitDeny, layer: access.IdentityLayer}),
		get(setting{rule: "both are", who: user("test"), identity: all, resources: named, want: access.Allowed}),
		get(setting{rule: "the account is named, and delegates", who: user("test"), identity: all, resources: []string{st("Allow", aws(account), "*")}, want: access.Allowed}),
		get(setting{rule: "the resource's own account is not the caller's", who: user("test"), identity: all, resources: []string{st("Allow", aws(other), "*")}, want: access.ImplicitDeny}),
		get(setting{rule: "a boundary limits although the user is named", who: user("test"), identity: all, boundary: []string{st("Allow", "", "ec2:*")}, resources: named, want: access.ImplicitDeny, layer: access.BoundaryLayer}),
		get(setting{rule: "the root user needs the other side too", who: root(), want: access.ImplicitDeny, layer: access.ResourceLayer}),
		get(setting{rule: "the root user with the other side", who: root(), resources: []string{st("Allow", aws(account), "*")}, want: access.Allowed}),
		get(setting{rule: "an action is not same-account because its name starts with Create", who: user("test"), action: "s3:CreateBucket", identity: all, want: access.ImplicitDeny, layer: access.ResourceLayer}),
	})
}

// TestOrganizations: Organizations guide, "SCP evaluation" and "Resource
// control policies".
func TestOrganizations(t *testing.T) {
	t.Parallel()
	get := func(s setting) setting {
		s.action, s.resource, s.identity = "s3:GetObject", bucket, all
		return s
	}
	run(t, []setting{
		get(setting{rule: "every level must allow", who: user("test"), scp: [][]string{all, all, all}, want: access.Allowed}),
		get(setting{rule: "a level that does not allow", who: user("test"), scp: [][]string{all, {st("Allow", "", "ec2:*")}, all}, want: access.ImplicitDeny, layer: access.ServiceControlLayer}),
		get(setting{rule: "a level that denies", who: user("test"), scp: [][]string{all, append(all, st("Deny", "", "s3:*"))}, want: access.ExplicitDeny, layer: access.ServiceControlLayer}),
		get(setting{rule: "an SCP's deny does not reach a service-linked role", who: serviceLinked(), scp: [][]string{{st("Deny", "", "*")}}, want: access.Allowed}),
		get(setting{rule: "an SCP does not reach a service", who: ec2Service(), owner: account, scp: [][]string{{st("Deny", "", "*")}}, resources: []string{st("Allow", `{"Service":"ec2.eu-west-1.amazonaws.com"}`, "*")}, want: access.Allowed}),
		get(setting{rule: "an SCP reaches a session of an ordinary role", who: session(), scp: [][]string{{st("Deny", "", "*")}}, want: access.ExplicitDeny}),
		get(setting{rule: "an RCP denies", who: user("test"), rcp: [][]string{{st("Deny", `"*"`, "s3:*")}}, want: access.ExplicitDeny, layer: access.ResourceControlLayer}),
		get(setting{rule: "an RCP needs no allow", who: user("test"), rcp: [][]string{{st("Deny", `"*"`, "ec2:*")}}, want: access.Allowed}),
		get(setting{
			rule: "an RCP that keeps strangers out spares services", who: ec2Service(), owner: account,
			rcp: [][]string{{st("Deny", `"*"`, "s3:*", `"Resource":"*"`,
				`"Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-example"},"Bool":{"aws:PrincipalIsAWSService":"false"}}`)}},
			resources: []string{st("Allow", `{"Service":"ec2.eu-west-1.amazonaws.com"}`, "*")}, want: access.Allowed,
		}),
		get(setting{rule: "an RCP does not reach a service-linked role", who: serviceLinked(), rcp: [][]string{{st("Deny", `"*"`, "s3:*")}}, want: access.Allowed}),
	})
}

// TestRoleTrust: IAM guide, "How IAM roles differ from resource-based policies"
// and "Granting a user permissions to switch roles".
func TestRoleTrust(t *testing.T) {
	t.Parallel()
	assume := func(s setting) setting {
		s.action, s.resource, s.kind = "sts:AssumeRole", targetARN, access.RoleTrust
		return s
	}
	trust := func(principal string) []string {
		return []string{`{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}`}
	}
	run(t, []setting{
		assume(setting{rule: "naming the user is enough", who: user("test"), resources: trust(aws("arn:aws:iam::123456789012:user/test")), want: access.Allowed, layer: access.TrustLayer}),
		assume(setting{rule: "naming the account delegates", who: user("test"), resources: trust(aws(account)), want: access.ImplicitDeny, layer: access.IdentityLayer}),
		assume(setting{rule: "naming the account with an identity policy", who: user("test"), identity: all, resources: trust(aws(account)), want: access.Allowed}),
		assume(setting{rule: "an identity policy alone is not enough", who: user("test"), identity: all, resources: trust(`{"Service":"ec2.amazonaws.com"}`), want: access.ImplicitDeny, layer: access.TrustLayer}),
		assume(setting{rule: "a service that is trusted", who: access.Principal{Type: access.Service, ServicePrincipal: "ec2.amazonaws.com"}, owner: account, resources: trust(`{"Service":"ec2.amazonaws.com"}`), want: access.Allowed}),
		assume(setting{rule: "a service that is not", who: access.Principal{Type: access.Service, ServicePrincipal: "lambda.amazonaws.com"}, owner: account, resources: trust(`{"Service":"ec2.amazonaws.com"}`), want: access.ImplicitDeny, layer: access.TrustLayer}),
		assume(setting{rule: "across accounts both must allow", who: user("test"), owner: other, resources: trust(aws("arn:aws:iam::123456789012:user/test")), want: access.ImplicitDeny, layer: access.IdentityLayer}),
		assume(setting{rule: "across accounts both allow", who: user("test"), owner: other, identity: all, resources: trust(aws(account)), want: access.Allowed}),
		assume(setting{rule: "a deny in the trust policy", who: user("test"), identity: all, resources: append(trust(aws(account)), `{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}`), want: access.ExplicitDeny, layer: access.TrustLayer}),
		assume(setting{rule: "a condition on the external id", who: user("test"), identity: all, resources: []string{`{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}`}, want: access.ImplicitDeny, layer: access.TrustLayer}),
		assume(setting{rule: "a role naming another role's session", who: session(), resources: trust(aws(sessARN)), want: access.Allowed}),
		assume(setting{rule: "an identity provider", who: access.Principal{Type: access.Anonymous, Federated: "accounts.example.com"}, owner: account, action: "sts:AssumeRole", resources: trust(`{"Federated":"accounts.example.com"}`), want: access.Allowed}),
	})
}
