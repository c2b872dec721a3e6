package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

type policyDiffOptions struct {
	output         string
	newOnly, known bool
	regions        int
}

func newPolicyDiff() *cobra.Command {
	var o policyDiffOptions
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Tell which requests a new policy allows, or no longer allows",
		Long: `Tell which requests a new policy allows that the old one does not, and which it no longer
allows: not which lines changed, but what follows from them. All requests are compared, not
examples, so "the same" is a proof; each difference comes with an example.

OLD and NEW are files, "-" for standard input, or folders, whose *.json files then count together.
Of policies that are attached to a resource (those with a Principal) it is told who is allowed.

Exit codes:
  0  both allow the same; with --new-only: the new allows nothing more
  1  they differ
  2  a file cannot be read or is no policy, or the answer is not certain; the reason is printed`,
		Example: `  keyturn policy diff old.json new.json
  keyturn policy diff --new-only live/ proposed/
  aws kms get-key-policy --key-id ID --policy-name default | keyturn policy diff - key-policy.json`,
		RunE: func(c *cobra.Command, args []string) error { return runPolicyDiff(c, o, args) },
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	f.BoolVar(&o.newOnly, "new-only", false, "ask only what the new policy allows beyond the old one")
	f.BoolVar(&o.known, "known", false, "leave out requests that AWS documents no way to make: actions, resources and keys that do not go together")
	f.IntVar(&o.regions, "most", 16, "how many differences to list at most, of each kind")
	return c
}

// policyDifference is what one side allows beyond the other, for some callers.
type policyDifference struct {
	Callers   []string          `json:"callers,omitempty"`
	Delegated bool              `json:"delegated,omitempty"`
	Answer    requestset.Answer `json:"answer"`
}

// policyDiff is the result as JSON (docs/policy-diff-json.md).
type policyDiff struct {
	// Same is "yes", "no", or "maybe" where it could not be decided.
	Same string             `json:"same"`
	New  []policyDifference `json:"new"`
	Lost []policyDifference `json:"lost,omitempty"`
}

func runPolicyDiff(c *cobra.Command, o policyDiffOptions, args []string) error {
	if len(args) != 2 {
		return &hintError{fmt.Errorf("policy diff takes two policies, not %d", len(args)), "keyturn policy diff OLD NEW"}
	}
	if o.output != "text" && o.output != "json" {
		return &hintError{fmt.Errorf("there is no output %q", o.output), "-o text or -o json"}
	}
	if o.regions < 1 {
		return errors.New("--most wants a number above 0")
	}
	if args[0] == standardInput && args[1] == standardInput {
		return &hintError{errors.New("both policies cannot come from standard input"), "put one of them in a file"}
	}
	old, err := readDocuments(c, args[0])
	if err != nil {
		return err
	}
	updated, err := readDocuments(c, args[1])
	if err != nil {
		return err
	}
	options := requestset.Options{Regions: o.regions, Known: o.known}
	d := policyDiff{New: differences(old, updated, options)}
	if !o.newOnly {
		d.Lost = differences(updated, old, options)
	}
	same := policy.Yes
	for _, p := range slices.Concat(d.New, d.Lost) {
		same = same.And(p.Answer.Any.Not())
	}
	d.Same = same.String()
	if o.output == "json" {
		e := json.NewEncoder(c.OutOrStdout())
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(d); err != nil {
			return err
		}
	} else {
		d.write(c.OutOrStdout(), args[0], args[1], o)
	}
	switch same {
	case policy.Yes:
		return nil
	case policy.No:
		return exitError(exitFound)
	}
	return exitError(exitUnknown)
}

// readDocuments reads a file, or all of a folder.
func readDocuments(c *cobra.Command, arg string) ([]requestset.Document, error) {
	names, err := policyNames([]string{arg})
	if err != nil {
		return nil, err
	}
	var list []requestset.Document
	for _, name := range names {
		f, err := readPolicyFile(c, name)
		if err != nil {
			return nil, err
		}
		p, err := policy.Parse(f.text)
		if err != nil {
			return nil, &hintError{fmt.Errorf("%s is no policy: %w", f.title(), err), "keyturn policy lint " + quote(name) + " tells more"}
		}
		list = append(list, requestset.Document{Name: f.title(), Policy: p})
	}
	return list, nil
}

// differences are what the updated documents allow beyond the existing ones.
func differences(existing, updated []requestset.Document, o requestset.Options) []policyDifference {
	list := []policyDifference{}
	if !namesCallers(existing) && !namesCallers(updated) {
		if a := requestset.NewAccess(existing, updated, o); a.Any != policy.No {
			list = append(list, policyDifference{Answer: a})
		}
		return list
	}
	for _, a := range requestset.NewAccessTo(existing, updated, o) {
		list = append(list, policyDifference{Callers: a.Callers, Delegated: a.Delegated, Answer: a.Answer})
	}
	return list
}

// namesCallers reports whether the documents are attached to a resource.
func namesCallers(documents []requestset.Document) bool {
	for _, d := range documents {
		for i := range d.Policy.Len() {
			if s := d.Policy.Statement(i); len(s.Principals())+len(s.NotPrincipals()) > 0 {
				return true
			}
		}
	}
	return false
}

func (d *policyDiff) write(w io.Writer, old, updated string, o policyDiffOptions) {
	if len(d.New)+len(d.Lost) == 0 {
		if o.newOnly {
			fmt.Fprintf(w, "%s allows nothing that %s does not\n", updated, old)
		} else {
			fmt.Fprintf(w, "%s and %s allow the same\n", old, updated)
		}
		return
	}
	writeDifferences(w, "+", fmt.Sprintf("%s allows, and %s does not:", updated, old), d.New)
	if len(d.New) > 0 && len(d.Lost) > 0 {
		fmt.Fprintln(w)
	}
	writeDifferences(w, "-", fmt.Sprintf("%s allows, and %s no longer does:", old, updated), d.Lost)
}

func writeDifferences(w io.Writer, sign, heading string, list []policyDifference) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, heading)
	for _, d := range list {
		if len(d.Callers) > 0 {
			who := strings.Join(d.Callers, ", ")
			if d.Delegated {
				who += ", if policies of their account allow it"
			}
			fmt.Fprintf(w, "  to %s:\n", who)
		}
		for i := range d.Answer.Regions {
			writeRegion(w, sign, &d.Answer.Regions[i])
		}
		switch {
		case d.Answer.Any == policy.Maybe:
			fmt.Fprintf(w, "  ? this is not certain: %s\n", strings.Join(d.Answer.Doubt, "; "))
		case !d.Answer.Complete:
			fmt.Fprintf(w, "  %s and more: --most N lists up to N\n", sign)
		}
	}
}

func writeRegion(w io.Writer, sign string, r *requestset.Region) {
	fmt.Fprintf(w, "  %s %s\n", sign, r)
	for _, s := range r.By {
		fmt.Fprintf(w, "      %s:%d:%d, statement %d", s.Document, s.Position.Line, s.Position.Column, s.Index+1)
		if s.Sid != "" {
			fmt.Fprintf(w, " %q", s.Sid)
		}
		fmt.Fprintln(w)
	}
	e := r.Example
	if e == nil {
		fmt.Fprintln(w, "      no example was found, so there may be no such request")
		return
	}
	fmt.Fprintf(w, "      such as %s on %s", e.Action, e.Resource)
	for i, key := range slices.Sorted(maps.Keys(e.Keys)) {
		if i == 0 {
			fmt.Fprint(w, " with")
		}
		fmt.Fprintf(w, " %s=%s", key, strings.Join(e.Keys[key], ","))
	}
	fmt.Fprintln(w)
}
