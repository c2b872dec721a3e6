package ec2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	testAccount  = "123456789012"
	otherAccount = "210987654321"
	testRegion   = "us-east-1"
	testZone     = "us-east-1a"
	testKeyID    = "11111111-2222-3333-4444-555555555555"
	otherKeyID   = "99999999-8888-7777-6666-555555555555"
	managedKeyID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
)

func keyARN(id string) string { return "arn:aws:kms:" + testRegion + ":" + testAccount + ":key/" + id }

// world is EC2 over a store in memory, with a door behind which stands a small
// KMS, and a clock that only the test moves.
type world struct {
	t        testing.TB
	service  *Service
	store    store.Store
	ops      map[string]api.Operation
	now      time.Time
	account  string
	region   string
	random   *rand.ChaCha8
	kms      *fakeKMS
	tasks    []scheduled
	schedule []scheduled // of the running transaction
}

type scheduled struct {
	api.Task
	caller  api.Caller
	account string
	region  string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, service: New(), store: store.Memory(), ops: make(map[string]api.Operation),
		now: time.Date(2026, 9, 29, 11, 4, 43, 0, time.UTC), account: testAccount, region: testRegion,
		random: rand.NewChaCha8([32]byte{1}),
		kms: &fakeKMS{
			aliases: map[string]string{managedKeyAlias: keyARN(managedKeyID), "alias/mine": keyARN(testKeyID)},
			deny:    make(map[string]error), grants: make(map[string]kms.CreateGrantInput),
		},
	}
	for _, op := range w.service.Operations() {
		w.ops[op.Name()] = op
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) call(tx store.Tx, operation string) *api.Call {
	return &api.Call{
		Context: context.Background(), Tx: tx, Account: w.account, Region: w.region, Partition: "aws",
		Service: "ec2", Operation: operation, Now: w.now, RequestID: "00000000-0000-4000-8000-000000000000", Rand: w.random, Door: w,
		Caller: api.Caller{Principal: access.Principal{
			Type: access.User, Partition: "aws", Account: w.account, Name: "test",
			ARN: "arn:aws:iam::" + w.account + ":user/test", UserID: "AIDAEXAMPLE",
		}},
	}
}

// run carries an operation out as the cloud does, without asking any policy.
func (w *world) run(operation string, in any) (any, error) {
	w.t.Helper()
	op, ok := w.ops[operation]
	if !ok {
		w.t.Fatalf("there is no operation %s", operation)
	}
	var out any
	w.schedule = nil
	err := w.store.Update(context.Background(), func(tx store.Tx) error {
		c := w.call(tx, operation)
		needs, err := op.Needs(c, in)
		if err != nil {
			return err
		}
		if len(needs) == 0 {
			return errors.New("nothing is authorized")
		}
		out, err = op.Do(c, in)
		return err
	})
	if err == nil {
		w.keep()
	}
	return out, err
}

// keep keeps what the transaction scheduled: the same again moves it.
func (w *world) keep() {
	for _, next := range w.schedule {
		w.tasks = slices.DeleteFunc(w.tasks, func(old scheduled) bool {
			return old.Kind == next.Kind && old.ID == next.ID && old.account == next.account && old.region == next.region
		})
		w.tasks = append(w.tasks, next)
	}
}

// must is run for what has to succeed.
func must[Out any](w *world, operation string, in any) *Out {
	w.t.Helper()
	out, err := w.run(operation, in)
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	return out.(*Out)
}

// refused runs what has to fail, and checks code and message.
func (w *world) refused(operation string, in any, code, message string) {
	w.t.Helper()
	_, err := w.run(operation, in)
	if err == nil {
		w.t.Fatalf("%s succeeded, want %s", operation, code)
	}
	if got := errorCode(err); got != code {
		w.t.Fatalf("%s: %v, want code %s", operation, err, code)
	}
	if !strings.Contains(err.Error(), message) {
		w.t.Fatalf("%s: %v\nwant message %q", operation, err, message)
	}
}

// needs returns what an operation wants to be authorized.
func (w *world) needs(operation string, in any) []api.Need {
	w.t.Helper()
	var needs []api.Need
	err := w.store.View(context.Background(), func(tx store.Tx) error {
		var err error
		needs, err = w.ops[operation].Needs(w.call(tx, operation), in)
		return err
	})
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	return needs
}

// wait moves the clock and runs the tasks that come due, in their order.
func (w *world) wait(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for {
		slices.SortStableFunc(w.tasks, func(a, b scheduled) int { return a.Due.Compare(b.Due) })
		if len(w.tasks) == 0 || w.tasks[0].Due.After(end) {
			break
		}
		task := w.tasks[0]
		w.tasks = w.tasks[1:]
		w.now = task.Due
		w.runTask(task)
	}
	w.now = end
}

