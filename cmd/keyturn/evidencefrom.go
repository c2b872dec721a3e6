package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

// fromArgs checks what is given beside --from: nothing that says whom to ask.
func (o *diagnoseOptions) fromArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &advised{phrase.NewError(phrase.Say("the file of --from says which instance it is about, and %q does, too", args[0]), nil), phrase.Say("leave one of them out")}
	}
	for _, name := range []string{"endpoint-url", "region", "profile", "organization-profile", "group", "launch-template", "message", "trail", "offline", "wait", "dry-run"} {
		if c.Flags().Changed(name) {
			return &advised{phrase.NewError(phrase.Say("with --from nobody is asked, and --%s says whom", name), nil), phrase.Say("leave one of them out")}
		}
	}
	return nil
}

// fromFile is the evidence of a file.
func (o *diagnoseOptions) fromFile(c *cobra.Command, lang phrase.Language) (*diagnose.Evidence, error) {
	in := c.InOrStdin()
	if o.from != "-" {
		f, err := os.Open(o.from)
		if err != nil {
			return nil, &advised{phrase.NewError(phrase.Say("the evidence cannot be read: %v", err), err), phrase.Say("give the file that keyturn collect wrote")}
		}
		defer f.Close()
		in = f
	}
	e, collected, err := diagnose.ReadEvidence(in)
	if version, ok := errors.AsType[*diagnose.VersionError](err); ok {
		return nil, &advised{
			phrase.NewError(phrase.Say("the evidence is of version %d, and this keyturn reads version %d", version.Version, diagnose.EvidenceVersion), err),
			phrase.Say("read it with the version of Keyturn that wrote it, or collect it anew"),
		}
	}
	if err != nil {
		return nil, &advised{phrase.NewError(phrase.Say("the evidence cannot be read: %v", err), err), phrase.Say("give the file that keyturn collect wrote")}
	}
	if o.principal != "" {
		if err := e.Ask(o.principal); err != nil {
			return nil, &advised{err, phrase.Say("collect it for them: %s", "keyturn collect "+about(e)+" --as "+quote(o.principal))}
		}
	}
	if o.output == "text" {
		words := phrase.Say("the evidence was collected at %s", collected.UTC().Format("2006-01-02 15:04:05 MST"))
		if _, err := io.WriteString(c.ErrOrStderr(), "keyturn: "+words.In(lang)+"\n"); err != nil {
			return nil, fmt.Errorf("writing to standard error: %w", err)
		}
	}
	return e, nil
}
