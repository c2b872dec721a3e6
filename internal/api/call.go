package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/store"
)

// ErrDryRun is what Invoke and Schedule return in a dry run: a handler passes
// it on, and the cloud answers as the service does to a dry run that would have
// succeeded.
var ErrDryRun = errors.New("api: dry run")

// Call is one operation being carried out for a caller. It belongs to one
// goroutine and ends with the operation.
type Call struct {
	Context context.Context
	Tx      store.Tx
	Caller  Caller
	// Account is where the operation acts: the caller's.
	Account, Region, Partition string
	// Service and Operation name the action: "kms", "CreateGrant".
	Service, Operation string
	// Now is the time of the call, the same for all of it.
	Now time.Time
	// RequestID is a UUID. Calls made for this one share it.
	RequestID string
	// SourceIP and UserAgent are as CloudTrail shows them.
	SourceIP, UserAgent string
	// Secure is aws:SecureTransport.
	Secure bool
	// Endpoint is the VPC endpoint through which the caller's own request came,
	// nil if it came through none. Calls that services make in the course of it
	// do not pass it.
	Endpoint *EndpointName
	// Via is set when a service makes this call for the caller (a forward
	// access session), and nil when the caller makes it directly.
	Via *Via
	// DryRun: nothing will be kept, and nothing outside the transaction may happen.
	DryRun bool
	// Event is what the service adds to the call's CloudTrail event.
	Event Event
	// Rand is the source of ids and key material.
	Rand io.Reader

	Door Door
}

// Caller is who makes a call, with the session's own limits.
type Caller struct {
	Principal access.Principal
	// AccessKeyID signed the call; empty where no key did.
	AccessKeyID string
	// SessionPolicies are the documents given to AssumeRole and the like, in
	// their text form; HasSession is true for sessions that were limited by some.
	SessionPolicies []SessionPolicy `json:",omitempty"`
	HasSession      bool            `json:",omitempty"`
	// IssuedAt is when the session's credentials were made; zero for long-term keys.
	IssuedAt time.Time `json:",omitzero"`
	// Expires is when the session ends; zero for long-term keys.
	Expires time.Time `json:",omitzero"`
	MFA     bool      `json:",omitempty"`
	// SourceIdentity, TransitiveTags and Chained belong to role sessions.
	SourceIdentity string   `json:",omitempty"`
	TransitiveTags []string `json:",omitempty"`
	Chained        bool     `json:",omitempty"`
	// Federation is set for who comes with an identity provider's word, and for
	// the role sessions opened with it.
	Federation *Federation `json:",omitempty"`
	// AssumedRoot marks a privileged session on a member account.
	AssumedRoot bool `json:",omitempty"`
	// IssuerID is the unique id of the user behind a federated user session
	// (Principal.UserARN), the account's id if that is the root user.
	IssuerID string `json:",omitempty"`
	// InvokedBy names the service that acts for the principal, as in CloudTrail:
	// "ec2-frontend-api.amazonaws.com", "AWS Internal". Empty on direct calls.
	InvokedBy string `json:",omitempty"`
	// InScopeOf is the instance that EC2's infrastructure role acts for.
	InScopeOf string `json:",omitempty"`
	// SourceARN is the resource for which a service principal acts: aws:SourceArn,
	// and its account aws:SourceAccount.
	SourceARN string `json:",omitempty"`
}

// SessionPolicy is one document that limits a session.
type SessionPolicy struct {
	Name     string `json:",omitempty"` // "inline session policy", or the managed policy's name
	ARN      string `json:",omitempty"`
	Document string
}

// Via names the service through which a call comes.
type Via struct {
	// Service is the calling service's short name, "ec2": kms:ViaService is
	// ec2.<region>.amazonaws.com.
	Service string
	// InvokedBy is the service as CloudTrail shows it.
	InvokedBy string
}

