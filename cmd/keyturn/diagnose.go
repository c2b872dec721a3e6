package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

type diagnoseOptions struct {
	awsOptions
	trailOptions
	targetOptions
	output string
	// from is a file of evidence, in the place of all that is asked otherwise.
	from                 string
	permissions, verbose bool
	lang                 string
}

// awsOptions are where AWS is and who asks.
type awsOptions struct {
	endpoint, region, profile string
	// organization is a profile that may read the organization's policies.
	organization string
}

func newDiagnose() *cobra.Command {
	var o diagnoseOptions
	c := &cobra.Command{
		Use:   "diagnose i-… | vol-… | lt-… | ami-… | snap-… | EVENT-ID | - | --group NAME | --launch-template NAME | --message TEXT",
		Short: "Find out why an instance does not start",
		Long: `Find out why an instance went from pending to stopped (or, at its launch, to terminated):
gather the evidence, name the cause, write the fix and prove by evaluation that it is enough.
It reads and changes nothing. A volume that vanished or could not be attached, a CloudTrail
event, an error's text and a launch template lead to the launch that failed; with --as a launch
template, an image, a snapshot or (--dry-run) an instance is judged before the fact. Endpoint, region and credentials come from where the AWS CLI
takes them: the flags, the AWS_* variables, the shared configuration files.

Exit codes:
  0  nothing is wrong with the instance's keys
  1  a cause was found
  2  no conclusion; the reason is printed`,
		Example: `  keyturn diagnose i-0123456789abcdef0
  keyturn diagnose vol-0123456789abcdef0
  keyturn diagnose --group web
  keyturn diagnose i-0123456789abcdef0 --wait
  keyturn diagnose i-0123456789abcdef0 --dry-run --as arn:aws:iam::123456789012:user/test
  keyturn diagnose --launch-template web:3 --as arn:aws:iam::123456789012:role/deploy
  terraform apply 2>&1 | keyturn diagnose -
  keyturn diagnose --permissions
  keyturn diagnose i-0123456789abcdef0 --trail ~/AWSLogs --offline
  keyturn diagnose --from keyturn-evidence-i-0123456789abcdef0.json
  keyturn diagnose i-0123456789abcdef0 --as arn:aws:iam::123456789012:user/test -o json`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case o.permissions:
				return cobra.NoArgs(c, args)
			case o.from != "":
				return o.fromArgs(c, args)
			}
			return o.check(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if o.permissions {
				_, err := fmt.Fprintln(c.OutOrStdout(), diagnose.PermissionsPolicy())
				return err
			}
			return runDiagnose(c, o, args)
		},
	}
	f := c.Flags()
	o.evidenceFlags(f)
	f.StringVar(&o.from, "from", "", "file of evidence to read, which keyturn collect wrote, instead of asking; - is standard input")
	f.BoolVar(&o.permissions, "permissions", false, "print the read-only policy that a diagnosis can make use of, and end")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show every step: what was asked, what it returned, what that means; and the whole proof")
	f.StringVarP(&o.output, "output", "o", "text", "form of the report: text, json, markdown (a ticket) or html (one page by itself)")
	return c
}

// evidenceFlags are the flags of the commands that read evidence from an account.
func (o *diagnoseOptions) evidenceFlags(f *pflag.FlagSet) {
	f.StringVar(&o.endpoint, "endpoint-url", "", "URL of the services, if not AWS's own")
	f.StringVar(&o.region, "region", "", "region of the instance")
	f.StringVar(&o.profile, "profile", "", "profile of the shared configuration files")
	f.StringVar(&o.organization, "organization-profile", "", "profile that may read the organization's policies (default: the other)")
	o.targetOptions.flags(f)
	o.trailOptions.flags(f)
	f.StringVar(&o.lang, "lang", "", "language of the text: en or es (default: the locale's)")
}

func runDiagnose(c *cobra.Command, o diagnoseOptions, args []string) error {
	if !slices.Contains(reportForms, o.output) {
		return &advised{
			phrase.NewError(phrase.Say("there is no output form %q", o.output), nil),
			phrase.Say("use %s", "-o "+strings.Join(reportForms, ", -o ")),
		}
	}
	lang, err := chooseLanguage(o.lang)
	if err != nil {
		return err
	}
	e, err := o.evidence(c, args, lang)
	if err != nil {
		return err
	}
	report := diagnose.Judge(e)
	if err := writeReport(c.OutOrStdout(), report, o, lang); err != nil {
		return err
	}
	if code := report.ExitCode(); code != exitOK {
		return exitError(code)
	}
	return nil
}

