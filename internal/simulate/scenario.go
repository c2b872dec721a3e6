package simulate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/keyturn/keyturn/access"
)

// FormVersion is the version of the scenario file and of the report's JSON form.
const FormVersion = 1

// Scenario is the questions and everything that bears on them, as a file or the
// command's flags give it: docs/simulate-json.md.
type Scenario struct {
	Version int `json:"version"`
	// Principals, Actions and Resources span a matrix of requests.
	Principals []Principal `json:"principals"`
	Actions    []string    `json:"actions"`
	Resources  []string    `json:"resources"`
	// ResourceAccount owns the resources whose ARN names no account.
	ResourceAccount string `json:"resourceAccount"`
	// Context are the condition keys of all the requests.
	Context map[string]Values `json:"context"`
	// ContextComplete: a key that is neither given nor follows is not there.
	ContextComplete bool     `json:"contextComplete"`
	UnknownKeys     []string `json:"unknownKeys"`

	IdentityPolicies []Document `json:"identityPolicies"`
	Boundary         *Document  `json:"boundary"`
	// SessionPolicies are nil for a session without any.
	SessionPolicies  []Document       `json:"sessionPolicies"`
	ResourcePolicies []ResourcePolicy `json:"resourcePolicies"`
	Grants           []Grant          `json:"grants"`
	// ServiceControlPolicies and ResourceControlPolicies have one list a level, the
	// organization's root first.
	ServiceControlPolicies  [][]Document `json:"serviceControlPolicies"`
	ResourceControlPolicies [][]Document `json:"resourceControlPolicies"`
	EndpointPolicy          *Document    `json:"endpointPolicy"`
	// ManagementAccount is the organization's: SCPs and RCPs do not reach it.
	ManagementAccount string   `json:"managementAccount"`
	Unread            []Unread `json:"unread"`

	Launch   *Launch   `json:"launch"`
	Requests []Request `json:"requests"`
	// Expect is what every request of the matrix and of the launch should come to.
	Expect access.Outcome `json:"expect"`
}

// Request is one question by itself, with what it should come to.
type Request struct {
	Name      string            `json:"name"`
	Principal *Principal        `json:"principal"`
	Action    string            `json:"action"`
	Resource  string            `json:"resource"`
	Context   map[string]Values `json:"context"`
	Expect    access.Outcome    `json:"expect"`
}

// ResourcePolicy is a resource's own policy.
type ResourcePolicy struct {
	// Resource is the ARN that it is attached to; empty: all that are asked about.
	Resource string `json:"resource"`
	// Kind is "ordinary", "key" or "trust".
	Kind   string   `json:"kind"`
	Policy Document `json:"policy"`
}

// Grant is a KMS grant.
type Grant struct {
	// Key is the ARN of the key; empty: all that are asked about.
	Key                     string            `json:"key"`
	ID                      string            `json:"id"`
	Grantee                 string            `json:"grantee"`
	Operations              []string          `json:"operations"`
	EncryptionContextEquals map[string]string `json:"encryptionContextEquals"`
	EncryptionContextSubset map[string]string `json:"encryptionContextSubset"`
	Retiring                string            `json:"retiring"`
	Account                 string            `json:"account"`
}

// Unread is a layer that exists and whose policies nobody could read.
type Unread struct {
	Layer access.Layer `json:"layer"`
	What  string       `json:"what"`
}

// Launch asks what EC2 asks of KMS when an instance starts.
type Launch struct {
	// Kind is "start" for a stopped instance, "run" for a new one.
	Kind     string   `json:"kind"`
	Instance string   `json:"instance"`
	Volumes  []Volume `json:"volumes"`
}

// Volume is an encrypted volume and its key's ARN.
type Volume struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// Values are a condition key's: a string, a number, true or false, or a list.
type Values []string

// UnmarshalJSON reads one value or a list.
func (v *Values) UnmarshalJSON(data []byte) error {
	var items []json.RawMessage
	if data[0] == '[' {
		if err := json.Unmarshal(data, &items); err != nil {
			return err
		}
	} else {
		items = []json.RawMessage{data}
	}
	*v = make(Values, 0, len(items))
	for _, item := range items {
		switch item[0] {
		case '"':
			var s string
			if err := json.Unmarshal(item, &s); err != nil {
				return err
			}
			*v = append(*v, s)
		case '{', '[', 'n':
			return fmt.Errorf("the value of a condition key is a string, a number, true or false, or a list of these, not %s", item)
		default:
			*v = append(*v, string(item))
		}
	}
	return nil
}

// ReadScenario reads a scenario file. Whatever it does not know it refuses.
func ReadScenario(data []byte) (*Scenario, error) {
	if err := noDuplicates(data); err != nil {
		return nil, err
	}
	s := new(Scenario)
	if err := strict(data, s); err != nil {
		return nil, explained(data, err)
	}
	if s.Version != FormVersion {
		return nil, fmt.Errorf("the scenario's version is %d; this program knows version %d", s.Version, FormVersion)
	}
	s.place(data)
	return s, nil
}

// strict decodes one JSON value and nothing more, without unknown fields.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is text after the end of the scenario")
	}
	return nil
}

// noDuplicates refuses a field that stands twice: one of the two would be lost.
func noDuplicates(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	type frame struct {
		keys map[string]bool
		key  bool // a key comes next
	}
	var stack []frame
	for {
		at := d.InputOffset()
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return explained(data, err)
		}
		top := len(stack) - 1
		if top >= 0 && stack[top].key {
			if k, ok := t.(string); ok {
				if stack[top].keys[k] {
					return fmt.Errorf("%s: the field %q stands twice", place(data, at), k)
				}
				stack[top].keys[k], stack[top].key = true, false
				continue
			}
		}
		switch t {
		case json.Delim('{'):
			stack = append(stack, frame{keys: make(map[string]bool), key: true})
			continue
		case json.Delim('['):
			stack = append(stack, frame{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
		}
		if top = len(stack) - 1; top >= 0 && stack[top].keys != nil {
			stack[top].key = true
		}
	}
}

// explained puts a decoder's error in words for a person.
func explained(data []byte, err error) error {
	if e := new(json.SyntaxError); errors.As(err, &e) {
		return fmt.Errorf("%s: %w", place(data, e.Offset), err)
	}
	if e := new(json.UnmarshalTypeError); errors.As(err, &e) {
		return fmt.Errorf("%s: %s cannot be %s", place(data, e.Offset), e.Field, e.Value)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the scenario ends too early")
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("a scenario has no field %s there", field)
	}
	return err
}

func place(data []byte, offset int64) string {
	before := data[:min(int(offset), len(data))]
	return fmt.Sprintf("line %d", 1+bytes.Count(before, []byte("\n")))
}