// Door is the one way to an operation: it authorizes, runs and records. The
// cloud implements it.
type Door interface {
	// Invoke carries out service's operation for the call's caller, in its
	// transaction, and records its event.
	Invoke(c *Call, service, operation string, in any) (any, error)
	// Schedule keeps a task for later; it is lost if the transaction is.
	Schedule(c *Call, task Task) error
}

// Task is work to do at a later time.
type Task struct {
	Kind string
	// ID tells tasks of a kind apart; scheduling the same again moves it.
	ID      string
	Due     time.Time
	Payload any // encoded as JSON
}

// Schedule has the service's task run once its time comes, in the name of the
// call's caller. In a dry run it returns ErrDryRun.
func (c *Call) Schedule(kind, id string, after time.Duration, payload any) error {
	if c.DryRun {
		return ErrDryRun
	}
	return c.Door.Schedule(c, Task{Kind: kind, ID: id, Due: c.Now.Add(after), Payload: payload})
}

// Forward is a call that a service makes for the same caller: a forward access
// session. invokedBy is the service as CloudTrail shows it, such as
// "ec2-frontend-api.amazonaws.com".
func (c *Call) Forward(service, invokedBy string) *Call {
	d := *c
	d.Event, d.Endpoint = Event{}, nil
	d.Via = &Via{Service: service, InvokedBy: invokedBy}
	d.Caller.InvokedBy = invokedBy
	d.SourceIP, d.UserAgent = invokedBy, invokedBy
	return &d
}

// As is a call that somebody else makes in the course of this one: EC2's
// infrastructure role, a service principal.
func (c *Call) As(caller Caller) *Call {
	d := *c
	d.Event, d.Endpoint = Event{}, nil
	d.Via = nil
	d.Caller = caller
	if caller.Principal.Account != "" {
		d.Account = caller.Principal.Account
	}
	if caller.InvokedBy != "" {
		d.SourceIP, d.UserAgent = caller.InvokedBy, caller.InvokedBy
	}
	return &d
}

// Invoke carries out an operation of another service through the same door as
// everybody's: authorized for c's caller and recorded. In a dry run it returns
// ErrDryRun.
func Invoke[Out any](c *Call, service, operation string, in any) (*Out, error) {
	if c.DryRun {
		return nil, ErrDryRun
	}
	out, err := c.Door.Invoke(c, service, operation, in)
	if err != nil {
		return nil, err
	}
	return out.(*Out), nil
}

// Scope is where the call's regional rows live.
func (c *Call) Scope() store.Scope { return store.Scope{Account: c.Account, Region: c.Region} }

// Global is where the call's account-wide rows live.
func (c *Call) Global() store.Scope { return store.Scope{Account: c.Account, Region: store.Global} }

// ARN names a regional resource of the call's account: ARN("ec2", "volume/vol-1").
func (c *Call) ARN(service, resource string) string {
	return "arn:" + c.Partition + ":" + service + ":" + c.Region + ":" + c.Account + ":" + resource
}

// NewID returns prefix and 17 random hex digits: "i-0123456789abcdef0" (EC2
// guide, "Resource IDs").
func (c *Call) NewID(prefix string) string {
	var b [9]byte
	c.random(b[:])
	return prefix + hex.EncodeToString(b[:])[:17]
}

// NewUUID returns a random version 4 UUID.
func (c *Call) NewUUID() string { return NewUUID(c.Rand) }

// NewHex returns n random hex digits.
func (c *Call) NewHex(n int) string {
	b := make([]byte, (n+1)/2)
	c.random(b)
	return hex.EncodeToString(b)[:n]
}

// random fills b. A source of randomness that fails leaves nothing safe to do.
func (c *Call) random(b []byte) {
	if _, err := io.ReadFull(c.Rand, b); err != nil {
		panic("api: no randomness: " + err.Error())
	}
}

// NewUUID returns a version 4 UUID of random's bytes.
func NewUUID(random io.Reader) string {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		panic("api: no randomness: " + err.Error())
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// DecodePayload reads a task's payload.
func DecodePayload[T any](raw json.RawMessage) (T, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}