// reportForms are the forms of a report.
var reportForms = []string{"text", "json", "markdown", "html"}

func writeReport(w io.Writer, r *diagnose.Report, o diagnoseOptions, lang phrase.Language) error {
	switch o.output {
	case "json":
		return r.WriteJSON(w)
	case "markdown":
		return r.WriteMarkdown(w, lang)
	case "html":
		return r.WriteHTML(w, lang)
	}
	return r.WriteText(w, diagnose.Style{Color: colored(w), Language: lang, Width: columns(w), Verbose: o.verbose})
}

// evidence is that of a file, or what can be read now.
func (o *diagnoseOptions) evidence(c *cobra.Command, args []string, lang phrase.Language) (*diagnose.Evidence, error) {
	if o.from != "" {
		return o.fromFile(c, lang)
	}
	target, err := o.target(c, args)
	if err != nil {
		return nil, err
	}
	clients, region, err := o.clients(c.Context())
	if err != nil {
		return nil, err
	}
	waiting := newProgress(c.ErrOrStderr(), lang)
	defer waiting.end()
	e, err := diagnose.Gather(c.Context(), clients, o.options(target, region, waiting))
	if err != nil {
		return nil, withHint(err)
	}
	return e, nil
}

// config finds endpoint, region and credentials as every AWS client does.
func (o awsOptions) config(ctx context.Context) (aws.Config, error) {
	// What goes wrong is returned; the SDK need not tell it, too.
	load := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if o.region != "" {
		load = append(load, config.WithRegion(o.region))
	}
	if o.profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.profile))
	}
	if o.endpoint != "" {
		load = append(load, config.WithBaseEndpoint(o.endpoint))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return cfg, &advised{
			phrase.NewError(phrase.Say("the AWS configuration cannot be read: %v", err), err),
			phrase.Say("see ~/.aws/config and the AWS_* variables, or give --profile"),
		}
	}
	if cfg.Region == "" {
		return cfg, &advised{phrase.NewError(phrase.Say("no region is configured"), nil), phrase.Say("give --region, or export AWS_REGION")}
	}
	if cfg.Credentials == nil {
		return cfg, noCredentials(phrase.NewError(phrase.Say("none are configured"), nil))
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return cfg, noCredentials(err)
	}
	return cfg, nil
}

// configs adds the configuration for the organization's policies.
func (o awsOptions) configs(ctx context.Context, cfg aws.Config) (diagnose.Configs, error) {
	with := diagnose.Configs{Account: cfg, Organization: cfg}
	if o.organization == "" {
		return with, nil
	}
	o.profile = o.organization
	var err error
	with.Organization, err = o.config(ctx)
	return with, err
}

func noCredentials(err error) error {
	return &advised{
		phrase.NewError(phrase.Say("no AWS credentials: %v", err), err),
		phrase.Say("give --profile or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for \"keyturn serve\": eval \"$(keyturn env)\""),
	}
}

// withHint says what to do about the errors that most often end a diagnosis
// before it has begun.
func withHint(err error) error {
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return &advised{
			phrase.NewError(phrase.Say("nobody answers at %v: %v", dial.Addr, err), err),
			phrase.Say("start a server with \"keyturn serve\", or correct --endpoint-url (AWS_ENDPOINT_URL)"),
		}
	}
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	switch answer.ErrorCode() {
	case "AuthFailure", "SignatureDoesNotMatch", "InvalidClientTokenId", "UnrecognizedClientException", "ExpiredToken", "RequestExpired":
		return &advised{err, phrase.Say("the credentials were refused: see AWS_ACCESS_KEY_ID, --profile and --endpoint-url")}
	case "UnauthorizedOperation", "AccessDenied", "AccessDeniedException":
		return &advised{err, phrase.Say("diagnose as somebody who may describe instances, volumes, keys and policies, and look up events")}
	}
	return err
}
