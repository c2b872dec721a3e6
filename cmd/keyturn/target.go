package main

import (
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

// targetOptions say what to diagnose, for whom and when.
type targetOptions struct {
	group, template, message string
	principal                string
	dryRun                   bool
	wait                     time.Duration
}

func (o *targetOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.group, "group", "", "diagnose the last launch that failed of this Auto Scaling group")
	f.StringVar(&o.template, "launch-template", "", "diagnose launches from this launch template, NAME or lt-…, then :VERSION if not the default")
	f.StringVar(&o.message, "message", "", "diagnose from an error's text")
	f.StringVar(&o.principal, "as", "", "ARN of who starts or launches (default: who CloudTrail says it was)")
	f.StringVar(&o.principal, "principal", "", "the older spelling of --as")
	f.BoolVar(&o.dryRun, "dry-run", false, "say whether a start by --as would work now, without starting")
	f.DurationVar(&o.wait, "wait", 0, "wait for the event that CloudTrail does not show yet, at most so long")
	f.Lookup("wait").NoOptDefVal = "15m0s" // CloudTrail's delay
}

// given are the flags that stand for a target.
func (o *targetOptions) given() int {
	n := 0
	for _, s := range []string{o.group, o.template, o.message} {
		if s != "" {
			n++
		}
	}
	return n
}

// check tells whether the arguments name one target.
func (o *targetOptions) check(c *cobra.Command, args []string) error {
	hint := phrase.Say("give i-…, vol-…, lt-…, ami-…, snap-…, an event's id, - for a text on standard input, or a flag: %s", "keyturn "+c.Name()+" --help")
	switch n := len(args) + o.given(); {
	case n != 1:
		return &advised{phrase.NewError(phrase.Say("%s takes one thing to look at, not %d", c.Name(), n), nil), hint}
	case o.dryRun && o.principal == "":
		return &advised{phrase.NewError(phrase.Say("a dry run is somebody's"), nil), phrase.Say("give --as with the ARN of who is to start it")}
	case len(args) == 1 && args[0] != "-":
		if _, ok := diagnose.ParseTarget(args[0]); !ok {
			return &advised{phrase.NewError(phrase.Say("%q is no id that can be diagnosed", args[0]), nil), hint}
		}
	}
	return nil
}

// maxText bounds what is read from standard input.
const maxText = 1 << 20

// target is what to diagnose. "-" reads an error's text.
func (o *targetOptions) target(c *cobra.Command, args []string) (diagnose.Target, error) {
	switch {
	case o.group != "":
		return diagnose.Target{Kind: diagnose.GroupTarget, Name: o.group}, nil
	case o.template != "":
		name, version, _ := strings.Cut(o.template, ":")
		return diagnose.Target{Kind: diagnose.TemplateTarget, Name: name, Version: version}, nil
	case o.message != "":
		return diagnose.Target{Kind: diagnose.MessageTarget, Name: o.message}, nil
	case args[0] == "-":
		text, err := io.ReadAll(io.LimitReader(c.InOrStdin(), maxText))
		return diagnose.Target{Kind: diagnose.MessageTarget, Name: string(text)}, err
	}
	t, _ := diagnose.ParseTarget(args[0])
	return t, nil
}

// options are those of a diagnosis.
func (o *targetOptions) options(t diagnose.Target, region string, waiting *progress) diagnose.Options {
	return diagnose.Options{
		Target: t, Principal: o.principal, DryRun: o.dryRun, Wait: o.wait, Region: region, Progress: waiting.tell,
	}
}

var instanceID = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)

func oneInstance(c *cobra.Command, args []string) error {
	hint := phrase.Say("give one instance id: keyturn %s i-0123456789abcdef0", c.Name())
	if len(args) != 1 {
		return &advised{phrase.NewError(phrase.Say("%s takes one instance id, not %d", c.Name(), len(args)), nil), hint}
	}
	if !instanceID.MatchString(args[0]) {
		return &advised{phrase.NewError(phrase.Say("%q is no instance id: it is i- and 8 or 17 hexadecimal digits", args[0]), nil), hint}
	}
	return nil
}
