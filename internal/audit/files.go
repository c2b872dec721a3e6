package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/launch"
)

// FileOptions say how to read what the AWS CLI printed.
type FileOptions struct {
	// Paths are files and folders.
	Paths []string
	// Region is that of files that do not tell.
	Region         string
	NoOrganization bool
	Now            time.Time
}

// Files makes an inventory of what the AWS CLI printed (docs/audit.md has the
// layout). What a file is about is told by what is in it: each command's output
// has members of its own. Which account, Region and key it is about is told by its
// path where its contents do not: by folders with the names of accounts and
// Regions, and by a key's id in the path. It fails where a file cannot be read or is
// nothing that the AWS CLI prints.
func Files(o FileOptions) (*Inventory, error) {
	f := &files{options: o, accounts: make(map[string]*dump), inventory: &Inventory{Time: o.Now, NoOrganization: o.NoOrganization}}
	for _, path := range o.Paths {
		err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path != d.Name() && filepath.Ext(path) != ".json" {
				return err
			}
			return f.file(path)
		})
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	return f.finish()
}

// files reads files.
type files struct {
	options   FileOptions
	accounts  map[string]*dump
	inventory *Inventory
	org       orgFiles
}

// dump is what the files have of one account.
type dump struct {
	details details
	regions map[string]*regionDump
}

// regionDump is what they have of one Region.
type regionDump struct {
	region  Region
	keys    map[string]*keyDump // by key id
	tags    map[string]*Tags    // of launch templates
	aliases map[string][]string
	// aliasesRead: aliases are all there are.
	aliasesRead bool
	sets        tagSets
}

