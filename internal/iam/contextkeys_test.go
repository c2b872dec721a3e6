package iam_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
)

// TestContextKeysOfDocuments: the rules are what AWS was seen to answer.
func TestContextKeysOfDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const plain = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"a"}}}}`
	for _, c := range []struct {
		rule      string
		documents []string
		want      []string
	}{
		{"keys and variables, as they are written", []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/${aws:PrincipalTag/Team}/${aws:username}","Condition":{"StringEquals":{"s3:ExistingObjectTag/Owner":"${aws:PrincipalTag/Team}"},"Null":{"AWS:SourceIp":"false"}}}}`}, []string{"AWS:SourceIp", "aws:PrincipalTag/Team", "aws:username", "s3:ExistingObjectTag/Owner"}},
		{"defaults and signs", []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/${aws:username, 'default'}/${*}/${?}/${$}"}}`}, []string{"$", "*", "?", "aws:username"}},
		{"the old version has no variables", []string{`{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/${aws:username}"}}`}, []string{}},
		{"NotResource", []string{`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:GetObject","NotResource":"arn:aws:s3:::bucket/${aws:PrincipalTag/project}"}}`}, []string{"aws:PrincipalTag/project"}},
		{"another spelling is another key", []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"${aws:username}","AWS:username":"a"}}}}`}, []string{"AWS:username", "aws:username"}},
		{"documents count by themselves", []string{plain, plain}, []string{"aws:username", "aws:username"}},
		{"a policy of a resource", []string{`{"Statement":{"Effect":"Allow","Principal":{"AWS":"${aws:userid}"},"Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"a"}}}}`}, []string{"aws:username"}},
		{"what could not be attached", []string{`{"Statement":{"Effect":"Allow","Action":"abc","Condition":{"NumericEquals":{"aws:MultiFactorAuthAge":"nope"}}}}`}, []string{"aws:MultiFactorAuthAge"}},
		{"nothing", []string{`{"Statement":[]}`}, []string{}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := must[awsiam.GetContextKeysForCustomPolicyOutput](w, "GetContextKeysForCustomPolicy", &awsiam.GetContextKeysForCustomPolicyInput{PolicyInputList: c.documents}).ContextKeyNames
			if !slices.Equal(got, c.want) {
				t.Errorf("keys %q, want %q", got, c.want)
			}
		})
	}
	for _, wrong := range []string{
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"MadeUp":{"aws:username":"a"}}}}`,
		`{"Statement":{"Action":"*","Resource":"*"}}`, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"},"Foo":"x"}`,
	} {
		w.fails("GetContextKeysForCustomPolicy", &awsiam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{wrong}}, "InvalidInput", "Syntax errors in policy.")
	}
}

func TestContextKeysOfAPrincipal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: aws.String("person"), Path: aws.String("/x/")})
	must[awsiam.CreateGroupOutput](w, "CreateGroup", &awsiam.CreateGroupInput{GroupName: aws.String("team")})
	person, team := aws.String("person"), aws.String("team")
	asks := func(key string) *string {
		return document(`{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/` + key + `": "a"}}}`)
	}
	shared := must[awsiam.CreatePolicyOutput](w, "CreatePolicy", &awsiam.CreatePolicyInput{PolicyName: aws.String("shared"), PolicyDocument: asks("Managed")}).Policy.Arn
	boundary := must[awsiam.CreatePolicyOutput](w, "CreatePolicy", &awsiam.CreatePolicyInput{PolicyName: aws.String("boundary"), PolicyDocument: asks("Boundary")}).Policy.Arn
	must[awsiam.PutUserPolicyOutput](w, "PutUserPolicy", &awsiam.PutUserPolicyInput{UserName: person, PolicyName: aws.String("own"), PolicyDocument: asks("User")})
	must[awsiam.PutGroupPolicyOutput](w, "PutGroupPolicy", &awsiam.PutGroupPolicyInput{GroupName: team, PolicyName: aws.String("own"), PolicyDocument: asks("Group")})
	must[awsiam.AttachUserPolicyOutput](w, "AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: person, PolicyArn: shared})
	must[awsiam.AttachGroupPolicyOutput](w, "AttachGroupPolicy", &awsiam.AttachGroupPolicyInput{GroupName: team, PolicyArn: shared})
	must[awsiam.PutUserPermissionsBoundaryOutput](w, "PutUserPermissionsBoundary", &awsiam.PutUserPermissionsBoundaryInput{UserName: person, PermissionsBoundary: boundary})
	must[awsiam.AddUserToGroupOutput](w, "AddUserToGroup", &awsiam.AddUserToGroupInput{GroupName: team, UserName: person})
	for arn, want := range map[string][]string{
		"arn:aws:iam::123456789012:user/person": {"aws:PrincipalTag/Boundary", "aws:PrincipalTag/Group", "aws:PrincipalTag/Managed", "aws:PrincipalTag/User", "aws:PrincipalTag/User"},
		"arn:aws:iam::123456789012:group/team":  {"aws:PrincipalTag/Group", "aws:PrincipalTag/Managed", "aws:PrincipalTag/User"},
	} {
		out, needs, err := w.run(rootCaller(account), "GetContextKeysForPrincipalPolicy", &awsiam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: &arn, PolicyInputList: []string{*asks("User")}})
		if err != nil {
			t.Fatal(err)
		}
		if got := out.(*awsiam.GetContextKeysForPrincipalPolicyOutput).ContextKeyNames; !slices.Equal(got, want) {
			t.Errorf("keys of %s: %q, want %q", arn, got, want)
		}
		if arn == "arn:aws:iam::123456789012:user/person" && needs[0].Resource != "arn:aws:iam::123456789012:user/x/person" {
			t.Errorf("asked for on %s", needs[0].Resource)
		}
	}
}
