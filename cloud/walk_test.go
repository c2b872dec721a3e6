package cloud

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// unauthorized are the operations that AWS never denies to a known caller.
// (STS API reference: no permissions are required for these).
var unauthorized = []string{"sts:GetCallerIdentity", "sts:GetSessionToken"}

// TestAuthorizationIsTotal walks every operation with a caller who has no
// permission at all: each is refused before anything is changed.
func TestAuthorizationIsTotal(t *testing.T) {
	t.Parallel()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before := rows(t, c)
	count := 0
	for service, ops := range c.operations {
		for name, op := range ops {
			full := service + ":" + name
			if op.Open() {
				if !slices.Contains(unauthorized, full) {
					t.Errorf("%s is open to everybody", full)
				}
				continue
			}
			count++
			if err := askAsNobody(c, op); err == nil {
				t.Errorf("%s was carried out for a caller without permissions", full)
			} else if code, status := describeError(err); status >= 500 {
				t.Errorf("%s failed inside for a caller without permissions: %s: %v", full, code, err)
			}
		}
	}
	if after := rows(t, c); !slices.Equal(before, after) {
		t.Errorf("the store changed:\n%s\nwas\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	t.Logf("%d operations refused", count)
}

// askAsNobody carries an operation out for a user that has no policies. The
// model's constraints are passed over, so that it is the door that refuses.
func askAsNobody(c *Cloud, op *operation) error {
	call := &api.Call{
		Context: context.Background(),
		Caller: api.Caller{Principal: access.Principal{
			Type: access.User, Partition: "aws", Account: DefaultAccount,
			ARN: "arn:aws:iam::123456789012:user/nobody", UserID: "AIDANOBODYNOBODYNOBOD", Name: "nobody",
		}},
		Account: DefaultAccount, Region: "us-east-1", Partition: "aws",
		Service: op.service, Operation: op.Name(), Now: c.Now(), RequestID: "walk",
		Rand: c.set.random,
	}
	in := reflect.New(op.in).Interface()
	run := c.store.Update
	return run(call.Context, func(tx store.Tx) error {
		call.Tx, call.Door = tx, &passage{cloud: c}
		return c.authorize(call, op, in)
	})
}

// rows are the keys and values in the store, but for what time has due.
func rows(t *testing.T, c *Cloud) []string {
	t.Helper()
	var all []string
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := c.store.View(ctx, func(tx store.Tx) error {
		for r, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			all = append(all, r.Key+" "+string(r.Value))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
