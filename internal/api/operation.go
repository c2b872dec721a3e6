// Package api holds the few types on which the services and the cloud agree:
// an [Operation] with its authorization, the [Call] it is given, the [Event]
// it leaves. A service is a struct with an Operations method; the cloud routes,
// authorizes, records and encodes.
//
// [Op] and [Read] are the only ways to make an operation, and both want the
// authorization beside the handler: what cannot be authorized cannot exist.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/keyturn/keyturn/access"
)

// Service is one AWS service.
type Service interface {
	// Name is the service's signing name: "kms".
	Name() string
	Operations() []Operation
}

// Worker is a service that has work to do later: see Call.Schedule.
type Worker interface {
	// Tasks maps a task's kind, such as "ec2.launch", to what runs it. The
	// function gets the payload that was scheduled, runs in a transaction of its
	// own with a Call in the name of whoever scheduled it, and may run again.
	Tasks() map[string]func(*Call, json.RawMessage) error
}

// Need is one permission that an operation needs before it runs.
type Need struct {
	Action string // "kms:CreateGrant"
	// Resource is the ARN acted on; "*" where the action has no resource type.
	Resource string
	// Account owns the resource; empty means the account of the call.
	Account string
	// Context holds the condition keys of this operation and resource, such as
	// kms:GrantOperations. The cloud adds the global ones.
	Context access.Context
	// Policy and Grants are the resource's own, if it has any.
	Policy *access.ResourcePolicy
	Grants []access.Grant
	// AWSManaged marks a KMS key that AWS manages: RCPs do not reach it.
	AWSManaged bool
	// SkipIdentity: the answer does not depend on the caller's own policies
	// (sts:AssumeRole by a service principal, for instance).
	SkipIdentity bool
}

// Authorize tells what an operation needs, out of its input and the state. An
// error it returns is the operation's answer: for what AWS checks first.
type Authorize[In any] func(*Call, *In) ([]Need, error)

// Operation is one API action as the cloud sees it. The zero value is invalid:
// make one with Op or Read.
type Operation struct {
	name     string
	read     bool // runs in a read transaction
	readOnly bool // the event's readOnly
	open     bool
	unsigned bool
	in, out  reflect.Type
	ahead    func(context.Context, any)
	auth     func(*Call, any) ([]Need, error)
	do       func(*Call, any) (any, error)
}

// Op makes an operation that changes state: do runs in store.Update, and may
// run again after a conflict. It panics if auth or do is missing, as a route
// without a handler would.
func Op[In, Out any](name string, auth Authorize[In], do func(*Call, *In) (*Out, error)) Operation {
	if auth == nil || do == nil {
		panic(fmt.Sprintf("api: operation %s needs both its authorization and its handler", name))
	}
	return Operation{
		name: name,
		in:   reflect.TypeFor[In](),
		out:  reflect.TypeFor[Out](),
		auth: func(c *Call, in any) ([]Need, error) { return auth(c, in.(*In)) },
		do: func(c *Call, in any) (any, error) {
			out, err := do(c, in.(*In))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
}

// Read makes an operation that changes nothing: do runs in store.View, and the
// event is read-only. If do finds that it must write after all (an AWS managed
// key on first use), it returns store.ErrReadOnly and is run again in Update.
func Read[In, Out any](name string, auth Authorize[In], do func(*Call, *In) (*Out, error)) Operation {
	op := Op(name, auth, do)
	op.read, op.readOnly = true, true
	return op
}

// EventReadOnly marks an operation that changes state, but whose event AWS
// records as read-only, or the reverse.
func (o Operation) EventReadOnly(v bool) Operation {
	o.readOnly = v
	return o
}

// Ahead has fn run before the transaction of a request for the operation, and
// before anything is authorized: for what must not be waited for inside. It must
// change nothing that anybody can see.
func Ahead[In any](o Operation, fn func(context.Context, *In)) Operation {
	o.ahead = func(ctx context.Context, in any) { fn(ctx, in.(*In)) }
	return o
}

// Prepare runs what the operation has to do ahead. Only the cloud calls it.
func (o Operation) Prepare(ctx context.Context, in any) {
	if o.ahead != nil {
		o.ahead(ctx, in)
	}
}

// Name is the action's name in the API: "CreateGrant".
func (o Operation) Name() string { return o.name }

// Reads reports whether the operation was made with Read.
func (o Operation) Reads() bool { return o.read }

// ReadOnly is the event's readOnly.
func (o Operation) ReadOnly() bool { return o.readOnly }

// Types returns the SDK's input and output struct types.
func (o Operation) Types() (in, out reflect.Type) { return o.in, o.out }

// Needs runs the operation's authorization descriptor. Only the cloud calls it.
func (o Operation) Needs(c *Call, in any) ([]Need, error) { return o.auth(c, in) }

// Do runs the handler. Only the cloud calls it.
func (o Operation) Do(c *Call, in any) (any, error) { return o.do(c, in) }

// Open reports whether the operation is one that AWS never authorizes.
func (o Operation) Open() bool { return o.open }

// Unsigned reports whether the operation takes requests that nobody signed.
func (o Operation) Unsigned() bool { return o.unsigned }

// Unsigned makes a reading operation for callers who have no AWS credentials yet:
// who asks is what auth finds out from the input and puts into the call, and
// nobody at all if it does not.
func Unsigned[In, Out any](name string, auth Authorize[In], do func(*Call, *In) (*Out, error)) Operation {
	op := Read(name, auth, do)
	op.unsigned = true
	return op
}

// NoAuthorization makes an operation that AWS never denies to a known caller,
// such as sts:GetCallerIdentity (STS API reference: no permissions are required).
func NoAuthorization[In, Out any](name string, do func(*Call, *In) (*Out, error)) Operation {
	op := Read(name, func(*Call, *In) ([]Need, error) { return nil, nil }, do)
	op.open = true
	return op
}

// Anywhere is the descriptor of an action without a resource type.
func Anywhere[In any](action string) Authorize[In] {
	return func(*Call, *In) ([]Need, error) {
		return []Need{{Action: action, Resource: "*"}}, nil
	}
}
