package simulate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// Document is a policy: a file, or the policy itself.
type Document struct {
	// Name says which document it is to a person; the file's name if empty.
	Name string
	// ARN is a managed policy's.
	ARN string
	// File is a path, relative to the scenario's folder.
	File string
	// Text is the policy itself, if it is in no file.
	Text []byte
}

// UnmarshalJSON reads a path, a policy, or an object that names either.
func (d *Document) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, &d.File)
	}
	if data[0] != '{' {
		return fmt.Errorf("a policy is a path, a document, or an object with a file or a document, not %.20s", data)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return err
	}
	if _, ok := keys["Statement"]; ok {
		d.Text = bytes.Clone(data)
		return nil
	}
	var form struct {
		Name     string          `json:"name"`
		ARN      string          `json:"arn"`
		File     string          `json:"file"`
		Document json.RawMessage `json:"document"`
	}
	if err := strict(data, &form); err != nil {
		return err
	}
	if (form.File == "") == (form.Document == nil) {
		return errors.New("a policy has either a file or a document")
	}
	*d = Document{Name: form.Name, ARN: form.ARN, File: form.File, Text: form.Document}
	return nil
}

// place gives the documents inside the scenario's file their places there, so
// that "line 12" is the file's line 12.
func (s *Scenario) place(data []byte) {
	for _, d := range s.documents() {
		at := bytes.Index(data, d.Text)
		if d.Text == nil || at < 0 {
			continue
		}
		lines := bytes.Count(data[:at], []byte("\n"))
		column := at - (bytes.LastIndexByte(data[:at], '\n') + 1)
		text := append(bytes.Repeat([]byte("\n"), lines), bytes.Repeat([]byte(" "), column)...)
		d.Text = append(text, d.Text...)
	}
}

// Relative makes the scenario's paths relative to its folder. Documents are still
// called as the scenario calls them.
func (s *Scenario) Relative(folder string) {
	for _, d := range s.documents() {
		if d.File == "" || filepath.IsAbs(d.File) {
			continue
		}
		if d.Name == "" {
			d.Name = d.File
		}
		d.File = filepath.Join(folder, d.File)
	}
}

func (s *Scenario) documents() (all []*Document) {
	several := func(list []Document) {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	several(s.IdentityPolicies)
	several(s.SessionPolicies)
	for i := range s.ResourcePolicies {
		all = append(all, &s.ResourcePolicies[i].Policy)
	}
	for _, level := range s.ServiceControlPolicies {
		several(level)
	}
	for _, level := range s.ResourceControlPolicies {
		several(level)
	}
	for _, d := range []*Document{s.Boundary, s.EndpointPolicy} {
		if d != nil {
			all = append(all, d)
		}
	}
	return all
}

// ReadFile reads a policy's file by its path.
type ReadFile func(path string) ([]byte, error)

// load reads, parses and validates a document; role says what it is here, for a
// document without a name.
func (d *Document) load(read ReadFile, kind policy.Kind, role string) (access.Document, error) {
	out := access.Document{Name: d.Name, ARN: d.ARN, File: d.File}
	text := d.Text
	if text == nil {
		var err error
		if text, err = read(d.File); err != nil {
			return out, err
		}
	}
	if out.Name == "" {
		out.Name = d.File
	}
	if out.Name == "" {
		out.Name = role
	}
	p, err := policy.Load(text, kind)
	if v := new(policy.Violation); errors.As(err, &v) {
		return out, fmt.Errorf("%s is no %s: %s (AWS says: %s)", out.Name, role, v.Detail(), v.Message)
	}
	if err != nil {
		return out, fmt.Errorf("%s: %w", out.Name, err)
	}
	out.Policy = p
	return out, nil
}

func load(list []Document, read ReadFile, kind policy.Kind, role string) ([]access.Document, error) {
	out := make([]access.Document, 0, len(list))
	for i := range list {
		name := role
		if len(list) > 1 {
			name = fmt.Sprintf("%s %d", role, i+1)
		}
		d, err := list[i].load(read, kind, name)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}
