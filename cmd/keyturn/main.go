// Command keyturn is a local AWS for IAM, STS, KMS, EC2, EBS and CloudTrail, and
// a doctor for instances that do not start.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/phrase"
)

// What the program ends with. Only main turns an error into one of them.
const (
	exitOK      = 0
	exitFound   = 1 // the doctor found a cause, a check a difference or a finding
	exitUnknown = 2 // no conclusion, or the command could not be carried out
)

// exitError ends the program with a code and says nothing more: what there was
// to say has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// hintError is an error with what to type next.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// advised is a hintError of a command that speaks the reader's language.
type advised struct {
	err  error
	hint phrase.Text
}

func (e *advised) Error() string { return e.err.Error() }
func (e *advised) Unwrap() error { return e.err }

func main() {
	os.Exit(run(os.Args[1:]))
}

// run is main but for the end of the process.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	c, err := root.ExecuteContextC(ctx)
	var code exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	}
	printError(c, err)
	return exitUnknown
}

// printError tells a person what went wrong, and what to type next.
func printError(c *cobra.Command, err error) {
	lang := languageOf(c)
	hint := ""
	if h := new(hintError); errors.As(err, &h) {
		hint = h.hint
	}
	if a, ok := err.(*advised); ok { //nolint:errorlint // none is wrapped: it is the last to be made
		err, hint = a.err, a.hint.In(lang)
	}
	fmt.Fprintf(c.ErrOrStderr(), "keyturn: %s\n", phrase.Of(err, lang))
	if hint != "" {
		fmt.Fprintf(c.ErrOrStderr(), "  %s\n", hint)
	}
}

// languageOf is the language that a command speaks: English, unless it has
// --lang.
func languageOf(c *cobra.Command) phrase.Language {
	f := c.Flags().Lookup("lang")
	if f == nil {
		return phrase.English
	}
	lang, _ := phrase.Choose(f.Value.String(), os.Getenv) // runs have told of an unknown one
	return lang
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "keyturn",
		Short: "Why does the instance not start? A doctor for it, and an AWS of your own to try it in.",
		Long: `Keyturn finds out why an EC2 instance goes from pending to stopped, names the policy
statement, writes the fix and proves it; and it is a local AWS (IAM, STS, KMS, EC2, EBS,
CloudTrail) in which every request is signed and authorized as AWS would.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.AddCommand(newServe(), newEnv(), newDiagnose(), newCollect(), newFix(), newDemo(), newPolicy(), newSimulate(), newAudit(), newVersion())
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}
