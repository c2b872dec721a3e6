package audit

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/policy"
)

// Inventory is what is known of the accounts that are audited.
type Inventory struct {
	// Time is when the requests would be made: policies may turn on it.
	Time     time.Time
	Accounts []*Account
	// Organization is nil if none could be read, or there is none:
	// NoOrganization tells the latter.
	Organization   *diagnose.Organization
	NoOrganization bool
	// Unread is what could not be read.
	Unread []Unread
}

// Unread is something that could not be read, and what decisions lack by it.
type Unread struct {
	Account string `json:"account"`
	// What is missing: "key policy of arn:…". Call is the API operation, and the
	// permission that it needs; Why is the API's answer. Denied: the permission is
	// missing.
	What   string `json:"what"`
	Call   string `json:"call"`
	Why    string `json:"why"`
	Denied bool   `json:"denied"`
}

func newUnread(account string, u diagnose.Unread) Unread {
	return Unread{account, u.What, u.Call, u.Why, u.Denied}
}

// Account is one account's principals, and what it has in its Regions.
type Account struct {
	ID, Partition string
	Principals    []Principal
	Regions       []*Region
}

// Principal is a user or a role, with all that bears on it.
type Principal struct {
	// ARN is the user's or the role's. Principal is who calls: of a role, a
	// session with a name that no policy has.
	ARN       string
	Principal access.Principal
	Identity  []diagnose.Held
	Boundary  *access.Document
	// BoundaryUnread: there is a boundary, and nobody could read it.
	BoundaryUnread bool
	// Unread are the names of identity policies that could not be read.
	Unread []string
	// TagsSessions: the role's trust policy lets sessions bring tags of their own.
	TagsSessions bool
}

// Region is what an account has in one Region.
type Region struct {
	Site      launch.Site
	Keys      []Key
	Volumes   []Volume
	Instances []Instance
	// InstancesRead: Instances are all there are.
	InstancesRead bool
	Snapshots     []Snapshot
	Images        []Image
	Templates     []Template
	// DefaultKey is the key for volumes that name none: an ARN, an id or an alias,
	// empty if it was not read. ByDefault: all new volumes are encrypted.
	DefaultKey string
	ByDefault  bool
	// KeysRead: Keys are all there are.
	KeysRead bool
}

// Key is a KMS key with what decides about it.
type Key struct {
	diagnose.Key
	Spec, Usage string
	MultiRegion string // "true", "false", or empty if it was not read
	// GrantsUnread: nobody could read the grants. StateUnread: nor the state.
	GrantsUnread, StateUnread bool
	// AliasesUnread: nobody could read which aliases the key has.
	AliasesUnread bool
}

// awsManaged tells AWS's own keys.
func (k *Key) awsManaged() bool { return k.Manager == string(kmstypes.KeyManagerTypeAws) }

// Volume is an encrypted EBS volume. A million of them have to fit.
type Volume struct {
	ID  string
	Key string // ARN
	// Instance is the one it is attached to, or empty.
	Instance string
	Tags     *Tags
}

// Instance is an instance that has an encrypted volume.
type Instance struct {
	ID   string
	Tags *Tags
}

// Snapshot is an encrypted snapshot of the account.
type Snapshot struct {
	ID, Key string
	Tags    *Tags
}

// Image is an image of the account with its EBS devices.
type Image struct {
	ID      string
	Tags    *Tags
	Devices []Device
}

// Device is a block device of an image or a launch template.
type Device struct {
	Name string
	// Snapshot is what it is made from, or empty. Key is an ARN, an id or an alias,
	// or empty.
	Snapshot, Key string
	// Encrypted is as asked; a snapshot or the default may have it encrypted anyway.
	Encrypted bool
}

// Template is one version of a launch template.
type Template struct {
	ID, Name string
	Version  int64
	Default  bool
	Image    string // ami-…
	Tags     *Tags
	Devices  []Device
}

// name is the template's id and version: lt-…:2.
func (t *Template) name() string { return t.ID + ":" + strconv.FormatInt(t.Version, 10) }

// setPolicy reads a key policy's text.
func (k *Key) setPolicy(text string) error {
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return err
	}
	k.Policy, k.PolicySource = &access.Document{Name: "key policy of " + lastPart(k.ARN), Policy: p}, "kms:GetKeyPolicy"
	return nil
}

// Tags are a resource's tags. A nil *Tags are tags that could not be read. They
// are kept as one text, because there may be millions.
type Tags struct{ text string }

// NewTags are the tags of the pairs.
func NewTags(pairs map[string]string) *Tags {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		b.WriteString(k + "\x00" + pairs[k] + "\x00")
	}
	return &Tags{b.String()}
}

// tagSets keeps each set of tags once.
type tagSets struct {
	mu     sync.Mutex
	byText map[string]*Tags
}

// of gives the one set of these tags.
func (s *tagSets) of(pairs map[string]string) *Tags {
	t := NewTags(pairs)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.byText[t.text]; known != nil {
		return known
	}
	if s.byText == nil {
		s.byText = make(map[string]*Tags)
	}
	s.byText[t.text] = t
	return t
}

// all yields the tags.
func (t *Tags) all() iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for rest := t.text; rest != ""; {
			var key, value string
			key, rest, _ = strings.Cut(rest, "\x00")
			value, rest, _ = strings.Cut(rest, "\x00")
			if !yield(key, value) {
				return
			}
		}
	}
}

// accountOf is the fifth field of an ARN.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

func lastPart(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
