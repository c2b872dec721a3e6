package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/simulate"
)

type simulateOptions struct {
	awsOptions
	simulateFlags
	output         string
	verbose, brief bool
	live, noOrg    bool
}

func newSimulate() *cobra.Command {
	var o simulateOptions
	c := &cobra.Command{
		Use:   "simulate [SCENARIO]",
		Short: "Decide requests that nobody has made yet",
		Long: `Decide requests that nobody has made yet, and tell why: by whom (--as), what (--action), on
what (--resource). Repeated flags make a matrix. The policies come from files, from a scenario
file ("-" is standard input), or with --live from an account, to which files may add.

A layer that is not given is not there. But a key always has a policy, a role a trust policy, and
a live account perhaps an organization: where they are not known, the answer is "depends", with
what would settle it. So it is for condition keys that every real request has, such as
aws:SourceIp, unless they are given with --context, or --complete-context says that the keys
given are all.

--launch asks what EC2 asks of KMS when the principal starts an instance with the volumes.

Exit codes:
  0  all is allowed, or as expected
  1  something is denied, or not as expected
  2  something depends on what is not known, or the input cannot be used`,
		Example: `  keyturn simulate --as arn:aws:iam::123456789012:user/test --action kms:CreateGrant \
      --resource arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab \
      --identity policy.json --key-policy key.json --context kms:GrantIsForAWSResource=true
  keyturn simulate --live --as arn:aws:iam::123456789012:user/test --launch start \
      --instance i-0123456789abcdef0 --volume vol-0123456789abcdef0 --key alias/ebs
  keyturn simulate scenario.json --expect allowed`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runSimulate(c, o, args) },
	}
	f := c.Flags()
	o.register(f)
	f.BoolVar(&o.live, "live", false, "read policies, keys and grants from the account")
	f.BoolVar(&o.noOrg, "no-organization", false, "with --live: the account is in no organization")
	f.StringVar(&o.endpoint, "endpoint-url", "", "with --live: URL of the services, if not AWS's own")
	f.StringVar(&o.region, "region", "", "with --live: region of the keys")
	f.StringVar(&o.profile, "profile", "", "with --live: profile of the shared configuration files")
	f.StringVarP(&o.output, "output", "o", "text", "form of the answer: text, json, or aws (as SimulatePrincipalPolicy answers)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "explain every decision, also of several, and what is as it should be")
	f.BoolVarP(&o.brief, "brief", "q", false, "a summary without explanations")
	return c
}

func runSimulate(c *cobra.Command, o simulateOptions, args []string) error {
	if o.output != "text" && o.output != "json" && o.output != "aws" {
		return &hintError{fmt.Errorf("there is no output form %q", o.output), "use -o text, -o json or -o aws"}
	}
	if err := o.check(); err != nil {
		return err
	}
	s, err := o.scenario(c, args)
	if err != nil {
		return err
	}
	read := func(path string) ([]byte, error) {
		f, err := readPolicyFile(c, path)
		return f.text, err
	}
	plan, err := o.plan(c, s, read)
	if err != nil {
		return err
	}
	report := plan.Run()
	out := c.OutOrStdout()
	switch o.output {
	case "json":
		err = report.WriteJSON(out)
	case "aws":
		err = report.WriteAWS(out)
	default:
		err = report.WriteText(out, simulate.Style{Color: colored(out), Verbose: o.verbose, Brief: o.brief})
	}
	if err != nil {
		return err
	}
	if code := report.ExitCode(); code != exitOK {
		return exitError(code)
	}
	return nil
}

// check refuses flags that would have no effect.
func (o *simulateOptions) check() error {
	if !o.live && (o.endpoint != "" || o.region != "" || o.profile != "" || o.noOrg) {
		return &hintError{errors.New("--endpoint-url, --region, --profile and --no-organization tell how to read an account"), "give --live, too"}
	}
	if o.verbose && o.brief {
		return &hintError{errors.New("--verbose and --brief contradict each other"), "give one of the two"}
	}
	return nil
}

// scenario is the file's, with what the flags add.
func (o *simulateOptions) scenario(c *cobra.Command, args []string) (*simulate.Scenario, error) {
	s := &simulate.Scenario{Version: simulate.FormVersion}
	if len(args) == 1 {
		data, title, err := readInput(c, args[0])
		if err != nil {
			return nil, err
		}
		if s, err = simulate.ReadScenario(data); err != nil {
			return nil, fmt.Errorf("%s: %w", title, err)
		}
		if args[0] != standardInput {
			s.Relative(filepath.Dir(args[0]))
		}
	}
	return s, o.addTo(s)
}

// plan reads the policies: those of files, and with --live those of the account.
func (o *simulateOptions) plan(c *cobra.Command, s *simulate.Scenario, read simulate.ReadFile) (*simulate.Plan, error) {
	if !o.live {
		plan, err := simulate.Prepare(s, read)
		return plan, withUsage(err)
	}
	cfg, err := o.config(c.Context())
	if err != nil {
		return nil, err
	}
	clients := diagnose.NewClients(cfg)
	if len(s.Principals) == 0 && (len(s.Actions) > 0 || s.Launch != nil) {
		who, err := clients.STS.GetCallerIdentity(c.Context(), &sts.GetCallerIdentityInput{})
		if err != nil {
			return nil, withHint(err)
		}
		s.Principals = []simulate.Principal{{ARN: aws.ToString(who.Arn), UserID: aws.ToString(who.UserId)}}
	}
	live := simulate.Live{Region: cfg.Region, NoOrganization: o.noOrg, Now: time.Now()}
	plan, err := simulate.PrepareLive(s, read, live)
	if err != nil {
		return nil, withUsage(err)
	}
	if err := plan.Gather(c.Context(), clients, live); err != nil {
		return nil, withHint(err)
	}
	return plan, nil
}

// withUsage adds where to read on: what is wrong is in the words of the scenario.
func withUsage(err error) error {
	if err == nil {
		return nil
	}
	return &hintError{err, "see keyturn simulate --help, and docs/simulate-json.md for scenario files"}
}
