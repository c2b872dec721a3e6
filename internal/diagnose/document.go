package diagnose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// document is a policy as JSON, with its statements as they were written.
type document struct {
	Version   string            `json:"Version,omitempty"`
	ID        string            `json:"Id,omitempty"`
	Statement []json.RawMessage `json:"Statement"`
}

// statement is one statement, its elements in the order of the guide.
type statement struct {
	Sid          string `json:"Sid,omitempty"`
	Effect       string `json:"Effect,omitempty"`
	Principal    any    `json:"Principal,omitempty"`
	NotPrincipal any    `json:"NotPrincipal,omitempty"`
	Action       any    `json:"Action,omitempty"`
	NotAction    any    `json:"NotAction,omitempty"`
	Resource     any    `json:"Resource,omitempty"`
	NotResource  any    `json:"NotResource,omitempty"`
	Condition    any    `json:"Condition,omitempty"`
}

// operators is a Condition element.
type operators map[string]map[string]any

// render writes a value as people read policies, two spaces a level.
func render(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return ""
	}
	return string(bytes.TrimRight(b.Bytes(), "\n"))
}

// newDocument is a policy of statements.
func newDocument(statements ...statement) string {
	d := document{Version: policy.Version2012}
	for _, s := range statements {
		d.Statement = append(d.Statement, json.RawMessage(render(s)))
	}
	return render(d)
}

// readDocument reads a policy's text. A lone statement becomes a list of one.
func readDocument(text string) (document, error) {
	var raw struct {
		Version   string          `json:"Version"`
		ID        string          `json:"Id"`
		Statement json.RawMessage `json:"Statement"`
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return document{}, fmt.Errorf("reading the policy: %w", err)
	}
	d := document{Version: raw.Version, ID: raw.ID}
	if len(raw.Statement) > 0 && raw.Statement[0] == '{' {
		d.Statement = []json.RawMessage{raw.Statement}
		return d, nil
	}
	if err := json.Unmarshal(raw.Statement, &d.Statement); err != nil {
		return document{}, fmt.Errorf("reading the policy's statements: %w", err)
	}
	return d, nil
}

// withStatements is the policy with more statements at its end.
func withStatements(text string, more ...statement) (string, error) {
	d, err := readDocument(text)
	if err != nil {
		return "", err
	}
	for _, s := range more {
		d.Statement = append(d.Statement, json.RawMessage(render(s)))
	}
	return render(d), nil
}

// withCondition is the policy with a condition more on one of its statements.
// The operator's values for that key must not be there yet.
func withCondition(text string, index int, operator, key string, value any) (string, error) {
	d, err := readDocument(text)
	if err != nil {
		return "", err
	}
	if index < 0 || index >= len(d.Statement) {
		return "", fmt.Errorf("the policy has no statement %d", index)
	}
	var s statement
	if err := json.Unmarshal(d.Statement[index], &s); err != nil {
		return "", fmt.Errorf("reading statement %d: %w", index, err)
	}
	conditions := operators{}
	if s.Condition != nil {
		raw, err := json.Marshal(s.Condition)
		if err != nil {
			return "", fmt.Errorf("reading the conditions of statement %d: %w", index, err)
		}
		if err := json.Unmarshal(raw, &conditions); err != nil {
			return "", fmt.Errorf("reading the conditions of statement %d: %w", index, err)
		}
	}
	if _, taken := conditions[operator][key]; taken {
		return "", errors.New("the statement has that condition already")
	}
	if conditions[operator] == nil {
		conditions[operator] = make(map[string]any)
	}
	conditions[operator][key] = value
	s.Condition = conditions
	d.Statement[index] = json.RawMessage(render(s))
	return render(d), nil
}

// parsed compiles a document that the doctor wrote or read.
func parsed(name, arn, text string) (access.Document, error) {
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return access.Document{}, fmt.Errorf("%s: %w", name, err)
	}
	return access.Document{Name: name, ARN: arn, Policy: p}, nil
}
