package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/policy"
)

type policyFmtOptions struct {
	write, list, diff, check bool
}

func newPolicyFmt() *cobra.Command {
	var o policyFmtOptions
	c := &cobra.Command{
		Use:   "fmt FILE…",
		Short: "Write policy documents in the one canonical form",
		Long: `Write policy documents in the one canonical form: elements in the order of the IAM guide,
four spaces a level, one value a line, no escape that JSON does not need. No value changes, nor
the order of values, nor what is a list: the form of a policy decides as the policy does.

A folder stands for all its *.json files, "-" for standard input. Without a flag the form goes
to standard output; documents inside of an answer of the AWS CLI are then understood, too.

Exit codes:
  0  done; with --check: every file has the form
  1  with --check: a file differs from its form, and is listed
  2  a file cannot be read or is no policy`,
		Example: `  keyturn policy fmt -w policies/
  keyturn policy fmt --check policies/ key-policy.json
  aws iam get-policy-version --policy-arn ARN --version-id v1 | keyturn policy fmt -`,
		RunE: func(c *cobra.Command, args []string) error { return runPolicyFmt(c, o, args) },
	}
	f := c.Flags()
	f.BoolVarP(&o.write, "write", "w", false, "write the form into the file instead of to standard output")
	f.BoolVarP(&o.list, "list", "l", false, "list the files that differ from their form")
	f.BoolVarP(&o.diff, "diff", "d", false, "show how the files differ from their form")
	f.BoolVar(&o.check, "check", false, "list the files that differ from their form, and end with 1 if one does")
	return c
}

func runPolicyFmt(c *cobra.Command, o policyFmtOptions, args []string) error {
	if len(args) == 0 {
		return &hintError{errors.New("policy fmt was given no file"), `give files, folders, or "-" for standard input`}
	}
	if o.write && o.check {
		return &hintError{errors.New("--check changes nothing and --write does"), "give one of the two"}
	}
	names, err := policyNames(args)
	if err != nil {
		return err
	}
	differ, failed := false, false
	for _, name := range names {
		differs, err := o.format(c, name)
		differ = differ || differs
		if err != nil {
			// The other files are looked at all the same.
			failed = true
			printError(c, err)
		}
	}
	switch {
	case failed:
		return exitError(exitUnknown)
	case differ && o.check:
		return exitError(exitFound)
	}
	return nil
}

// format does what is asked for one file, and tells whether it differs from its form.
func (o policyFmtOptions) format(c *cobra.Command, name string) (differs bool, err error) {
	f, err := readPolicyFile(c, name)
	if err != nil {
		return false, err
	}
	form, err := policy.Format(f.text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.title(), err)
	}
	out := c.OutOrStdout()
	if !o.write && !o.list && !o.diff && !o.check {
		_, err = out.Write(form)
		return false, err
	}
	if f.inside != "" {
		return false, &hintError{
			fmt.Errorf("%s is no policy but an answer of the AWS CLI with one in its %s", f.title(), f.inside),
			"write the policy into a file of its own: keyturn policy fmt " + quote(name) + " > policy.json",
		}
	}
	if o.write && name == standardInput {
		return false, &hintError{errors.New("standard input cannot be written to"), "leave --write away: the form goes to standard output"}
	}
	if bytes.Equal(form, f.text) {
		return false, nil
	}
	if o.list || o.check && !o.diff {
		fmt.Fprintln(out, name)
	}
	if o.diff {
		if _, err := out.Write(diff.Diff(name, f.text, name+" (formatted)", form)); err != nil {
			return true, err
		}
	}
	if o.write {
		err = replaceFile(name, form)
	}
	return true, err
}

// replaceFile puts a new text in a file's place, whole or not at all, and keeps
// its permissions. A link stays one.
func replaceFile(name string, text []byte) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, withoutPath(err))
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("writing %s: %w", name, withoutPath(err))
	}
	return nil
}
