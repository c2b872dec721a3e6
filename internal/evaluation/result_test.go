package evaluation_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/evaluation"
	"github.com/keyturn/keyturn/policy"
)

const (
	account = "123456789012"
	other   = "210987654321"
	key     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	object  = "arn:aws:s3:::example/only-here/object"
)

func document(t *testing.T, name, text string) access.Document {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return access.Document{Name: name, Policy: p}
}

var test = access.Principal{
	Type: access.User, Partition: "aws", Account: account, ARN: "arn:aws:iam::123456789012:user/test", Name: "test", UserID: "AIDACKCEVSQ6C2EXAMPLE",
}

// ask decides an action on resources.
func ask(p access.Policies, owner, action string, resources ...string) (all []evaluation.Asked) {
	for _, r := range resources {
		all = append(all, evaluation.Asked{
			Decision: access.Decide(access.Request{Principal: test, Action: action, Resource: r, ResourceAccount: owner}, p),
			Policies: &p,
		})
	}
	return all
}

// TestPositions: the AWS CLI's example of simulate-principal-policy has its
// statement from line 3, column 19 to line 9, column 10; later statements start
// where the one before ends.
func TestPositions(t *testing.T) {
	t.Parallel()
	p := access.Policies{Identity: []access.Document{document(t, "Grant-Access", `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "codecommit:ListRepositories",
            "Resource": "*",
            "Sid": ""
        },
        {"Effect": "Allow", "Action": "codecommit:List*", "Resource": "*"}
    ]
}`), document(t, "alone", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}}
	got := evaluation.Results(ask(p, "", "codecommit:ListRepositories", "*"))
	want := []evaluation.Result{{
		EvalActionName: "codecommit:ListRepositories", EvalResourceName: "*", EvalDecision: access.Allowed, MissingContextValues: []string{},
		MatchedStatements: []evaluation.Statement{
			{SourcePolicyId: "Grant-Access", SourcePolicyType: "IAM Policy", StartPosition: evaluation.Position{Line: 3, Column: 19}, EndPosition: evaluation.Position{Line: 9, Column: 10}},
			{SourcePolicyId: "Grant-Access", SourcePolicyType: "IAM Policy", StartPosition: evaluation.Position{Line: 9, Column: 10}, EndPosition: evaluation.Position{Line: 10, Column: 75}},
			{SourcePolicyId: "alone", SourcePolicyType: "IAM Policy", StartPosition: evaluation.Position{Line: 1, Column: 37}, EndPosition: evaluation.Position{Line: 1, Column: 83}},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	allow := func(t *testing.T) access.Document {
		return document(t, "inline policy p of user test", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"`+object+`"}]}`)
	}
	statement := evaluation.Statement{
		SourcePolicyId: "user_test_p", SourcePolicyType: "IAM Policy", StartPosition: evaluation.Position{Line: 1, Column: 38},
		EndPosition: evaluation.Position{Line: 1, Column: 123},
	}
	none := []evaluation.Statement{}
	for name, c := range map[string]struct {
		policies  func(*testing.T) access.Policies
		owner     string
		resources []string
		want      evaluation.Result
	}{
		"all resources: no details and nothing for each": {
			func(*testing.T) access.Policies { return access.Policies{} }, "",
			[]string{"*"},
			evaluation.Result{EvalResourceName: "*", EvalDecision: access.ImplicitDeny, MatchedStatements: none},
		},
		"one resource of the account: its ARN, and empty details": {
			func(t *testing.T) access.Policies {
				return access.Policies{Identity: []access.Document{allow(t)}}
			}, "",
			[]string{object},
			evaluation.Result{
				EvalResourceName: object, EvalDecision: access.Allowed, MatchedStatements: []evaluation.Statement{statement},
				EvalDecisionDetails: map[string]access.Outcome{},
				ResourceSpecificResults: []evaluation.ResourceResult{
					{EvalResourceName: object, EvalResourceDecision: access.Allowed, MatchedStatements: []evaluation.Statement{statement}},
				},
			},
		},
		"several resources: one result, the most restrictive decision": {
			func(t *testing.T) access.Policies {
				return access.Policies{Identity: []access.Document{allow(t)}}
			}, "",
			[]string{object, "arn:aws:s3:::example/b"},
			evaluation.Result{
				EvalResourceName: "*", EvalDecision: access.ImplicitDeny, MatchedStatements: []evaluation.Statement{statement},
				EvalDecisionDetails: map[string]access.Outcome{},
				ResourceSpecificResults: []evaluation.ResourceResult{
					{EvalResourceName: object, EvalResourceDecision: access.Allowed, MatchedStatements: []evaluation.Statement{statement}},
					{EvalResourceName: "arn:aws:s3:::example/b", EvalResourceDecision: access.ImplicitDeny, MatchedStatements: none},
				},
			},
		},
		"across accounts the details tell of both sides": {
			func(t *testing.T) access.Policies {
				return access.Policies{Identity: []access.Document{allow(t)}, Resource: &access.ResourcePolicy{Document: document(t, "policy of the bucket", `{"Statement":[]}`)}}
			}, other,
			[]string{object},
			evaluation.Result{
				EvalResourceName: object, EvalDecision: access.ImplicitDeny, MatchedStatements: []evaluation.Statement{statement},
				EvalDecisionDetails: map[string]access.Outcome{"IAM Policy": access.Allowed, "Resource Policy": access.ImplicitDeny},
				ResourceSpecificResults: []evaluation.ResourceResult{{
					EvalResourceName: object, EvalResourceDecision: access.ImplicitDeny, MatchedStatements: []evaluation.Statement{statement},
					EvalDecisionDetails: map[string]access.Outcome{"IAM Policy": access.Allowed, "Resource Policy": access.ImplicitDeny},
				}},
			},
		},
		"an explicit denial shows the Deny statements alone": {
			func(t *testing.T) access.Policies {
				return access.Policies{
					Identity: []access.Document{allow(t)},
					Boundary: new(document(t, "limit", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`)),
				}
			}, "",
			[]string{"*"},
			evaluation.Result{
				EvalResourceName: "*", EvalDecision: access.ExplicitDeny, PermissionsBoundaryDecisionDetail: &evaluation.BoundaryDecision{},
				MatchedStatements: []evaluation.Statement{{
					SourcePolicyId: "limit", SourcePolicyType: "Permissions Boundary Policy",
					StartPosition: evaluation.Position{Line: 1, Column: 38}, EndPosition: evaluation.Position{Line: 1, Column: 86},
				}},
			},
		},
		"an SCP is told apart, without its statements, and ends the evaluation": {
			func(t *testing.T) access.Policies {
				return access.Policies{
					Identity:       []access.Document{allow(t)},
					ServiceControl: [][]access.Document{{document(t, "scp", `{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"x:y":"false"}}},{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}`)}},
				}
			}, other,
			[]string{object},
			evaluation.Result{
				EvalResourceName: object, EvalDecision: access.ImplicitDeny, MatchedStatements: []evaluation.Statement{statement},
				OrganizationsDecisionDetail: &evaluation.OrganizationsDecision{},
				ResourceSpecificResults: []evaluation.ResourceResult{{
					EvalResourceName: object, EvalResourceDecision: access.ImplicitDeny, MatchedStatements: []evaluation.Statement{statement},
					// Across accounts a resource without a policy is a reason, too.
					EvalDecisionDetails: map[string]access.Outcome{"IAM Policy": access.Allowed, "Resource Policy": access.ImplicitDeny},
				}},
			},
		},
		"missing are the keys of statements about the action, not those that follow": {
			func(t *testing.T) access.Policies {
				return access.Policies{Identity: []access.Document{document(t, "p", `{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${aws:username}/${x:b}","Condition":{"StringEquals":{"x:a":"1"}}},
{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}]}`)}}
			}, "",
			[]string{"*"},
			evaluation.Result{EvalResourceName: "*", EvalDecision: access.ImplicitDeny, MatchedStatements: none, MissingContextValues: []string{"x:a", "x:b"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.want.EvalActionName = "s3:GetObject"
			if c.want.MissingContextValues == nil {
				c.want.MissingContextValues = []string{}
			}
			got := evaluation.Results(ask(c.policies(t), c.owner, "s3:GetObject", c.resources...))
			if diff := cmp.Diff([]evaluation.Result{c.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDependsIsImplicit: AWS's simulator has three answers.
func TestDependsIsImplicit(t *testing.T) {
	t.Parallel()
	p := access.Policies{
		Unread:   []access.UnreadLayer{{Layer: access.ServiceControlLayer, What: "SCPs"}},
		Identity: []access.Document{document(t, "p", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)},
	}
	asked := ask(p, "", "kms:Decrypt", key)
	if asked[0].Decision.Outcome != access.Depends {
		t.Fatal(asked[0].Decision.Outcome)
	}
	got := evaluation.Results(asked)[0]
	if got.EvalDecision != access.ImplicitDeny || got.OrganizationsDecisionDetail != nil {
		t.Errorf("%+v", got)
	}
}

func TestOneResultAnAction(t *testing.T) {
	t.Parallel()
	asked := append(ask(access.Policies{}, "", "s3:b", object, "arn:aws:s3:::c"), ask(access.Policies{}, "", "s3:a", object)...)
	var got []string
	for _, r := range evaluation.Results(asked) {
		got = append(got, r.EvalActionName)
	}
	if diff := cmp.Diff([]string{"s3:b", "s3:a"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestJSON: what AWS leaves out is left out, and what it leaves empty is empty.
func TestJSON(t *testing.T) {
	t.Parallel()
	for resource, want := range map[string]string{
		"*":    `[{"EvalActionName":"s3:a","EvalResourceName":"*","EvalDecision":"implicitDeny","MatchedStatements":[],"MissingContextValues":[]}]`,
		object: `[{"EvalActionName":"s3:a","EvalResourceName":"` + object + `","EvalDecision":"implicitDeny","MatchedStatements":[],"MissingContextValues":[],"EvalDecisionDetails":{},"ResourceSpecificResults":[{"EvalResourceName":"` + object + `","EvalResourceDecision":"implicitDeny","MatchedStatements":[]}]}]`,
	} {
		got, err := json.Marshal(evaluation.Results(ask(access.Policies{}, "", "s3:a", resource)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
