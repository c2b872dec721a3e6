package diagnose

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Form is a form in which fixes are written to be pasted.
type Form string

// The forms.
const (
	// PolicyForm has the documents that the fix puts somewhere, as JSON.
	PolicyForm         Form = "policy"
	HCLForm            Form = "hcl"
	CloudFormationForm Form = "cloudformation"
	// CLIForm has commands of the AWS CLI for a POSIX shell.
	CLIForm Form = "cli"
)

// Forms are all of them.
func Forms() []Form { return []Form{PolicyForm, HCLForm, CloudFormationForm, CLIForm} }

// WriteFixes writes the fixes to take in a form. In YAML each is a document of its own;
// elsewhere they follow each other. A fix that has nothing in the form is a
// comment, in JSON nothing.
func (r *Report) WriteFixes(w io.Writer, form Form) error {
	if !slices.Contains(Forms(), form) {
		return fmt.Errorf("there is no form %q", form)
	}
	var parts []string
	for _, f := range r.chosen() {
		if text := f.in(form); text != "" {
			parts = append(parts, text)
		}
	}
	between := "\n"
	switch form {
	case PolicyForm:
		between = ""
	case CloudFormationForm:
		between = "---\n"
	}
	if _, err := io.WriteString(w, strings.Join(parts, between)); err != nil {
		return fmt.Errorf("writing the fixes: %w", err)
	}
	return nil
}

// in is the fix in a form, its last line ended.
func (f *Fix) in(form Form) string {
	switch form {
	case PolicyForm:
		return f.policies()
	case HCLForm:
		return f.titled(f.HCL)
	case CloudFormationForm:
		return f.titled(f.CloudFormation)
	}
	return f.titled(strings.Join(f.Commands, "\n"))
}

// titled puts the title before a text, as a comment; where there is none, who has to act.
func (f *Fix) titled(text string) string {
	head := "# " + f.Title.String() + "\n"
	if text == "" {
		return head + "# A person has to do that: " + f.Target + "\n"
	}
	return head + strings.TrimRight(text, "\n") + "\n"
}

// policies are the documents that the calls put somewhere; of a fix that a person
// has to make, what there is to paste.
func (f *Fix) policies() string {
	var b strings.Builder
	for _, c := range f.Calls {
		if d := c.document(); d != "" {
			b.WriteString(strings.TrimRight(Pretty(d), "\n") + "\n")
		}
	}
	if len(f.Calls) == 0 && f.Document != "" {
		b.WriteString(f.Document + "\n")
	}
	return b.String()
}
