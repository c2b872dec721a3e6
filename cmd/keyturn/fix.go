package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

type fixOptions struct {
	awsOptions
	principal, rollback, undo, lang string
	output                          string
	choice                          int
	yes, noStart, dryRun            bool
	wait                            time.Duration
}

func newFix() *cobra.Command {
	var o fixOptions
	c := &cobra.Command{
		Use:   "fix i-…",
		Short: "Repair what keeps an instance from starting, and start it",
		Long: `Diagnose an instance, show what the fix changes, ask, apply it, start the instance and
watch it. What undoes the fix is written to a file first: keyturn fix --undo FILE.
A fix that is not proved to be enough, or that a person has to make, is not applied.
With -o the fix is printed to be pasted elsewhere, and with --dry-run what would be
changed; both only read.

Exit codes:
  0  the instance runs, or nothing was wrong
  1  the fix was applied, and something else keeps the instance from starting;
     with -o and --dry-run: there is something to fix
  2  nothing was applied, or not all of it; the reason is printed`,
		Example: `  keyturn fix i-0123456789abcdef0
  keyturn fix i-0123456789abcdef0 --yes --no-start
  keyturn fix i-0123456789abcdef0 -o hcl >fix.tf
  keyturn fix i-0123456789abcdef0 --choice 2 --dry-run
  keyturn fix --undo keyturn-undo-i-0123456789abcdef0.json`,
		Args: func(c *cobra.Command, args []string) error {
			if o.undo == "" {
				return oneInstance(c, args)
			}
			return cobra.NoArgs(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			lang, err := chooseLanguage(o.lang)
			if err != nil {
				return err
			}
			cfg, err := o.config(c.Context())
			if err != nil {
				return err
			}
			with, err := o.configs(c.Context(), cfg)
			if err != nil {
				return err
			}
			if o.undo != "" {
				return undoFix(c, with, o.undo)
			}
			return runFix(c, lang, with, o, args[0])
		},
	}
	f := c.Flags()
	f.StringVar(&o.endpoint, "endpoint-url", "", "URL of the services, if not AWS's own")
	f.StringVar(&o.region, "region", "", "region of the instance")
	f.StringVar(&o.profile, "profile", "", "profile of the shared configuration files")
	f.StringVar(&o.organization, "organization-profile", "", "profile that may change the organization's policies (default: the other)")
	f.StringVar(&o.principal, "principal", "", "ARN of who is to start the instance (default: who CloudTrail says it was)")
	f.StringVar(&o.lang, "lang", "", "language of the text: en or es (default: the locale's)")
	f.StringVarP(&o.output, "output", "o", "", "print the fix and change nothing: policy, hcl, cloudformation or cli")
	f.IntVar(&o.choice, "choice", 1, "which of the ways to repair the cause, as keyturn diagnose numbers them")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be changed, and change nothing")
	f.BoolVar(&o.yes, "yes", false, "apply without asking")
	f.BoolVar(&o.noStart, "no-start", false, "apply the fix, and leave the instance as it is")
	f.StringVar(&o.rollback, "rollback", "", "file for what undoes the fix (default keyturn-undo-<instance>.json)")
	f.StringVar(&o.undo, "undo", "", "undo the fix that wrote this file")
	f.DurationVar(&o.wait, "wait", 5*time.Minute, "how long to watch the instance start")
	return c
}

func runFix(c *cobra.Command, lang phrase.Language, with diagnose.Configs, o fixOptions, instance string) error {
	ctx, out, cfg := c.Context(), c.OutOrStdout(), with.Account
	if o.output != "" && !slices.Contains(diagnose.Forms(), diagnose.Form(o.output)) {
		return &advised{phrase.NewError(phrase.Say("there is no output form %q", o.output), nil), phrase.Say("use %s", "-o policy, -o hcl, -o cloudformation, -o cli")}
	}
	waiting := newProgress(c.ErrOrStderr(), lang)
	defer waiting.end()
	report, err := diagnose.Run(ctx, diagnose.NewClients(cfg).WithOrganization(with.Organization), diagnose.Options{
		Instance: instance, Principal: o.principal, Region: cfg.Region, Progress: waiting.tell,
	})
	if err != nil {
		return withHint(err)
	}
	waiting.end()
	s := newScreen(out)
	if o.output != "" {
		s = newScreen(c.ErrOrStderr()) // what is printed is to be pasted
	}
	s.lang = lang
	s.say(report.Summary)
	if report.Cause == nil {
		return ended(report)
	}
	if o.choice != 1 && !report.Choose(o.choice) {
		return &advised{phrase.NewError(phrase.Say("there is no way number %d to repair it", o.choice), nil), phrase.Say("%s shows the whole report", "keyturn diagnose "+instance)}
	}
	if o.output != "" {
		if err := report.WriteFixes(out, diagnose.Form(o.output)); err != nil {
			return err
		}
		return ended(report)
	}
	repair, err := diagnose.NewRepair(ctx, with, report)
	if err != nil {
		hint := phrase.Say("%s shows the whole report", "keyturn diagnose "+instance)
		for _, f := range report.Fixes {
			if errors.Is(err, diagnose.ErrByHand) && !f.Alternative && len(f.Calls) == 0 {
				hint = phrase.Plain(strings.Join(f.Commands, "\n  "))
				break
			}
		}
		return &advised{err, hint}
	}
	showRepair(s, repair)
	if o.dryRun {
		return ended(report)
	}
	if err := agreed(c, lang, o.yes); err != nil {
		return err
	}
	file := o.rollback
	if file == "" {
		file = "keyturn-undo-" + instance + ".json"
	}
	keep, err := keeping(file)
	if err != nil {
		return err
	}
	if err := repair.Apply(ctx, with, keep); err != nil {
		return &advised{err, phrase.Say("what was applied can be undone: %s", "keyturn fix --undo "+file)}
	}
	s.print("")
	s.say(phrase.Say("Applied. %s undoes it.", "keyturn fix --undo "+file))
	if o.noStart || report.Instance.State != "stopped" {
		if report.Instance.State != "stopped" {
			s.say(phrase.Say("The instance is %s: launch another.", report.Instance.StateWords()))
		}
		return nil
	}
	return startAndWatch(ctx, s, with, o, instance)
}

// ended is the exit code of a diagnosis.
func ended(r *diagnose.Report) error {
	if code := r.ExitCode(); code != exitOK {
		return exitError(code)
	}
	return nil
}

// showRepair shows what is going to be changed.
func showRepair(s *screen, r *diagnose.Repair) {
	for _, f := range r.Fixes {
		s.print("", "   "+s.bold(f.Title.In(s.lang)), "   "+s.faint(f.Target))
		for _, t := range []phrase.Text{f.TradeOff, f.Note} {
			if !t.IsZero() {
				s.say(t)
			}
		}
	}
	for _, step := range r.Steps {
		s.print("", "   "+s.name(step.Service+":"+step.Operation))
		if step.After == "" {
			s.print("   " + s.faint("aws "+strings.Join(step.Words(), " ")))
			continue
		}
		for l := range strings.Lines(diagnose.Diff("", step.Before.Document, step.After)) {
			l = strings.TrimRight(l, "\n")
			switch {
			case strings.HasPrefix(l, "--- ") || strings.HasPrefix(l, "+++ "):
			case strings.HasPrefix(l, "+"):
				s.print("   " + s.good(l))
			case strings.HasPrefix(l, "-"):
				s.print("   " + s.bad(l))
			default:
				s.print("   " + s.faint(l))
			}
		}
	}
}

// agreed asks whether to go on, where nobody has said so.
func agreed(c *cobra.Command, lang phrase.Language, yes bool) error {
	if yes {
		return nil
	}
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return &advised{phrase.NewError(phrase.Say("nothing was changed: nobody can be asked"), nil), phrase.Say("give --yes to apply it")}
	}
	fmt.Fprintf(c.OutOrStdout(), "\n   %s ", phrase.Say("Apply this? [y/N]").In(lang))
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return phrase.NewError(phrase.Say("reading the answer: %v", err), err)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes", "s", "sí", "si": // either language's, whichever was asked in
		return nil
	}
	fmt.Fprintf(c.OutOrStdout(), "   %s\n", phrase.Say("Nothing was changed.").In(lang))
	return exitError(exitUnknown)
}

