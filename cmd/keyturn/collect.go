package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/klauspost/compress/gzip"
	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

func newCollect() *cobra.Command {
	var o diagnoseOptions
	var file string
	c := &cobra.Command{
		Use:   "collect i-… | vol-… | lt-… | EVENT-ID | - | --group NAME | --launch-template NAME | --message TEXT",
		Short: "Write the evidence about an instance to a file, to be diagnosed elsewhere",
		Long: `Read all that a diagnosis stands on, as "keyturn diagnose" does, and write it to one file:
keyturn diagnose --from FILE says on any machine, with nobody to ask, what it would have
said here. The file has policies, names and ARNs, and no secrets: docs/evidence-json.md
names every field.`,
		Example: `  keyturn collect i-0123456789abcdef0
  keyturn collect i-0123456789abcdef0 -o evidence.json.gz
  keyturn collect --group web -o - | keyturn diagnose --from -`,
		Args: o.check,
		RunE: func(c *cobra.Command, args []string) error {
			return runCollect(c, o, args, file)
		},
	}
	o.evidenceFlags(c.Flags())
	c.Flags().StringVarP(&file, "output", "o", "", "file to write, gzipped if it ends in .gz; - is standard output (default: keyturn-evidence-i-….json)")
	return c
}

func runCollect(c *cobra.Command, o diagnoseOptions, args []string, file string) error {
	lang, err := chooseLanguage(o.lang)
	if err != nil {
		return err
	}
	if err := absent(file); err != nil {
		return err
	}
	e, err := o.evidence(c, args, lang)
	if err != nil {
		return err
	}
	if file == "" {
		file = "keyturn-evidence-" + about(e) + ".json"
	}
	if file == "-" {
		return e.Write(c.OutOrStdout(), time.Now())
	}
	if err := writeEvidence(file, e); err != nil {
		return err
	}
	said := []phrase.Text{phrase.Say("The evidence about %s is in %s.", about(e), file)}
	for _, u := range e.Unread {
		said = append(said, phrase.Say("Could not be read: %s (%s): %s", u.What, u.Call, u.Why))
	}
	said = append(said, phrase.Say("Diagnose it anywhere: %s", "keyturn diagnose --from "+quote(file)))
	for _, t := range said {
		if _, err := fmt.Fprintln(c.OutOrStdout(), t.In(lang)); err != nil {
			return fmt.Errorf("writing to standard output: %w", err)
		}
	}
	return nil
}

// about is what evidence is about, in a word that a file's name can have.
func about(e *diagnose.Evidence) string {
	switch {
	case e.Instance.ID != "":
		return e.Instance.ID
	case e.Target.Name == "":
		return string(e.Target.Kind)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, e.Target.Name)
}

// absent fails if a file is there: evidence is never written over.
func absent(file string) error {
	if file == "" || file == "-" {
		return nil
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return isThere(file)
	}
	return nil
}

func isThere(file string) error {
	return &advised{phrase.NewError(phrase.Say("%s is there already", file), nil), phrase.Say("name another file with -o")}
}

// writeEvidence writes a file that is the reader's alone. One that cannot be
// written whole is taken away again.
func writeEvidence(file string, e *diagnose.Evidence) error {
	var content bytes.Buffer
	if err := packedEvidence(&content, e, strings.HasSuffix(file, ".gz")); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return isThere(file)
	case err != nil:
		return &advised{phrase.NewError(phrase.Say("the evidence cannot be written: %v", err), err), phrase.Say("name another file with -o")}
	}
	_, err = content.WriteTo(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		os.Remove(file)
		return fmt.Errorf("writing the evidence: %w", err)
	}
	return nil
}

func packedEvidence(w io.Writer, e *diagnose.Evidence, pack bool) error {
	if !pack {
		return e.Write(w, time.Now())
	}
	packed := gzip.NewWriter(w)
	if err := e.Write(packed, time.Now()); err != nil {
		return err
	}
	return packed.Close()
}
