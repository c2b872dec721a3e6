package sts_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/rootkey"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/internal/sts"
	"github.com/keyturn/keyturn/policy"
)

const (
	account = "123456789012"
	roleARN = "arn:aws:iam::123456789012:role/dev/deploy"
	trust   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`
	allowS3 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
)

var start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// directory is an IAM with one role, one policy and one key.
type directory struct{ role sts.Role }

// VerifyMFA knows no device.
func (directory) VerifyMFA(*api.Call, string, string, bool) (bool, error) { return false, nil }

func (directory) OIDCProvider(store.Tx, string, string, string) (sts.OIDCProvider, error) {
	return sts.OIDCProvider{}, store.ErrNotFound
}

func (directory) SAMLProvider(store.Tx, string, string) (api.SAMLProvider, error) {
	return api.SAMLProvider{}, store.ErrNotFound
}

func (directory) TokenIssuer(store.Tx, string) (api.TokenIssuer, error) {
	return api.TokenIssuer{}, store.ErrNotFound
}

func (directory) RootTask(*api.Call, string, string) (string, string, error) {
	return "", "", store.ErrNotFound
}

func (d directory) Role(_ store.Tx, arn string) (sts.Role, error) {
	if arn != d.role.ARN {
		return sts.Role{}, store.ErrNotFound
	}
	return d.role, nil
}

func (d directory) ManagedPolicy(_ store.Tx, _, arn string) (string, string, error) {
	if arn != "arn:aws:iam::aws:policy/Example" {
		return "", "", store.ErrNotFound
	}
	return "Example", allowS3, nil
}

func (d directory) KeyAccount(_ store.Tx, id string) (string, error) {
	if id != "AKIAIOSFODNN7EXAMPLE" {
		return "", store.ErrNotFound
	}
	return account, nil
}

type world struct {
	t    testing.TB
	sts  *sts.Service
	ops  map[string]api.Operation
	rand io.Reader
	// event is that of the call before.
	event api.Event
}

func newWorld(t testing.TB) *world {
	t.Helper()
	parsed, err := policy.Parse([]byte(trust))
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.NewChaCha8([32]byte{2})
	root, err := rootkey.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, rand: seed, ops: map[string]api.Operation{}}
	w.sts = sts.New(root, directory{sts.Role{
		ID: "AROACKCEVSQ6C2EXAMPLE", ARN: roleARN, Name: "deploy", Trust: parsed, MaxSession: 2 * time.Hour, Tags: map[string]string{"stage": "test"},
	}}, nil, nil)
	for _, o := range w.sts.Operations() {
		w.ops[o.Name()] = o
	}
	return w
}

func user() api.Caller {
	return api.Caller{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Principal: access.Principal{
		Type: access.User, Partition: "aws", Account: account, ARN: "arn:aws:iam::123456789012:user/test",
		UserID: "AIDACKCEVSQ6C2EXAMPLE", Name: "test", Tags: map[string]string{"team": "blue"},
	}}
}

func root() api.Caller {
	return api.Caller{Principal: access.Principal{
		Type: access.Root, Partition: "aws", Account: account, ARN: "arn:aws:iam::123456789012:root", UserID: account,
	}}
}

// run carries an operation out, its descriptor first, as the cloud does.
func (w *world) run(caller api.Caller, operation string, in any) (any, []api.Need, error) {
	w.t.Helper()
	c := &api.Call{
		Context: context.Background(), Caller: caller, Account: caller.Principal.Account, Region: "us-east-1", Partition: "aws",
		Service: "sts", Operation: operation, Now: start, Rand: w.rand,
	}
	op := w.ops[operation]
	needs, err := op.Needs(c, in)
	var out any
	if err == nil {
		out, err = op.Do(c, in)
	}
	w.event = c.Event
	return out, needs, err
}

func must[Out any](w *world, caller api.Caller, operation string, in any) *Out {
	w.t.Helper()
	out, _, err := w.run(caller, operation, in)
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	return out.(*Out)
}

func (w *world) fails(caller api.Caller, operation string, in any, code, message string) {
	w.t.Helper()
	_, _, err := w.run(caller, operation, in)
	var e smithy.APIError
	if !errors.As(err, &e) {
		w.t.Fatalf("%s: error %v, want %s: %s", operation, err, code, message)
	}
	if e.ErrorCode() != code || e.ErrorMessage() != message {
		w.t.Errorf("%s:\n got %s: %s\nwant %s: %s", operation, e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

// differentRoot is an STS with another root key than newWorld's.
func differentRoot(t testing.TB) *sts.Service {
	t.Helper()
	root, err := rootkey.New(rand.NewChaCha8([32]byte{3}))
	if err != nil {
		t.Fatal(err)
	}
	return sts.New(root, directory{}, nil, nil)
}
