package diagnose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// Call is one call of AWS's API that a fix consists of.
type Call struct {
	// Service is "iam", "kms" or "organizations".
	Service string `json:"service"`
	// Operation is the operation's name in the API: "PutUserPolicy".
	Operation string `json:"operation"`
	// Input is the SDK's input type of that operation, by pointer.
	Input any `json:"input"`
}

// MarshalJSON writes the members that are set, by their names in the API.
func (c Call) MarshalJSON() ([]byte, error) {
	input := make(map[string]any)
	for _, m := range c.members() {
		input[m.name] = m.value
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		Service   string         `json:"service"`
		Operation string         `json:"operation"`
		Input     map[string]any `json:"input"`
	}{c.Service, c.Operation, input})
	return b.Bytes(), err
}

// UnmarshalJSON reads what MarshalJSON wrote. An operation or a parameter that the
// services of fixes do not have is an error.
func (c *Call) UnmarshalJSON(b []byte) error {
	var raw struct {
		Service, Operation string
		Input              json.RawMessage
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	method, ok := writer(reflect.TypeOf(fixers(aws.Config{})[raw.Service]), raw.Operation)
	if !ok {
		return fmt.Errorf("%s:%s is no operation that is known here", raw.Service, raw.Operation)
	}
	in := reflect.New(method.Type.In(2).Elem())
	decoder := json.NewDecoder(bytes.NewReader(raw.Input))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(in.Interface()); err != nil {
		return fmt.Errorf("%s:%s: %w", raw.Service, raw.Operation, err)
	}
	*c = Call{Service: raw.Service, Operation: raw.Operation, Input: in.Interface()}
	return nil
}

// member is a member of an input that is set.
type member struct {
	name  string
	value any
}

// members are those of the input that are set: what is acted on first, documents
// last.
func (c Call) members() []member {
	v := reflect.ValueOf(c.Input).Elem()
	var all []member
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || v.Field(i).IsZero() {
			continue
		}
		value := v.Field(i)
		if value.Kind() == reflect.Pointer {
			value = value.Elem()
		}
		all = append(all, member{f.Name, value.Interface()})
	}
	rank := func(m member) int {
		switch {
		case strings.HasSuffix(m.name, "Document") || m.name == "Policy" || m.name == "Content":
			return 3
		case m.name == "PolicyName" || m.name == "PolicyArn" || m.name == "PermissionsBoundary":
			return 1
		case strings.HasSuffix(m.name, "Name") || strings.HasSuffix(m.name, "Id"):
			return 0
		}
		return 4
	}
	slices.SortStableFunc(all, func(a, b member) int { return rank(a) - rank(b) })
	return all
}

// Words is the call as an AWS CLI command's words, without "aws".
func (c Call) Words() []string {
	words := []string{c.Service, dashed(c.Operation)}
	for _, m := range c.members() {
		words = append(words, "--"+dashed(m.name))
		switch v := m.value.(type) {
		case bool: // false is zero, and not here
		case []kmstypes.GrantOperation:
			for _, o := range v {
				words = append(words, string(o))
			}
		case string:
			words = append(words, compact(v))
		default:
			words = append(words, fmt.Sprint(v))
		}
	}
	return words
}

// dashed is a name of the API in the AWS CLI's spelling: "put-user-policy".
func dashed(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// fixers are the clients that fixes are made with, by service.
func fixers(cfg aws.Config) map[string]any {
	return map[string]any{"iam": iam.NewFromConfig(cfg), "kms": kms.NewFromConfig(cfg), "organizations": organizations.NewFromConfig(cfg)}
}

// writer is a client's method for an operation.
func writer(client reflect.Type, operation string) (reflect.Method, bool) {
	if client == nil {
		return reflect.Method{}, false
	}
	m, ok := client.MethodByName(operation)
	if !ok || m.Type.NumIn() != 4 || m.Type.NumOut() != 2 || m.Type.In(2).Kind() != reflect.Pointer {
		return reflect.Method{}, false
	}
	return m, true
}

// Configs are the configurations that fixes are made with.
type Configs struct {
	// Account's is the instance's account, Organization's one that may change the
	// organization's policies.
	Account, Organization aws.Config
}

func (c Configs) of(service string) aws.Config {
	if service == "organizations" {
		return c.Organization
	}
	return c.Account
}

// Do makes the call and returns the SDK's output type, by pointer.
func (c Call) Do(ctx context.Context, with Configs) (any, error) {
	client := fixers(with.of(c.Service))[c.Service]
	m, ok := writer(reflect.TypeOf(client), c.Operation)
	if !ok {
		return nil, fmt.Errorf("%s:%s is no operation that is known here", c.Service, c.Operation)
	}
	out := m.Func.Call([]reflect.Value{reflect.ValueOf(client), reflect.ValueOf(ctx), reflect.ValueOf(c.Input)})
	if err, _ := reflect.TypeAssert[error](out[1]); err != nil {
		return nil, err
	}
	return out[0].Interface(), nil
}

// commands are calls as command lines.
func (e *Evidence) commands(calls ...Call) []string {
	lines := make([]string, len(calls))
	for i, c := range calls {
		lines[i] = e.aws(c.Words()...)
	}
	return lines
}

// putInline is the call that puts an inline policy on a user, group or role.
func putInline(holder, owner, name, text string) Call {
	text = compact(text)
	switch holder {
	case "group":
		return Call{"iam", "PutGroupPolicy", &iam.PutGroupPolicyInput{GroupName: &owner, PolicyName: &name, PolicyDocument: &text}}
	case "role":
		return Call{"iam", "PutRolePolicy", &iam.PutRolePolicyInput{RoleName: &owner, PolicyName: &name, PolicyDocument: &text}}
	}
	return Call{"iam", "PutUserPolicy", &iam.PutUserPolicyInput{UserName: &owner, PolicyName: &name, PolicyDocument: &text}}
}

// detach is the call that takes a managed policy from a user, group or role.
func detach(holder, owner, arn string) Call {
	switch holder {
	case "group":
		return Call{"iam", "DetachGroupPolicy", &iam.DetachGroupPolicyInput{GroupName: &owner, PolicyArn: &arn}}
	case "role":
		return Call{"iam", "DetachRolePolicy", &iam.DetachRolePolicyInput{RoleName: &owner, PolicyArn: &arn}}
	}
	return Call{"iam", "DetachUserPolicy", &iam.DetachUserPolicyInput{UserName: &owner, PolicyArn: &arn}}
}

// bound is the call that sets a user's or role's permissions boundary.
func bound(holder, owner, arn string) Call {
	if holder == "role" {
		return Call{"iam", "PutRolePermissionsBoundary", &iam.PutRolePermissionsBoundaryInput{RoleName: &owner, PermissionsBoundary: &arn}}
	}
	return Call{"iam", "PutUserPermissionsBoundary", &iam.PutUserPermissionsBoundaryInput{UserName: &owner, PermissionsBoundary: &arn}}
}

// newVersion is the call that makes a managed policy's text another.
func newVersion(arn, text string) Call {
	return Call{"iam", "CreatePolicyVersion", &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: aws.String(compact(text)), SetAsDefault: true}}
}

// putKeyPolicy is the call that replaces a key's policy.
func putKeyPolicy(arn, text string) Call {
	return Call{"kms", "PutKeyPolicy", &kms.PutKeyPolicyInput{KeyId: &arn, PolicyName: aws.String("default"), Policy: aws.String(compact(text))}}
}

func enable(arn string) Call { return Call{"kms", "EnableKey", &kms.EnableKeyInput{KeyId: &arn}} }
