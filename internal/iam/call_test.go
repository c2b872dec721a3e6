package iam_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/iam"
	"github.com/keyturn/keyturn/internal/rootkey"
	"github.com/keyturn/keyturn/internal/store"
)

const account = "123456789012"

// start is the time at which every test begins.
var start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// world is an IAM with a store of its own, and a clock that ticks a second with
// each call.
type world struct {
	t     testing.TB
	iam   *iam.Service
	store store.Store
	ops   map[string]api.Operation
	rand  io.Reader
	now   time.Time
	tasks []api.Task
}

func newWorld(t testing.TB) *world {
	t.Helper()
	seed := rand.NewChaCha8([32]byte{1})
	root, err := rootkey.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, iam: iam.New(root), store: store.Memory(), ops: map[string]api.Operation{}, rand: seed, now: start}
	t.Cleanup(func() { w.store.Close() })
	for _, o := range w.iam.Operations() {
		if _, twice := w.ops[o.Name()]; twice {
			t.Fatalf("operation %s stands twice", o.Name())
		}
		w.ops[o.Name()] = o
	}
	return w
}

func rootCaller(account string) api.Caller {
	return api.Caller{Principal: access.Principal{
		Type: access.Root, Partition: "aws", Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account,
	}}
}

// userCaller is a user as its access key would show it.
func userCaller(name, id string) api.Caller {
	return api.Caller{Principal: access.Principal{
		Type: access.User, Partition: "aws", Account: account, ARN: "arn:aws:iam::" + account + ":user/" + name, UserID: id, Name: name,
	}}
}

// door keeps what is scheduled.
type door struct{ *world }

func (d door) Invoke(*api.Call, string, string, any) (any, error) {
	return nil, errors.New("no other service here")
}

func (d door) Schedule(_ *api.Call, t api.Task) error {
	d.tasks = append(d.tasks, t)
	return nil
}

func (w *world) call(caller api.Caller, operation string) *api.Call {
	w.now = w.now.Add(time.Second)
	return &api.Call{
		Context: context.Background(), Caller: caller, Account: caller.Principal.Account, Region: "us-east-1", Partition: "aws",
		Service: "iam", Operation: operation, Now: w.now, Rand: w.rand, Door: door{w},
	}
}

// run carries an operation out, its descriptor first, as the cloud does.
func (w *world) run(caller api.Caller, operation string, in any) (out any, needs []api.Need, err error) {
	w.t.Helper()
	op, ok := w.ops[operation]
	if !ok {
		w.t.Fatalf("there is no operation %s", operation)
	}
	c := w.call(caller, operation)
	do := w.store.Update
	if op.Reads() {
		do = w.store.View
	}
	err = do(c.Context, func(tx store.Tx) error {
		c.Tx = tx
		if needs, err = op.Needs(c, in); err != nil {
			return err
		}
		out, err = op.Do(c, in)
		return err
	})
	return out, needs, err
}

// must runs an operation as the root user and fails the test on an error.
func must[Out any](w *world, operation string, in any) *Out {
	w.t.Helper()
	return mustAs[Out](w, rootCaller(account), operation, in)
}

func mustAs[Out any](w *world, caller api.Caller, operation string, in any) *Out {
	w.t.Helper()
	out, _, err := w.run(caller, operation, in)
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	return out.(*Out)
}

// fails runs an operation as the root user and wants an error.
func (w *world) fails(operation string, in any, code, message string) {
	w.t.Helper()
	w.failsAs(rootCaller(account), operation, in, code, message)
}

func (w *world) failsAs(caller api.Caller, operation string, in any, code, message string) {
	w.t.Helper()
	_, _, err := w.run(caller, operation, in)
	var e smithy.APIError
	if !errors.As(err, &e) {
		w.t.Fatalf("%s: error %v, want %s: %s", operation, err, code, message)
	}
	if e.ErrorCode() != code && e.ErrorCode() != code+"Exception" || e.ErrorMessage() != message {
		w.t.Errorf("%s:\n got %s: %s\nwant %s: %s", operation, e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

// view runs fn in a read transaction.
func (w *world) view(fn func(store.Tx) error) {
	w.t.Helper()
	if err := w.store.View(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// runTasks runs what was scheduled for the next minute.
func (w *world) runTasks() {
	w.t.Helper()
	tasks, soon := w.tasks, w.now.Add(time.Minute)
	w.tasks = nil
	for _, task := range tasks {
		if task.Due.After(soon) {
			w.tasks = append(w.tasks, task)
			continue
		}
		raw, err := json.Marshal(task.Payload)
		if err != nil {
			w.t.Fatal(err)
		}
		err = w.store.Update(context.Background(), func(tx store.Tx) error {
			c := w.call(rootCaller(account), "")
			c.Tx = tx
			return w.iam.Tasks()[task.Kind](c, raw)
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}