// keyDump is what they have of one key.
type keyDump struct {
	key    Key
	policy string
}

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	regionID  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	keyID     = regexp.MustCompile(`mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// whereabouts is what a path tells.
type whereabouts struct{ account, region, key, node string }

func (f *files) whereabouts(path string) whereabouts {
	w := whereabouts{region: f.options.Region}
	for part := range strings.SplitSeq(filepath.ToSlash(path), "/") {
		switch {
		case accountID.MatchString(part):
			w.account = part
		case regionID.MatchString(part):
			w.region = part
		}
	}
	w.key, w.node = keyID.FindString(path), node(path)
	return w
}

// account is the dump of an account; "" is the one that is still to be found out.
func (f *files) account(id string) *dump {
	d := f.accounts[id]
	if d == nil {
		d = &dump{regions: make(map[string]*regionDump)}
		f.accounts[id] = d
	}
	return d
}

func (d *dump) region(name string) *regionDump {
	r := d.regions[name]
	if r == nil {
		r = &regionDump{keys: make(map[string]*keyDump), tags: make(map[string]*Tags), aliases: make(map[string][]string)}
		d.regions[name] = r
	}
	return r
}

func (r *regionDump) key(id string) *keyDump {
	k := r.keys[id]
	if k == nil {
		k = &keyDump{key: Key{StateUnread: true, GrantsUnread: true}}
		r.keys[id] = k
	}
	return k
}

// file reads one file, member by member: what describes a million volumes does not
// fit in memory twice.
//
// An empty file is what a command leaves that failed.
func (f *files) file(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := f.read(file, f.whereabouts(path)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (f *files) read(from io.Reader, w whereabouts) error {
	d := json.NewDecoder(from)
	if err := want(d, json.Delim('{')); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	known := false
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		read := members[name.(string)]
		if read == nil {
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return err
			}
			continue
		}
		known = true
		if err := read(f, d, w); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if !known {
		return errors.New("it is no output of a command that the audit knows: keyturn audit --commands prints those")
	}
	return nil
}

func want(d *json.Decoder, delimiter json.Delim) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != delimiter {
		return fmt.Errorf("%v is not %v: it is no JSON output of the AWS CLI", t, delimiter)
	}
	return nil
}

// each decodes the elements of a list one by one.
func each[T any](d *json.Decoder, do func(*T)) error {
	if err := want(d, '['); err != nil {
		return err
	}
	for d.More() {
		var one T
		if err := d.Decode(&one); err != nil {
			return err
		}
		do(&one)
	}
	return want(d, ']')
}

// list reads a list into what the path tells of.
func list[T any](do func(f *files, w whereabouts, one *T)) func(*files, *json.Decoder, whereabouts) error {
	return func(f *files, d *json.Decoder, w whereabouts) error {
		return each(d, func(one *T) { do(f, w, one) })
	}
}

// value reads one value.
func value[T any](do func(f *files, w whereabouts, one *T) error) func(*files, *json.Decoder, whereabouts) error {
	return func(f *files, d *json.Decoder, w whereabouts) error {
		var one T
		if err := d.Decode(&one); err != nil {
			return err
		}
		return do(f, w, &one)
	}
}

// members are the members by which outputs are known.
var members map[string]func(*files, *json.Decoder, whereabouts) error

func init() {
	members = map[string]func(*files, *json.Decoder, whereabouts) error{
		"UserDetailList": list(func(f *files, w whereabouts, u *userDetail) {
			d := &f.account(w.of(u.Arn).account).details
			d.UserDetailList = append(d.UserDetailList, *u)
		}),
		"GroupDetailList": list(func(f *files, w whereabouts, g *groupDetail) {
			d := &f.account(w.of(g.Arn).account).details
			d.GroupDetailList = append(d.GroupDetailList, *g)
		}),
		"RoleDetailList": list(func(f *files, w whereabouts, r *roleDetail) {
			d := &f.account(w.of(r.Arn).account).details
			d.RoleDetailList = append(d.RoleDetailList, *r)
		}),
		"Policies":               policiesMember,
		"Volumes":                list((*files).volume),
		"Reservations":           list((*files).reservation),
		"Snapshots":              list((*files).snapshot),
		"Images":                 list((*files).image),
		"LaunchTemplates":        list((*files).template),
		"LaunchTemplateVersions": list((*files).templateVersion),
		"KmsKeyId":               value((*files).defaultKey),
		"EbsEncryptionByDefault": value((*files).byDefault),
		"Keys":                   keysMember,
		"Aliases":                aliasesMember,
		"KeyMetadata":            value((*files).metadata),
		"Policy":                 value((*files).keyPolicy),
		"Grants":                 grantsMember,
		"Tags":                   tagsMember,
		"Organization":           value((*files).organization),
		"Parents":                list((*files).parent),
	}
}

// policiesMember reads the policies of an account's details, or what
// list-policies-for-target printed.
func policiesMember(f *files, d *json.Decoder, w whereabouts) error {
	if w.node != "" && w.node != w.account {
		f.org.looked(w.node)
	}
	return each(d, func(p *managedDetail) {
		if p.Type != "" {
			f.org.looked(w.node)
			f.org.policies(w.node, p)
			return
		}
		details := &f.account(w.account).details
		details.Policies = append(details.Policies, *p)
	})
}

// of is where something with an ARN is.
func (w whereabouts) of(arn string) whereabouts {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		if parts[4] != "" {
			w.account = parts[4]
		}
		if parts[3] != "" {
			w.region = parts[3]
		}
	}
	return w
}

// in is the Region's dump.
func (f *files) in(w whereabouts) *regionDump { return f.account(w.account).region(w.region) }

func sortedNames[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// finish puts together what was read.
func (f *files) finish() (*Inventory, error) {
	if err := f.adopt(); err != nil {
		return nil, err
	}
	in := f.inventory
	for _, id := range sortedNames(f.accounts) {
		in.Accounts = append(in.Accounts, f.finishAccount(id, f.accounts[id]))
	}
	principals := 0
	for _, a := range in.Accounts {
		principals += len(a.Principals)
	}
	if principals == 0 {
		return nil, errors.New("no principals are in the files: get-account-authorization-details has them; keyturn audit --commands prints what else is of use")
	}
	f.org.finish(in)
	if in.Organization == nil && !in.NoOrganization {
		in.Unread = append(in.Unread, Unread{
			Account: in.Accounts[0].ID, What: "the organization", Call: "organizations:DescribeOrganization",
			Why: errNotThere.Error() + "; give --no-organization if there is none",
		})
	}
	return in, nil
}

// adopt gives what tells no account to the only one there is.
func (f *files) adopt() error {
	stray := f.accounts[""]
	if stray == nil {
		return nil
	}
	delete(f.accounts, "")
	if len(f.accounts) != 1 {
		return fmt.Errorf("some files tell no account, and there are %d: put each account's files into a folder with its id for a name", len(f.accounts))
	}
	for _, d := range f.accounts {
		d.details.Policies = append(d.details.Policies, stray.details.Policies...)
		d.details.GroupDetailList = append(d.details.GroupDetailList, stray.details.GroupDetailList...)
		for name, r := range stray.regions {
			if d.regions[name] == nil {
				d.regions[name] = r
				continue
			}
			d.regions[name].merge(r)
		}
	}
	return nil
}

func (r *regionDump) merge(o *regionDump) {
	g, h := &r.region, &o.region
	g.Volumes, g.Instances, g.Snapshots = append(g.Volumes, h.Volumes...), append(g.Instances, h.Instances...), append(g.Snapshots, h.Snapshots...)
	g.Images, g.Templates = append(g.Images, h.Images...), append(g.Templates, h.Templates...)
	g.InstancesRead, g.KeysRead, g.ByDefault = g.InstancesRead || h.InstancesRead, g.KeysRead || h.KeysRead, g.ByDefault || h.ByDefault
	r.aliasesRead = r.aliasesRead || o.aliasesRead
	g.DefaultKey = or(g.DefaultKey, h.DefaultKey)
	maps.Copy(r.tags, o.tags)
	for id, list := range o.aliases {
		r.aliases[id] = append(r.aliases[id], list...)
	}
	for id, k := range o.keys {
		mine := r.key(id)
		mine.policy = or(mine.policy, k.policy)
		if k.key.Tags != nil {
			mine.key.Tags = k.key.Tags
		}
		mine.key.GrantsUnread = mine.key.GrantsUnread && k.key.GrantsUnread
		mine.key.Grants = append(mine.key.Grants, k.key.Grants...)
	}
}

func (f *files) finishAccount(id string, d *dump) *Account {
	a := &Account{ID: id, Partition: "aws"}
	missed := func(what, call string, err error) {
		f.inventory.Unread = append(f.inventory.Unread, newUnread(id, diagnose.NewUnread(err, what, call)))
	}
	for i := range d.details.UserDetailList {
		a.Partition = partitionOf(d.details.UserDetailList[i].Arn)
	}
	for i := range d.details.RoleDetailList {
		a.Partition = partitionOf(d.details.RoleDetailList[i].Arn)
	}
	a.Principals = d.details.principals(a.Partition, id, func(what string, err error) { missed(what, "iam:GetAccountAuthorizationDetails", err) })
	for _, name := range sortedNames(d.regions) {
		r := d.regions[name]
		if name == "" && len(d.regions) == 2 {
			continue // given to the other below
		}
		if stray := d.regions[""]; stray != nil && name != "" && len(d.regions) == 2 {
			r.merge(stray)
		}
		r.region.Site = launch.Site{Partition: a.Partition, Account: id, Region: name}
		r.finish(missed)
		a.Regions = append(a.Regions, &r.region)
	}
	return a
}

func partitionOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
		return parts[1]
	}
	return "aws"
}

func (r *regionDump) finish(missed func(what, call string, err error)) {
	g := &r.region
	for i := range g.Templates {
		g.Templates[i].Tags = r.tags[g.Templates[i].ID]
	}
	for _, id := range sortedNames(r.keys) {
		k := r.keys[id]
		if k.key.ARN == "" {
			k.key.ARN = prefix(g.Site) + "key/" + id
		}
		k.key.Aliases = r.aliases[id]
		k.key.AliasesUnread = !r.aliasesRead
		k.key.Foreign = accountOf(k.key.ARN) != g.Site.Account
		if k.key.awsManaged() && k.key.Tags == nil {
			k.key.Tags = map[string]string{}
		}
		for _, lacks := range [...]struct {
			it         bool
			what, call string
		}{
			{k.key.StateUnread, "state of key ", "kms:DescribeKey"}, {k.policy == "", "key policy of ", "kms:GetKeyPolicy"}, {k.key.GrantsUnread, "grants of key ", "kms:ListGrants"},
		} {
			if lacks.it {
				missed(lacks.what+k.key.ARN, lacks.call, errNotThere)
			}
		}
		if k.policy != "" {
			if err := k.key.setPolicy(k.policy); err != nil {
				missed("key policy of "+k.key.ARN, "kms:GetKeyPolicy", err)
			}
		}
		g.Keys = append(g.Keys, k.key)
	}
	seen := make(map[string]bool)
	g.Templates = slices.DeleteFunc(g.Templates, func(t Template) bool {
		again := seen[t.name()]
		seen[t.name()] = true
		return again
	})
	g.keepInstances()
}
