package diagnose

import (
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/phrase"
)

// Evidence is everything that a diagnosis stands on. Gather reads it from an
// account; Judge needs nothing else.
type Evidence struct {
	Site launch.Site
	// Target is what was asked about.
	Target Target
	// Operation is the one that left no instance to look at; empty: the instance's
	// own state tells.
	Operation Operation
	Instance  Instance
	// Volumes are the instance's; of a failed launch, those that it asked for.
	Volumes []Volume
	// Keys are those of the volumes, in that order, each once.
	Keys []Key
	// Start, Denied and Stop are nil where the trail has no such event. Denied is a
	// request to KMS, or the one that EC2 itself refused.
	Start, Denied, Stop *Event
	// Refused is a call that a service refused at once: that of the event that was
	// asked about, or a StartInstances, if it is the last thing that was asked of the
	// instance; else nil.
	Refused *Event
	// Attempt is a CreateGrant that somebody tried for the service-linked role that
	// launched, and KMS refused; nil if there is none.
	Attempt *Event
	// Caller is who started the instance, nil if nobody could tell.
	Caller *Caller
	// Organization is nil if there is none, or none could be read: NoOrganization
	// tells the first.
	Organization   *Organization
	NoOrganization bool
	Unread         []Unread
	// Template is the id of the launch template in question.
	Template string
	// Earlier is the call that started the instance the time before, nil if the
	// trail has none: it ran then.
	Earlier *Event
	// Changed is the last change of the policy of the denied key before the denial,
	// nil if the trail has none.
	Changed *Event
	// DryRun: the question is whether a start would go through now.
	DryRun bool
	// Late is until when an event that is not there may still come, nil if none is
	// awaited.
	Late *time.Time
	// Forecast: the question is whether a named principal could start the
	// instance, whoever stopped it.
	Forecast bool
}

// Key is a KMS key as the account shows it. What is empty could not be read.
type Key struct {
	Source string `json:"source"`
	ARN    string `json:"arn"`
	// Manager is AWS or CUSTOMER.
	Manager     string   `json:"manager,omitempty"`
	State       string   `json:"state,omitempty"`
	Description string   `json:"description,omitempty"`
	Aliases     []string `json:"aliases,omitempty"`
	Origin      string   `json:"origin,omitempty"`
	// Spec is the KeySpec: EBS takes SYMMETRIC_DEFAULT alone.
	Spec string `json:"spec,omitempty"`
	// Usage is the KeyUsage.
	Usage string `json:"usage,omitempty"`
	// MultiRegion is PRIMARY or REPLICA, and empty for a key of one Region.
	MultiRegion string `json:"multiRegion,omitempty"`
	// Deletion is when a key that is pending deletion goes.
	Deletion *time.Time `json:"deletion,omitempty"`
	// Missing: KMS knows no such key.
	Missing bool `json:"missing,omitempty"`
	// Foreign: the key is another account's.
	Foreign bool `json:"foreign,omitempty"`
	// PolicySource is the call that read the key policy, empty if none did.
	PolicySource string `json:"policySource,omitempty"`

	// Tags are the key's, nil if they could not be read.
	Tags map[string]string `json:"-"`
	// Policy is the key policy, nil if it could not be read.
	Policy *access.Document `json:"-"`
	// Grants are those that bear on a launch.
	Grants []access.Grant `json:"-"`
}

// Name is the key's ARN with its first alias, for people.
func (k Key) Name() string {
	if len(k.Aliases) == 0 {
		return k.ARN
	}
	return k.ARN + " (" + k.Aliases[0] + ")"
}

// Event is a CloudTrail event, cut down to what a diagnosis looks at.
type Event struct {
	Source       string    `json:"source"`
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Time         time.Time `json:"time"`
	ErrorCode    string    `json:"errorCode,omitempty"`
	ErrorMessage string    `json:"errorMessage,omitempty"`
	// Principal is the ARN of userIdentity; InvokedBy the service that called
	// in its name.
	Principal string `json:"principal"`
	InvokedBy string `json:"invokedBy,omitempty"`
	// Key is the KMS key's ARN, where the event tells it.
	Key string `json:"key,omitempty"`
	// Decoded is the encoded part of the message, where it has one and STS decoded it.
	Decoded *Decoded `json:"decoded,omitempty"`

	region   string
	identity identity
	request  map[string]any
	response map[string]any
}

