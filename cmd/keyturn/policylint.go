package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/analyzer"
)

type lintOptions struct {
	kind, account, output, failOn string
}

func newPolicyLint() *cobra.Command {
	var o lintOptions
	c := &cobra.Command{
		Use:   "lint FILE…",
		Short: "Validate policies as IAM Access Analyzer does, without AWS",
		Long: `Validate policy documents as IAM Access Analyzer's ValidatePolicy does, and say what the
service would answer that refuses one. FILE is a file, a folder (its *.json, also of folders
in it), a pattern, or - for standard input. Answers of the AWS CLI that hold a policy are
understood: get-policy-version, get-role, get-role-policy, get-key-policy, describe-policy.

What kind of policy a file is decides what is right in it. Without --type it is guessed, and
the guess is told: a policy without principals may be an SCP as well as an identity policy.

Exit codes:
  0  nothing is wrong, or nothing as grave as --fail-on says
  1  a finding is at least as grave as that, or the service would refuse a document
  2  a file could not be read, or the command was not understood`,
		Example: `  keyturn policy lint policy.json
  keyturn policy lint --type scp --fail-on warning guardrails/
  keyturn policy lint -o sarif policies/ > policies.sarif
  aws kms get-key-policy --key-id alias/example | keyturn policy lint -`,
		Args: someFiles,
		RunE: func(c *cobra.Command, args []string) error { return runPolicyLint(c, o, args) },
	}
	f := c.Flags()
	f.StringVar(&o.kind, "type", "", "kind of policy: "+strings.Join(kindNames, ", ")+" (default: guessed)")
	f.StringVar(&o.account, "account", "", "account that owns the key of a key policy (default: that of its root principal)")
	f.StringVarP(&o.output, "output", "o", "text", "form of the report: text, json or sarif")
	f.StringVar(&o.failOn, "fail-on", "error", "least finding that fails: error, security-warning, warning, suggestion or none")
	return c
}

func someFiles(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &hintError{errors.New("lint takes at least one file"), `name files or folders, or "-" for standard input: keyturn policy lint policy.json`}
	}
	return nil
}

// graveness orders the values of --fail-on, the least grave first.
var graveness = []string{"none", "suggestion", "warning", "security-warning", "error"}

func grave(t analyzer.FindingType) int {
	return slices.Index(graveness, strings.ReplaceAll(strings.ToLower(string(t)), "_", "-"))
}

// linted is a file with what was found in it.
type linted struct {
	name     string
	document policyDocument
	kind     policy.Kind
	guess    string // why the kind was guessed; empty if it was given
	report   *analyzer.Report
}

func runPolicyLint(c *cobra.Command, o lintOptions, args []string) error {
	write, ok := map[string]func(io.Writer, []linted) error{"text": writeLintText, "json": writeLintJSON, "sarif": writeLintSARIF}[o.output]
	if !ok {
		return &hintError{fmt.Errorf("there is no output form %q", o.output), "use -o text, -o json or -o sarif"}
	}
	least := slices.Index(graveness, o.failOn)
	if least < 0 {
		return &hintError{fmt.Errorf("--fail-on knows no %q", o.failOn), "use error, security-warning, warning, suggestion or none"}
	}
	if _, ok := kinds[o.kind]; !ok && o.kind != "" {
		return &hintError{fmt.Errorf("there is no kind of policy %q", o.kind), "use --type with " + strings.Join(kindNames, ", ")}
	}
	names, err := policyNames(args)
	if err != nil {
		return err
	}
	list := make([]linted, 0, len(names))
	for _, name := range names {
		f, err := readPolicyFile(c, name)
		if err != nil {
			return err
		}
		l := lint(f, o)
		if !slices.Contains(args, name) && !isPolicy(&l.document) {
			fmt.Fprintf(c.ErrOrStderr(), "%s: skipped, it is no policy\n", f.name)
			continue
		}
		if l.guess != "" {
			fmt.Fprintf(c.ErrOrStderr(), "%s: taken for --type %s: %s\n", f.name, kindName(l.kind), l.guess)
		}
		list = append(list, l)
	}
	if err := write(c.OutOrStdout(), list); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if least > 0 && slices.ContainsFunc(list, func(l linted) bool { return l.worst() >= least }) {
		return exitError(exitFound)
	}
	return nil
}