func (w *world) runTask(task scheduled) {
	w.t.Helper()
	do, ok := w.service.Tasks()[task.Kind]
	if !ok {
		w.t.Fatalf("there is no task %s", task.Kind)
	}
	raw, err := json.Marshal(task.Payload)
	if err != nil {
		w.t.Fatal(err)
	}
	w.schedule = nil
	err = w.store.Update(context.Background(), func(tx store.Tx) error {
		c := w.call(tx, task.Kind)
		c.Caller, c.Account, c.Region = task.caller, task.account, task.region
		return do(c, raw)
	})
	if err != nil {
		w.t.Fatalf("task %s: %v", task.Kind, err)
	}
	w.keep()
}

// Schedule implements api.Door.
func (w *world) Schedule(c *api.Call, task api.Task) error {
	w.schedule = append(w.schedule, scheduled{Task: task, caller: c.Caller, account: c.Account, region: c.Region})
	return nil
}

// Invoke implements api.Door: behind it are KMS, and EC2 itself.
func (w *world) Invoke(c *api.Call, service, operation string, in any) (any, error) {
	if service == "ec2" {
		return w.ops[operation].Do(c, in)
	}
	if service != "kms" {
		return nil, fmt.Errorf("%s is not behind this door", service)
	}
	who := c.Caller.Principal.Name
	if c.Caller.Principal.Type == access.Service {
		who = c.Caller.Principal.ServicePrincipal
	}
	w.kms.calls = append(w.kms.calls, operation+" by "+who)
	if err := w.kms.deny[operation]; err != nil {
		return nil, err
	}
	return w.kms.do(in)
}

// fakeKMS keeps the rules that EC2 depends on: a ciphertext opens only with
// its own encryption context, and a grant can be retired once.
type fakeKMS struct {
	aliases map[string]string
	deny    map[string]error // by operation
	grants  map[string]kms.CreateGrantInput
	calls   []string
	serial  int
}

var accessDenied = api.Error("AccessDeniedException", "User: arn:aws:iam::123456789012:user/test is not authorized")

// wrappedKey is the fake's ciphertext.
type wrappedKey struct {
	Serial  int
	Key     string
	Context map[string]string
}

func (k *fakeKMS) wrap(key string, context map[string]string) []byte {
	k.serial++
	raw, _ := json.Marshal(wrappedKey{Serial: k.serial, Key: key, Context: context})
	return raw
}

func (k *fakeKMS) open(blob []byte, context map[string]string) (wrappedKey, error) {
	var w wrappedKey
	if json.Unmarshal(blob, &w) != nil || !maps.Equal(w.Context, context) {
		return w, &kmstypes.InvalidCiphertextException{}
	}
	return w, nil
}

func (k *fakeKMS) do(in any) (any, error) {
	switch in := in.(type) {
	case *kms.DescribeKeyInput:
		arn, ok := k.aliases[aws.ToString(in.KeyId)]
		if !ok {
			return nil, &kmstypes.NotFoundException{Message: aws.String("Alias is not found.")}
		}
		manager := kmstypes.KeyManagerTypeCustomer
		if arn == keyARN(managedKeyID) {
			manager = kmstypes.KeyManagerTypeAws
		}
		return &kms.DescribeKeyOutput{KeyMetadata: &kmstypes.KeyMetadata{Arn: aws.String(arn), KeyManager: manager}}, nil
	case *kms.GenerateDataKeyWithoutPlaintextInput:
		return &kms.GenerateDataKeyWithoutPlaintextOutput{CiphertextBlob: k.wrap(*in.KeyId, in.EncryptionContext), KeyId: in.KeyId}, nil
	case *kms.CreateGrantInput:
		k.serial++
		id := fmt.Sprintf("grant-%d", k.serial)
		k.grants[id] = *in
		return &kms.CreateGrantOutput{GrantId: aws.String(id), GrantToken: aws.String("token of " + id)}, nil
	case *kms.DecryptInput:
		w, err := k.open(in.CiphertextBlob, in.EncryptionContext)
		if err != nil {
			return nil, err
		}
		return &kms.DecryptOutput{KeyId: aws.String(w.Key), Plaintext: make([]byte, 64)}, nil
	case *kms.ReEncryptInput:
		if _, err := k.open(in.CiphertextBlob, in.SourceEncryptionContext); err != nil {
			return nil, err
		}
		return &kms.ReEncryptOutput{CiphertextBlob: k.wrap(*in.DestinationKeyId, in.DestinationEncryptionContext), KeyId: in.DestinationKeyId}, nil
	case *kms.RetireGrantInput:
		if _, ok := k.grants[*in.GrantId]; !ok {
			return nil, &kmstypes.NotFoundException{Message: aws.String("grant not found")}
		}
		delete(k.grants, *in.GrantId)
		return &kms.RetireGrantOutput{}, nil
	}
	return nil, fmt.Errorf("this KMS does not know %T", in)
}

// took returns the calls to KMS since the last time it was asked.
func (k *fakeKMS) took() []string {
	calls := k.calls
	k.calls = nil
	return calls
}

// row returns a volume as it is stored.
func (w *world) row(id string) volume {
	w.t.Helper()
	var v volume
	err := w.store.View(context.Background(), func(tx store.Tx) error {
		var err error
		v, err = w.service.getVolume(w.call(tx, "row"), id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}