// Caller is who called EC2.
type Caller struct {
	Source string `json:"source"`
	// Told says what told who it was: the denied event, the start's event, or the
	// command line.
	Told phrase.Text `json:"told"`
	// Type is IAMUser, AssumedRole, FederatedUser or Root.
	Type string `json:"type"`
	ARN  string `json:"arn"`
	// Role is the ARN of an assumed role.
	Role string `json:"role,omitempty"`
	// Policies are the identity policies that were read.
	Policies []PolicyRead `json:"policies"`
	Boundary string       `json:"boundary,omitempty"`

	Principal access.Principal `json:"-"`
	Identity  []Held           `json:"-"`
	Limit     *access.Document `json:"-"` // the permissions boundary
	// Session are the session policies, where the trail has the AssumeRole event.
	Session    []access.Document `json:"-"`
	HasSession bool              `json:"-"`
	// Context holds condition keys that the event tells about the caller.
	Context access.Context `json:"-"`
}

// PolicyRead is a policy document that was read.
type PolicyRead struct {
	Source string `json:"source"`
	Name   string `json:"name"`
	ARN    string `json:"arn,omitempty"`
}

// Held is an identity policy and who holds it.
type Held struct {
	access.Document
	// Inline tells an inline policy from an attached one.
	Inline bool
	// Holder is user, group or role; HolderName and Policy are their names.
	Holder, HolderName, Policy string
}

// documents are the caller's identity policies as package access takes them.
func (c *Caller) documents() []access.Document {
	all := make([]access.Document, len(c.Identity))
	for i := range c.Identity {
		all[i] = c.Identity[i].Document
	}
	return all
}

// Unread is something that could not be read.
type Unread struct {
	// What is missing: "key policy of arn:…".
	What string `json:"what"`
	// Call is the API operation, and the permission that it needs.
	Call string `json:"call"`
	// Why is the API's answer.
	Why string `json:"why"`
	// Denied: a permission is missing, Call.
	Denied bool `json:"denied"`

	// layer and key say what decisions it bears on; an empty key means all.
	layer access.Layer
	key   string
}

// key finds a key by its ARN.
func (e *Evidence) key(arn string) *Key {
	for i := range e.Keys {
		if e.Keys[i].ARN == arn {
			return &e.Keys[i]
		}
	}
	return nil
}

// handle is what a volume is called: its id, or its device where a failed launch
// left no volume.
func (v *Volume) handle() string {
	switch {
	case v.ID != "":
		return v.ID
	case v.Device != "":
		return v.Device
	}
	return "unknown"
}

// volume finds a volume by its handle.
func (e *Evidence) volume(handle string) *Volume {
	for i := range e.Volumes {
		if e.Volumes[i].handle() == handle {
			return &e.Volumes[i]
		}
	}
	return nil
}

// clone copies what a fix may change.
func (e *Evidence) clone() *Evidence {
	c := *e
	c.Keys = append([]Key(nil), e.Keys...)
	if e.Caller != nil {
		caller := *e.Caller
		caller.Identity = append([]Held(nil), caller.Identity...)
		caller.Session = append([]access.Document(nil), caller.Session...)
		c.Caller = &caller
	}
	return &c
}

// launching tells whether the instance failed while it was new: then its
// volumes were to be made first. One that is known from the trail alone may have
// ended long after the start that is asked about.
func (e *Evidence) launching() bool {
	if e.Operation != "" {
		return e.Operation == RunInstances
	}
	if e.gone() && e.Start != nil {
		return e.Start.Name == "RunInstances"
	}
	return e.Instance.State == "terminated" || e.Instance.State == "shutting-down"
}

// name words a volume for people: "root volume vol-… (/dev/xvda)".
func (v Volume) name() phrase.Text {
	words := phrase.Say("data volume")
	if v.Root {
		words = phrase.Say("root volume")
	}
	if v.ID != "" {
		words = phrase.Join(" ", words, phrase.Plain(v.ID))
	}
	if v.Device != "" {
		words = phrase.Join(" ", words, phrase.Plain("("+v.Device+")"))
	}
	return words
}
