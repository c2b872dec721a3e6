package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/keyturn/keyturn/internal/diagnose"
)

type fixOptions struct {
	awsOptions
	principal, rollback, undo string
	yes, noStart              bool
	wait                      time.Duration
}

func newFix() *cobra.Command {
	var o fixOptions
	c := &cobra.Command{
		Use:   "fix i-…",
		Short: "Repair what keeps an instance from starting, and start it",
		Long: `Diagnose an instance, show what the fix changes, ask, apply it, start the instance and
watch it. What undoes the fix is written to a file first: keyturn fix --undo FILE.
A fix that is not proved to be enough, or that a person has to make, is not applied.

Exit codes:
  0  the instance runs, or nothing was wrong
  1  the fix was applied, and something else keeps the instance from starting
  2  nothing was applied, or not all of it; the reason is printed`,
		Example: `  keyturn fix i-0123456789abcdef0
  keyturn fix i-0123456789abcdef0 --yes --no-start
  keyturn fix --undo keyturn-undo-i-0123456789abcdef0.json`,
		Args: func(c *cobra.Command, args []string) error {
			if o.undo == "" {
				return oneInstance(c, args)
			}
			return cobra.NoArgs(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
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
			return runFix(c, with, o, args[0])
		},
	}
	f := c.Flags()
	f.StringVar(&o.endpoint, "endpoint-url", "", "URL of the services, if not AWS's own")
	f.StringVar(&o.region, "region", "", "region of the instance")
	f.StringVar(&o.profile, "profile", "", "profile of the shared configuration files")
	f.StringVar(&o.organization, "organization-profile", "", "profile that may change the organization's policies (default: the other)")
	f.StringVar(&o.principal, "principal", "", "ARN of who is to start the instance (default: who CloudTrail says it was)")
	f.BoolVar(&o.yes, "yes", false, "apply without asking")
	f.BoolVar(&o.noStart, "no-start", false, "apply the fix, and leave the instance as it is")
	f.StringVar(&o.rollback, "rollback", "", "file for what undoes the fix (default keyturn-undo-<instance>.json)")
	f.StringVar(&o.undo, "undo", "", "undo the fix that wrote this file")
	f.DurationVar(&o.wait, "wait", 5*time.Minute, "how long to watch the instance start")
	return c
}

func runFix(c *cobra.Command, with diagnose.Configs, o fixOptions, instance string) error {
	ctx, out, cfg := c.Context(), c.OutOrStdout(), with.Account
	report, err := diagnose.Run(ctx, diagnose.NewClients(cfg).WithOrganization(with.Organization), diagnose.Options{Instance: instance, Principal: o.principal, Region: cfg.Region})
	if err != nil {
		return withHint(err)
	}
	s := newScreen(out)
	s.words(report.Summary.String())
	if report.Cause == nil {
		if code := report.ExitCode(); code != exitOK {
			return exitError(code)
		}
		return nil
	}
	repair, err := diagnose.NewRepair(ctx, with, report)
	if err != nil {
		hint := "keyturn diagnose " + instance + " shows the whole report"
		for _, f := range report.Fixes {
			if errors.Is(err, diagnose.ErrByHand) && !f.Alternative && len(f.Calls) == 0 {
				hint = strings.Join(f.Commands, "\n  ")
				break
			}
		}
		return &hintError{withHint(err), hint}
	}
	showRepair(s, repair)
	if err := agreed(c, o.yes); err != nil {
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
		return &hintError{withHint(err), "what was applied can be undone: keyturn fix --undo " + file}
	}
	s.print("", "  "+s.good("Applied.")+" keyturn fix --undo "+file+" undoes it.")
	if o.noStart || report.Instance.State != "stopped" {
		if report.Instance.State != "stopped" {
			s.words("The instance is " + report.Instance.State + ": launch another.")
		}
		return nil
	}
	return startAndWatch(ctx, s, with, o, instance)
}

// showRepair shows what is going to be changed.
func showRepair(s *screen, r *diagnose.Repair) {
	for _, f := range r.Fixes {
		s.print("", "  "+s.bold(f.Title.String()), "  "+s.faint(f.Target))
		if !f.Note.IsZero() {
			s.words(f.Note.String())
		}
	}
	for _, step := range r.Steps {
		s.print("", "  "+s.name(step.Service+":"+step.Operation))
		if step.After == "" {
			continue
		}
		was := ""
		if step.Before.Document != "" {
			was = diagnose.Pretty(step.Before.Document)
		}
		for l := range strings.Lines(string(diff.Diff("before", []byte(was), "after", []byte(diagnose.Pretty(step.After))))) {
			l = strings.TrimRight(l, "\n")
			switch {
			case strings.HasPrefix(l, "diff ") || strings.HasPrefix(l, "--- ") || strings.HasPrefix(l, "+++ "):
			case strings.HasPrefix(l, "+"):
				s.print("  " + s.good(l))
			case strings.HasPrefix(l, "-"):
				s.print("  " + s.bad(l))
			default:
				s.print("  " + s.faint(l))
			}
		}
	}
}

// agreed asks whether to go on, where nobody has said so.
func agreed(c *cobra.Command, yes bool) error {
	if yes {
		return nil
	}
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return &hintError{errors.New("nothing was changed: nobody can be asked"), "give --yes to apply it"}
	}
	fmt.Fprint(c.OutOrStdout(), "\n  Apply this? [y/N] ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		fmt.Fprintln(c.OutOrStdout(), "  Nothing was changed.")
		return exitError(exitUnknown)
	}
	return nil
}

// keeping keeps in a new file what undoes the fix.
func keeping(file string) (func([]diagnose.Call) error, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, &hintError{fmt.Errorf("%s is there already: it undoes an earlier fix", file), "undo that with keyturn fix --undo " + file + ", or name another file with --rollback"}
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
		return &hintError{fmt.Errorf("%s cannot be read: %w", file, err), "give the file that keyturn fix wrote"}
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
		return &hintError{fmt.Errorf("the fix is applied, but you cannot start the instance: %w", err), "let its caller start it"}
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
			s.words("It does not stay started: " + report.Summary.String())
			return exitError(exitFound)
		case time.Now().After(until):
			s.states(seen...)
			return &hintError{fmt.Errorf("after %s the instance is still %s", o.wait, state), "look again with keyturn diagnose " + instance}
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
	return "", fmt.Errorf("there is no instance %s any more", instance)
}
