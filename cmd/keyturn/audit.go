package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/audit"
	"github.com/keyturn/keyturn/internal/phrase"
)

type auditOptions struct {
	awsOptions
	regions, from, failOn []string
	output, lang          string
	commands, permissions bool
	noOrganization        bool
	role                  string
	accounts              []string
}

// auditForms are the forms of the report.
var auditForms = []string{"text", "json", "csv", "markdown", "html", "sarif"}

// auditConditions are what --fail-on takes.
var auditConditions = []audit.Condition{audit.OnTrap, audit.OnShouldnt, audit.OnUnknown}

func newAudit() *cobra.Command {
	var o auditOptions
	c := &cobra.Command{
		Use:   "audit",
		Short: "Find out who can start what in an account or an organization, and who is trapped",
		Long: `Decide for every principal who may call StartInstances, RunInstances or AttachVolume, and
for every encrypted volume, snapshot, image, launch template and default key, whether KMS would
let it: who can; who cannot though EC2 lets them (trapped); who can and should not. Grouped by
cause, and by principals and keys that are alike. It reads and changes nothing.

It reads the account of the credentials, an organization's accounts (--role), or what the AWS
CLI printed (--from; --commands prints the commands). docs/audit.md tells more.

Exit codes:
  0  the audit was made
  1  it found what --fail-on names
  2  it could not be made; the reason is printed`,
		Example: `  keyturn audit
  keyturn audit --region eu-west-1,us-east-1 -o html >audit.html
  keyturn audit --role OrganizationAccountAccessRole --fail-on trap
  keyturn audit --commands >dump.sh
  keyturn audit --from dump -o sarif >audit.sarif`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runAudit(c, &o) },
	}
	f := c.Flags()
	f.StringVar(&o.endpoint, "endpoint-url", "", "URL of the services, if not AWS's own")
	f.StringSliceVar(&o.regions, "region", nil, "Regions to audit (default: the configured one)")
	f.StringVar(&o.profile, "profile", "", "profile of the shared configuration files")
	f.StringVar(&o.organization, "organization-profile", "", "profile that may read the organization's policies (default: the other)")
	f.StringVar(&o.role, "role", "", "audit the organization's accounts, each by this role of it")
	f.StringSliceVar(&o.accounts, "account", nil, "with --role: audit these accounts alone")
	f.BoolVar(&o.noOrganization, "no-organization", false, "take the accounts to be in no organization")
	f.StringSliceVar(&o.from, "from", nil, "files and folders of what the AWS CLI printed, instead of asking AWS")
	f.BoolVar(&o.commands, "commands", false, "print the AWS CLI commands that make a folder for --from, and end")
	f.BoolVar(&o.permissions, "permissions", false, "print the read-only policy that an audit can make use of, and end")
	f.StringSliceVar(&o.failOn, "fail-on", nil, "exit with 1 if there are any: trap, shouldnt, unknown")
	f.StringVar(&o.lang, "lang", "", "language of the text: en or es (default: the locale's)")
	f.StringVarP(&o.output, "output", "o", "text", "form of the report: "+strings.Join(auditForms, ", "))
	return c
}

