package kms

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/rootkey"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

const (
	account = "123456789012"
	other   = "210987654321"
	region  = "eu-west-1"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// stage is a small cloud: it authorizes with package access and runs
// operations in transactions, as the real one does.
type stage struct {
	t     testing.TB
	store store.Store
	kms   *Service
	ops   map[string]api.Operation
	now   time.Time
	rand  *rand.ChaCha8
	tasks []api.Task
	// iam holds the identity policies, by principal ARN.
	iam map[string][]string
	// last is the event of the last call.
	last api.Event
	// own are the service's own events, of tasks.
	own []api.OwnEvent
}

func newStage(t testing.TB, options ...Option) *stage {
	t.Helper()
	root, err := rootkey.New(rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{
		t: t, store: store.Memory(), kms: New(root, options...), ops: make(map[string]api.Operation),
		now: start, rand: rand.NewChaCha8([32]byte{2}), iam: make(map[string][]string),
	}
	t.Cleanup(func() { _ = s.store.Close() })
	for _, op := range s.kms.Operations() {
		if _, twice := s.ops[op.Name()]; twice {
			t.Fatalf("%s is there twice", op.Name())
		}
		s.ops[op.Name()] = op
	}
	return s
}

func (s *stage) Invoke(*api.Call, string, string, any) (any, error) {
	return nil, errors.New("kms calls nobody")
}

func (s *stage) Schedule(_ *api.Call, task api.Task) error {
	s.tasks = append(s.tasks, task)
	return nil
}

// who is a caller and how it calls.
type who struct {
	principal access.Principal
	via       *api.Via
	dryRun    bool
	region    string
}

func root() who { return rootOf(account) }

func rootOf(account string) who {
	return who{principal: access.Principal{
		Type: access.Root, Partition: "aws", Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account,
	}}
}

func user(account, name string) who {
	return who{principal: access.Principal{
		Type: access.User, Partition: "aws", Account: account, Name: name,
		ARN: "arn:aws:iam::" + account + ":user/" + name, UserID: "AIDAEXAMPLE" + name,
	}}
}

func service(name string) who {
	return who{principal: access.Principal{Type: access.Service, Partition: "aws", ServicePrincipal: name}}
}

func (w who) viaEC2() who {
	w.via = &api.Via{Service: "ec2", InvokedBy: "ec2-frontend-api.amazonaws.com"}
	return w
}

func (w who) dry() who { w.dryRun = true; return w }

func (w who) in(region string) who { w.region = region; return w }

// allow gives a principal an identity policy.
func (s *stage) allow(w who, document string) {
	s.iam[w.principal.ARN] = append(s.iam[w.principal.ARN], document)
}

func (s *stage) call(w who, operation string, tx store.Tx) *api.Call {
	home := w.principal.Account
	if home == "" {
		home = account
	}
	at := region
	if w.region != "" {
		at = w.region
	}
	return &api.Call{
		Context: context.Background(), Tx: tx, Caller: api.Caller{Principal: w.principal}, Account: home, Region: at,
		Partition: "aws", Service: "kms", Operation: operation, Now: s.now, RequestID: "r", SourceIP: "192.0.2.1",
		Secure: true, Via: w.via, DryRun: w.dryRun, Rand: s.rand, Door: s,
	}
}

var errDryRun = errors.New("rolled back")

// run carries out an operation as w.
func (s *stage) run(w who, operation string, in any) (any, error) {
	s.t.Helper()
	op, ok := s.ops[operation]
	if !ok {
		s.t.Fatalf("no operation %s", operation)
	}
	var out any
	attempt := func(tx store.Tx) error {
		c := s.call(w, operation, tx)
		err := s.authorize(c, op, in)
		if err == nil {
			out, err = op.Do(c, in)
		}
		s.last = c.Event
		if err == nil && w.dryRun {
			return errDryRun
		}
		return err
	}
	do := s.store.Update
	if op.Reads() {
		do = s.store.View
	}
	err := do(context.Background(), attempt)
	if errors.Is(err, store.ErrReadOnly) {
		err = s.store.Update(context.Background(), attempt)
	}
	if errors.Is(err, errDryRun) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *stage) authorize(c *api.Call, op api.Operation, in any) error {
	needs, err := op.Needs(c, in)
	if err != nil {
		return err
	}
	if len(needs) == 0 {
		return errors.New("nothing is asked")
	}
	for _, n := range needs {
		r := access.Request{
			Principal: c.Caller.Principal, Action: n.Action, Resource: n.Resource, ResourceAccount: n.Account, Context: n.Context,
		}
		if r.ResourceAccount == "" {
			r.ResourceAccount = c.Account
		}
		p := access.Policies{Resource: n.Policy, Grants: n.Grants}
		for _, document := range s.iam[c.Caller.Principal.ARN] {
			compiled, err := policy.Parse([]byte(document))
			if err != nil {
				s.t.Fatal(err)
			}
			p.Identity = append(p.Identity, access.Document{Name: "inline", Policy: compiled})
		}
		if d := access.Decide(r, p); !d.Allowed() {
			return api.Error("AccessDeniedException", d.Message())
		}
	}
	return nil
}

// do is run for an operation that must succeed.
func do[Out any](s *stage, w who, operation string, in any) *Out {
	s.t.Helper()
	out, err := s.run(w, operation, in)
	if err != nil {
		s.t.Fatalf("%s: %v", operation, err)
	}
	return out.(*Out)
}

// refused is run for an operation that must fail: it checks the code, and the
// message unless that is "*".
func refused(s *stage, w who, operation string, in any, code, message string) {
	s.t.Helper()
	_, err := s.run(w, operation, in)
	checkRefused(s.t, operation, err, code, message)
}

func checkRefused(t testing.TB, operation string, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("%s: got %v, want %s", operation, err, code)
	}
	if e.ErrorCode() != code || message != "*" && e.ErrorMessage() != message {
		t.Errorf("%s:\n got %s: %s\nwant %s: %s", operation, e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

// key makes a key and returns its metadata.
func (s *stage) key(w who) *kmstypes.KeyMetadata {
	s.t.Helper()
	return do[kms.CreateKeyOutput](s, w, "CreateKey", &kms.CreateKeyInput{}).KeyMetadata
}

// setPolicy puts a key policy.
func (s *stage) setPolicy(w who, k *kmstypes.KeyMetadata, document string) {
	s.t.Helper()
	do[kms.PutKeyPolicyOutput](s, w, "PutKeyPolicy", &kms.PutKeyPolicyInput{
		KeyId: k.KeyId, Policy: aws.String(document), BypassPolicyLockoutSafetyCheck: true,
	})
}

// advance moves the clock and runs what has come due.
func (s *stage) advance(d time.Duration) {
	s.t.Helper()
	s.now = s.now.Add(d)
	for {
		i := s.due()
		if i < 0 {
			return
		}
		task := s.tasks[i]
		s.tasks = append(s.tasks[:i:i], s.tasks[i+1:]...)
		raw, err := json.Marshal(task.Payload)
		if err != nil {
			s.t.Fatal(err)
		}
		err = s.store.Update(context.Background(), func(tx store.Tx) error {
			c := s.call(root(), "", tx)
			err := s.kms.Tasks()[task.Kind](c, raw)
			s.own = append(s.own, c.Event.Own...)
			return err
		})
		if err != nil {
			s.t.Fatalf("%s: %v", task.Kind, err)
		}
	}
}

func (s *stage) due() int {
	for i, task := range s.tasks {
		if !task.Due.After(s.now) {
			return i
		}
	}
	return -1
}

const allowKMS = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`

// rows lists the keys of all rows.
func (s *stage) rows() []string {
	s.t.Helper()
	var keys []string
	err := s.store.View(context.Background(), func(tx store.Tx) error {
		for row, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			keys = append(keys, row.Key)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return keys
}

// forcePolicy writes a key policy past all checks.
func (s *stage) forcePolicy(id, document string) {
	s.t.Helper()
	err := s.store.Update(context.Background(), func(tx store.Tx) error {
		return policies.Put(tx, store.Scope{Account: account, Region: region}, id, policyRow{Text: document})
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func tagList(pairs ...string) []kmstypes.Tag {
	var tags []kmstypes.Tag
	for i := 0; i < len(pairs); i += 2 {
		tags = append(tags, kmstypes.Tag{TagKey: aws.String(pairs[i]), TagValue: aws.String(pairs[i+1])})
	}
	return tags
}
