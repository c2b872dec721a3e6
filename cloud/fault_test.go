package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

func newFaulty(t *testing.T) *Cloud {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func rootUser() access.Principal {
	return access.Principal{
		Type: access.Root, Partition: "aws", Account: DefaultAccount,
		ARN: "arn:aws:iam::" + DefaultAccount + ":root", UserID: DefaultAccount,
	}
}

// TestCancelledBeforeItBegan: a client that has gone is an error, no panic.
func TestCancelledBeforeItBegan(t *testing.T) {
	t.Parallel()
	c := newFaulty(t)
	for _, name := range []string{"ListUsers", "CreateUser"} {
		op, _ := c.lookup("iam", name)
		call := walkCall(c, op, rootUser())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		call.Context = ctx
		var in any = &iam.ListUsersInput{}
		if name == "CreateUser" {
			in = &iam.CreateUserInput{UserName: aws.String("test")}
		}
		if _, err := c.dispatch(call, op, in); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPanicIsAnInternalFailure, in the service's form and without its cause.
func TestPanicIsAnInternalFailure(t *testing.T) {
	t.Parallel()
	c := newFaulty(t)
	old, _ := c.lookup("sts", "GetCallerIdentity")
	broken := *old
	broken.Operation = api.NoAuthorization("GetCallerIdentity", func(*api.Call, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
		panic("a secret detail")
	})
	c.operations["sts"]["GetCallerIdentity"] = &broken
	server := httptest.NewServer(c)
	defer server.Close()
	id, secret := c.RootCredentials()
	client := sts.New(sts.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
		}),
	})
	_, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	var status interface{ HTTPStatusCode() int }
	if !errors.As(err, &status) || status.HTTPStatusCode() != http.StatusInternalServerError || !strings.Contains(err.Error(), "InternalFailure") {
		t.Errorf("answered with %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "secret detail") {
		t.Error("the answer tells what went wrong inside")
	}
}

// TestTaskThatPanics is given up like one that fails, and others run on.
func TestTaskThatPanics(t *testing.T) {
	t.Parallel()
	c := newFaulty(t)
	ran := make(chan struct{})
	op, _ := c.lookup("iam", "ListUsers")
	err := c.store.Update(t.Context(), func(tx store.Tx) error {
		c.tasks["test.panic"] = task{service: "iam", do: func(*api.Call, json.RawMessage) error { panic("broken") }}
		c.tasks["test.run"] = task{service: "iam", do: func(*api.Call, json.RawMessage) error { close(ran); return nil }}
		call := walkCall(c, op, rootUser())
		call.Tx, call.Door = tx, &passage{cloud: c}
		return errors.Join(call.Schedule("test.panic", "1", 0, nil), call.Schedule("test.run", "2", time.Millisecond, nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-ran:
	case <-time.After(10 * time.Second):
		t.Error("the next task never ran")
	}
}

// failingStore takes nothing that is written.
type failingStore struct{ store.Store }

var errDisk = errors.New("the disk is full")

func (s failingStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errDisk
	})
}

// TestLostChangeIsNoSuccess: the event of a change that was not written says so.
func TestLostChangeIsNoSuccess(t *testing.T) {
	t.Parallel()
	c := newFaulty(t)
	sound := c.store
	broken := &Cloud{
		set: c.set, store: failingStore{sound}, operations: c.operations,
		iam: c.iam, sts: c.sts, keys: c.keys, uses: c.uses, recorder: c.recorder,
	}
	op, _ := c.lookup("iam", "CreateUser")
	_, err := broken.dispatch(walkCall(c, op, rootUser()), op, &iam.CreateUserInput{UserName: aws.String("test")})
	if !errors.Is(err, errDisk) {
		t.Fatalf("answered with %v", err)
	}
	if err := c.recorder.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := 0
	err = sound.View(t.Context(), func(tx store.Tx) error {
		for r, err := range tx.Records("123456789012/us-east-1/cloudtrail.event", store.Query{}) {
			if err != nil {
				return err
			}
			found++
			if !strings.Contains(string(r.Data), `"errorCode":"InternalFailure"`) {
				t.Errorf("the trail has %s", r.Data)
			}
		}
		return nil
	})
	if err != nil || found != 1 {
		t.Errorf("%d events, %v", found, err)
	}
}