func runAudit(c *cobra.Command, o *auditOptions) error {
	switch {
	case o.commands:
		_, err := io.WriteString(c.OutOrStdout(), audit.Commands())
		return err
	case o.permissions:
		_, err := fmt.Fprintln(c.OutOrStdout(), audit.PermissionsPolicy())
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	lang, err := chooseLanguage(o.lang)
	if err != nil {
		return err
	}
	waiting := newProgress(c.ErrOrStderr(), lang)
	defer waiting.end()
	in, err := o.inventory(c.Context(), waiting.tell)
	if err != nil {
		return withHint(err)
	}
	waiting.tell(phrase.Say("deciding"))
	r := audit.Run(in)
	waiting.end()
	if err := o.write(c.OutOrStdout(), r, lang); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	for _, name := range o.failOn {
		if r.Meets(audit.Condition(name)) {
			return exitError(exitFound)
		}
	}
	return nil
}

// check refuses what the flags do not have before anything is read.
func (o *auditOptions) check() error {
	if !slices.Contains(auditForms, o.output) {
		return &advised{phrase.NewError(phrase.Say("there is no output form %q", o.output), nil), phrase.Say("use %s", "-o "+strings.Join(auditForms, ", -o "))}
	}
	for _, name := range o.failOn {
		if !slices.Contains(auditConditions, audit.Condition(name)) {
			return &advised{phrase.NewError(phrase.Say("--fail-on does not know %q", name), nil), phrase.Say("use %s", "trap, shouldnt, unknown")}
		}
	}
	if len(o.accounts) > 0 && o.role == "" {
		return &advised{phrase.NewError(phrase.Say("--account takes a role to assume there"), nil), phrase.Say("use %s", "--role OrganizationAccountAccessRole")}
	}
	return nil
}

func (o *auditOptions) write(w io.Writer, r *audit.Report, lang phrase.Language) error {
	switch o.output {
	case "json":
		return r.WriteJSON(w)
	case "csv":
		return r.WriteCSV(w)
	case "markdown":
		return r.WriteMarkdown(w, lang)
	case "html":
		return r.WriteHTML(w, lang)
	case "sarif":
		return writeAuditSARIF(w, r)
	}
	return r.WriteText(w, audit.Style{Color: colored(w), Width: columns(w), Language: lang})
}

// inventory reads files, or asks AWS.
func (o *auditOptions) inventory(ctx context.Context, tell func(phrase.Text)) (*audit.Inventory, error) {
	now := time.Now()
	if len(o.from) > 0 {
		region := ""
		if len(o.regions) > 0 {
			region = o.regions[0]
		}
		in, err := audit.Files(audit.FileOptions{Paths: o.from, Region: region, NoOrganization: o.noOrganization, Now: now})
		if err != nil {
			return nil, err
		}
		return in, nil
	}
	if len(o.regions) > 0 {
		o.region = o.regions[0]
	}
	cfg, err := o.config(ctx)
	if err != nil {
		return nil, err
	}
	with, err := o.configs(ctx, cfg)
	if err != nil {
		return nil, err
	}
	accounts := []aws.Config{cfg}
	if o.role != "" {
		if accounts, err = o.members(ctx, cfg, with.Organization); err != nil {
			return nil, err
		}
	}
	return audit.Read(ctx, audit.Options{
		Accounts: accounts, Regions: o.regions, Organization: with.Organization, NoOrganization: o.noOrganization, Now: now, Progress: tell,
	})
}

// members are configurations for the organization's accounts: the credentials' own
// as it is, the others by the role.
func (o *auditOptions) members(ctx context.Context, cfg, organization aws.Config) ([]aws.Config, error) {
	client := sts.NewFromConfig(cfg)
	who, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("asking who the credentials are: %w", err)
	}
	partition := "aws"
	if parts := strings.SplitN(aws.ToString(who.Arn), ":", 3); len(parts) == 3 {
		partition = parts[1]
	}
	ids := o.accounts
	if len(ids) == 0 {
		pages := organizations.NewListAccountsPaginator(organizations.NewFromConfig(organization), &organizations.ListAccountsInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("listing the organization's accounts (organizations:ListAccounts): %w", err)
			}
			for _, a := range page.Accounts {
				if a.State == orgtypes.AccountStateActive || a.State == "" && a.Status == orgtypes.AccountStatusActive {
					ids = append(ids, aws.ToString(a.Id))
				}
			}
		}
	}
	var all []aws.Config
	for _, id := range ids {
		if id == aws.ToString(who.Account) {
			all = append(all, cfg)
			continue
		}
		member := cfg.Copy()
		member.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, "arn:"+partition+":iam::"+id+":role/"+o.role, func(p *stscreds.AssumeRoleOptions) {
			p.RoleSessionName = "keyturn-audit"
		}))
		all = append(all, member)
	}
	return all, nil
}
