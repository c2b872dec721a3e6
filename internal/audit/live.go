package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/phrase"
)

// Options say what to read of live accounts.
type Options struct {
	// Accounts are configurations with credentials of the accounts to read, one
	// each.
	Accounts []aws.Config
	// Regions are those to read; empty: that of each configuration.
	Regions []string
	// Organization is a configuration that may read the organization's policies.
	Organization aws.Config
	// NoOrganization: take the accounts to be in no organization.
	NoOrganization bool
	Now            time.Time
	// Progress, unless nil, is told what is being read. Several goroutines may call
	// it at the same time.
	Progress func(phrase.Text)
}

// Read makes an inventory by the API. What cannot be read is in its Unread. It
// fails where no account's principals can be read: then there is nothing to audit.
func Read(ctx context.Context, o Options) (*Inventory, error) {
	in := &Inventory{Time: o.Now, NoOrganization: o.NoOrganization}
	var failed error
	for _, cfg := range o.Accounts {
		r := &reader{options: &o, room: make(chan struct{}, maxTogether)}
		a, err := r.account(ctx, cfg)
		switch {
		case err == nil:
			in.Accounts = append(in.Accounts, a)
		case len(o.Accounts) == 1 || ctx.Err() != nil:
			return nil, err
		default:
			what, call := "an account of the organization", "sts:AssumeRole"
			if r.id != "" {
				what, call = "the principals of account "+r.id, "iam:GetAccountAuthorizationDetails"
			}
			r.missed(err, what, call)
			failed = err
		}
		in.Unread = append(in.Unread, r.sorted()...)
	}
	if len(in.Accounts) == 0 && failed != nil {
		return nil, failed
	}
	if !o.NoOrganization {
		o.tell(phrase.Say("reading the organization"))
		var accounts []string
		for _, a := range in.Accounts {
			accounts = append(accounts, a.ID)
		}
		for _, k := range newKeyring(in).list {
			if a := accountOf(k.ARN); a != "" && !slices.Contains(accounts, a) {
				accounts = append(accounts, a)
			}
		}
		var unread []diagnose.Unread
		client := organizations.NewFromConfig(adaptive(o.Organization))
		in.Organization, in.NoOrganization, unread = diagnose.ReadOrganization(ctx, client, accounts)
		for _, u := range unread {
			in.Unread = append(in.Unread, newUnread(accounts[0], u))
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading the accounts: %w", err)
	}
	return in, nil
}

func (o *Options) tell(t phrase.Text) {
	if o.Progress != nil {
		o.Progress(t)
	}
}

// adaptive has throttled calls retried at a rate that the service's answers tell.
func adaptive(cfg aws.Config) aws.Config {
	if cfg.Retryer == nil && cfg.RetryMode == "" {
		cfg = cfg.Copy()
		cfg.Retryer = func() aws.Retryer { return retry.NewAdaptiveMode() }
	}
	return cfg
}

// maxTogether is how many calls are made at the same time. The services' rates are
// per account, and others work there.
const maxTogether = 8

// reader reads one account.
type reader struct {
	options *Options
	room    chan struct{}

	mu     sync.Mutex
	id     string
	unread []Unread
}

// missed notes what could not be read.
func (r *reader) missed(err error, what, call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unread = append(r.unread, newUnread(r.id, diagnose.NewUnread(err, what, call)))
}

// sorted is what could not be read, in an order of its own.
func (r *reader) sorted() []Unread {
	slices.SortFunc(r.unread, func(a, b Unread) int {
		return strings.Compare(a.Call+" "+a.What, b.Call+" "+b.What)
	})
	return r.unread
}

// together does things at the same time.
func (r *reader) together(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		r.room <- struct{}{}
		all.Go(func() {
			defer func() { <-r.room }()
			do(i)
		})
	}
	all.Wait()
}

func (r *reader) account(ctx context.Context, cfg aws.Config) (*Account, error) {
	cfg = adaptive(cfg)
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("asking who the credentials are: %w", err)
	}
	a := &Account{ID: aws.ToString(who.Account), Partition: "aws"}
	if parts := strings.SplitN(aws.ToString(who.Arn), ":", 3); len(parts) == 3 {
		a.Partition = parts[1]
	}
	r.id = a.ID
	r.options.tell(phrase.Say("reading the principals of account %s", a.ID))
	if err := r.principals(ctx, iam.NewFromConfig(cfg), a); err != nil {
		return nil, err
	}
	regions := r.options.Regions
	if len(regions) == 0 {
		regions = []string{cfg.Region}
	}
	for _, name := range regions {
		here := cfg.Copy()
		here.Region = name
		a.Regions = append(a.Regions, r.region(ctx, here, launch.Site{Partition: a.Partition, Account: a.ID, Region: name}))
	}
	return a, nil
}

// principals reads all users, roles and policies (IAM API reference,
// "GetAccountAuthorizationDetails").
func (r *reader) principals(ctx context.Context, c *iam.Client, a *Account) error {
	var d details
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(c, &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("reading the principals of account %s (iam:GetAccountAuthorizationDetails): %w", a.ID, err)
		}
		d.addPage(page)
	}
	a.Principals = d.principals(a.Partition, a.ID, func(what string, err error) {
		r.missed(err, what, "iam:GetAccountAuthorizationDetails")
	})
	return nil
}

// region reads what an account has in one Region.
func (r *reader) region(ctx context.Context, cfg aws.Config, site launch.Site) *Region {
	g := &Region{Site: site}
	e := &ec2Reader{reader: r, ctx: ctx, client: ec2.NewFromConfig(cfg), region: g}
	k := &kmsReader{reader: r, ctx: ctx, client: kms.NewFromConfig(cfg), region: g}
	r.options.tell(phrase.Say("reading the volumes and snapshots of account %s in %s", site.Account, site.Region))
	steps := []func(){e.volumes, e.instances, e.snapshots, e.images, e.templates, e.defaults, k.list}
	r.together(len(steps), func(i int) { steps[i]() })
	r.options.tell(phrase.Say("reading the keys of account %s in %s", site.Account, site.Region))
	k.read()
	e.keepInstances()
	return g
}

// isCode tells an API's error by its code.
func isCode(err error, code string) bool {
	var api interface{ ErrorCode() string }
	return errors.As(err, &api) && api.ErrorCode() == code
}