// keeping keeps in a new file what undoes the fix.
func keeping(file string) (func([]diagnose.Call) error, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, &advised{
			phrase.NewError(phrase.Say("%s is there already: it undoes an earlier fix", file), err),
			phrase.Say("undo that with keyturn fix --undo %s, or name another file with --rollback", file),
		}
	}
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return func(undo []diagnose.Call) error {
		b, err := json.MarshalIndent(undo, "", "  ")
		if err != nil {
			return err
		}
		return os.WriteFile(file, append(b, '\n'), 0o600)
	}, nil
}

// undoFix makes the calls of a file, and removes it once all are made.
func undoFix(c *cobra.Command, with diagnose.Configs, file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var undo []diagnose.Call
	if err := json.Unmarshal(raw, &undo); err != nil {
		return &advised{phrase.NewError(phrase.Say("%s cannot be read: %v", file, err), err), phrase.Say("give the file that keyturn fix wrote")}
	}
	for _, call := range undo {
		if _, err := call.Do(c.Context(), with); err != nil {
			return withHint(fmt.Errorf("%s:%s: %w", call.Service, call.Operation, err))
		}
		fmt.Fprintf(c.OutOrStdout(), "  %s:%s\n", call.Service, call.Operation)
	}
	return os.Remove(file)
}

// startAndWatch starts the instance and sees what comes of it.
func startAndWatch(ctx context.Context, s *screen, with diagnose.Configs, o fixOptions, instance string) error {
	cfg := with.Account
	client := ec2.NewFromConfig(cfg)
	if _, err := client.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{instance}}); err != nil {
		return &advised{
			phrase.NewError(phrase.Say("the fix is applied, but you cannot start the instance: %v", err), err),
			phrase.Say("let its caller start it"),
		}
	}
	until := time.Now().Add(o.wait)
	seen := []string{"stopped"}
	for {
		state, err := stateOf(ctx, client, instance)
		if err != nil {
			return withHint(err)
		}
		if state != seen[len(seen)-1] {
			seen = append(seen, state)
		}
		switch {
		case state == string(ec2types.InstanceStateNameRunning):
			s.states(seen...)
			return nil
		case state != string(ec2types.InstanceStateNamePending) && len(seen) > 1:
			s.states(seen...)
			report, err := diagnose.Run(ctx, diagnose.NewClients(cfg).WithOrganization(with.Organization), diagnose.Options{Instance: instance, Region: cfg.Region})
			if err != nil {
				return withHint(err)
			}
			s.say(phrase.Say("It does not stay started: %s", report.Summary))
			return exitError(exitFound)
		case time.Now().After(until):
			s.states(seen...)
			return &advised{
				phrase.NewError(phrase.Say("after %s the instance is still %s", o.wait, state), nil),
				phrase.Say("look again: %s", "keyturn diagnose "+instance),
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func stateOf(ctx context.Context, client *ec2.Client, instance string) (string, error) {
	out, err := client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{instance}})
	if err != nil {
		return "", err
	}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			if i.State != nil {
				return string(i.State.Name), nil
			}
		}
	}
	return "", phrase.NewError(phrase.Say("there is no instance %s any more", instance), nil)
}
