package iam_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
)

// recorded is an error that AWS gave.
type recorded struct {
	Error struct{ Code, Message string }
}

// recordings reads what AWS itself answered, by test and step.
func recordings(t *testing.T) map[string]map[string]json.RawMessage {
	t.Helper()
	path := os.Getenv("KEYTURN_RECORDINGS")
	if path == "" {
		path = "../../../shared/aws-recordings.jsonl"
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no recordings of AWS's answers here; KEYTURN_RECORDINGS names their file")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]map[string]json.RawMessage{}
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var line struct {
			Service, Test string
			Content       map[string]json.RawMessage
		}
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Service == "iam" {
			out[line.Test[strings.LastIndex(line.Test, "::")+2:]] = line.Content
		}
	}
	return out
}

// matches runs an operation and compares its error with AWS's. Placeholders in
// AWS's text stand for what the test chose.
func (w *world) matches(s step, raw json.RawMessage, placeholders ...string) {
	w.t.Helper()
	var want recorded
	if err := json.Unmarshal(raw, &want); err != nil {
		w.t.Fatal(err)
	}
	placeholders = append(placeholders, "<partition>", "aws", "111111111111", account)
	message := strings.NewReplacer(placeholders...).Replace(want.Error.Message)
	_, _, err := w.run(rootCaller(account), s.operation, s.in)
	var e smithy.APIError
	if !errors.As(err, &e) || strings.TrimSuffix(e.ErrorCode(), "Exception") != want.Error.Code || e.ErrorMessage() != message {
		w.t.Errorf("%s: %v\nAWS: %s: %s", s.operation, err, want.Error.Code, message)
	}
}

var suffixed = regexp.MustCompile(`custom_suffix_not_allowed\[(.+)\]$`)

func TestRecordedServiceLinkedRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := 0
	all := recordings(t)
	for test, content := range all {
		if m := suffixed.FindStringSubmatch(test); m != nil {
			n++
			w.matches(step{"CreateServiceLinkedRole", &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: &m[1], CustomSuffix: aws.String("x")}}, content["custom-suffix-not-allowed"])
		}
	}
	if n < 60 {
		t.Errorf("%d services compared", n)
	}
	batch := step{"CreateServiceLinkedRole", &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("batch.amazonaws.com")}}
	w.do(batch)
	w.matches(batch, all["test_service_role_already_exists"]["role-already-exists-error"])
}

func TestRecordedAttachments(t *testing.T) {
	t.Parallel()
	all := recordings(t)
	w := newWorld(t)
	arn := w.newPolicy("p", allowS3)
	w.newUser("test")
	w.newRole("test", trustEC2)
	for test, attach := range map[string]func(string) step{
		"test_user_attach_policy": func(arn string) step {
			return step{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: &arn}}
		},
		"test_role_attach_policy": func(arn string) step {
			return step{"AttachRolePolicy", &awsiam.AttachRolePolicyInput{RoleName: aws.String("test"), PolicyArn: &arn}}
		},
	} {
		content := all[test]
		w.matches(attach("longpolicynamebutnoarn"), content["non_existent_malformed_policy_arn"])
		w.matches(attach("p"), content["existing_policy_name_provided"])
		w.matches(attach(arn+"123"), content["valid_arn_not_existent"], "<policy-name:1>", "p")
		w.do(attach(arn))
	}
	missing := "arn:aws:iam::123456789012:policy/non-existent-policy"
	w.matches(step{"DeletePolicy", &awsiam.DeletePolicyInput{PolicyArn: &missing}},
		all["test_delete_non_existent_policy_returns_no_such_entity"]["delete-non-existent-policy-exc"])
}

// TestRecordedShapes compares the members of answers, not their values.
func TestRecordedShapes(t *testing.T) {
	t.Parallel()
	all := recordings(t)["test_create_describe_role"]
	w := newWorld(t)
	for want, got := range map[string]any{
		"create_role_result": w.do(step{"CreateRole", &awsiam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(trustEC2), Path: aws.String("/p/")}}).(*awsiam.CreateRoleOutput).Role,
		"get_role_result":    w.do(step{"GetRole", &awsiam.GetRoleInput{RoleName: aws.String("r")}}).(*awsiam.GetRoleOutput).Role,
		"list_roles_result":  w.do(step{"ListRoles", &awsiam.ListRolesInput{}}).(*awsiam.ListRolesOutput).Roles[0],
	} {
		var answer struct {
			Role  map[string]any
			Roles []map[string]any
		}
		if err := json.Unmarshal(all[want], &answer); err != nil {
			t.Fatal(err)
		}
		if answer.Role == nil {
			answer.Role = answer.Roles[0]
		}
		raw, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]any
		if err := json.Unmarshal(raw, &members); err != nil {
			t.Fatal(err)
		}
		for name, v := range members {
			if _, there := answer.Role[name]; there != (v != nil) {
				t.Errorf("%s: %s is there: %v; at AWS: %v", want, name, v != nil, there)
			}
		}
	}
}