func lint(f policyFile, o lintOptions) linted {
	l := linted{name: f.name, document: f.document}
	if f.name == standardInput {
		l.name = "stdin"
	}
	if kind, given := kinds[o.kind]; given {
		l.kind = kind
	} else {
		l.kind, l.guess = guessKind(&l.document)
	}
	l.report = analyzer.Analyze([]byte(l.document.text), analyzer.Options{Kind: l.kind, Account: o.account})
	for i := range l.report.Findings {
		f := &l.report.Findings[i]
		for j := range f.Locations {
			at := &f.Locations[j]
			at.Start, at.End = l.document.inFile(at.Start), l.document.inFile(at.End)
		}
		if f.Code == "JSON_SYNTAX_ERROR" {
			f.Details = analyzer.SyntaxErrorDetails(f.Position())
		}
	}
	for _, v := range l.report.Malformed {
		if v.Position.Line == 0 {
			v.Position = policy.Position{Line: 1, Column: 1}
		}
		v.Position = l.document.inFile(v.Position)
	}
	return l
}

// worst is the graveness of the gravest finding; what the service refuses is an
// error.
func (l *linted) worst() int {
	if len(l.report.Malformed) > 0 {
		return grave(analyzer.Error)
	}
	return grave(l.report.Worst())
}

// refusal is the error code with which the service of a kind of policy refuses a
// document.
func refusal(k policy.Kind) string {
	switch k {
	case policy.KeyPolicy, policy.ServiceControlPolicy, policy.ResourceControlPolicy:
		return "MalformedPolicyDocumentException"
	case policy.EndpointPolicy:
		return "InvalidPolicyDocument"
	}
	return "MalformedPolicyDocument"
}

// labels are the types of finding as compilers name them.
var labels = map[analyzer.FindingType]string{
	analyzer.Error: "error", analyzer.SecurityWarning: "security warning", analyzer.Warning: "warning", analyzer.Suggestion: "suggestion",
}

func writeLintText(w io.Writer, list []linted) error {
	var b strings.Builder
	for i := range list {
		l := &list[i]
		for _, f := range l.report.Findings {
			p := f.Position()
			fmt.Fprintf(&b, "%s:%d:%d: %s: %s: %s\n", l.name, p.Line, l.document.column(p), labels[f.Type], f.Code, f.Details)
			// A question is mostly part of the details, with a capital.
			if f.Hint != "" && !strings.HasSuffix(f.Details, f.Hint[1:]) {
				fmt.Fprintf(&b, "  %s\n", f.Hint)
			}
		}
		if refused := l.report.Malformed; len(refused) > 0 {
			v := refused[0]
			fmt.Fprintf(&b, "%s:%d:%d: error: the service would answer %s: %s\n  %s\n", l.name, v.Position.Line, l.document.column(v.Position), refusal(l.kind), v.Message, v.Reason)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// lintJSON is the report of a file; the findings have ValidatePolicy's form.
type lintJSON struct {
	File      string             `json:"file"`
	Type      string             `json:"type"`
	Guessed   string             `json:"guessed,omitempty"` // why it is taken for the type
	Findings  []analyzer.Finding `json:"findings"`
	Malformed []malformedJSON    `json:"malformed"`
}

type malformedJSON struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Reason  string `json:"reason"`
	Line    int    `json:"line"`
	Column  int    `json:"column"` // from 1, in characters
}

func writeLintJSON(w io.Writer, list []linted) error {
	out := make([]lintJSON, 0, len(list))
	for i := range list {
		l := &list[i]
		j := lintJSON{File: l.name, Type: kindName(l.kind), Guessed: l.guess, Findings: l.report.Findings, Malformed: []malformedJSON{}}
		if j.Findings == nil {
			j.Findings = []analyzer.Finding{}
		}
		for _, v := range l.report.Malformed {
			j.Malformed = append(j.Malformed, malformedJSON{refusal(l.kind), v.Message, v.Reason, v.Position.Line, l.document.column(v.Position)})
		}
		out = append(out, j)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
