package ec2

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/store"
)

// recordingDoor keeps the calls that go through it and what KMS answered.
type recordingDoor struct {
	api.Door
	calls []*api.Call
	ins   []any
	outs  []any
}

func (d *recordingDoor) Invoke(c *api.Call, service, operation string, in any) (any, error) {
	out, err := d.Door.Invoke(c, service, operation, in)
	d.calls, d.ins, d.outs = append(d.calls, c), append(d.ins, in), append(d.outs, out)
	return out, err
}

func TestPerformAsksInTheRightName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := launch.Site{Partition: "aws", Account: testAccount, Region: testRegion}
	const id, vol = "i-0123456789abcdef0", "vol-0123456789abcdef0"
	steps := launch.Run(site, id, []launch.Volume{{ID: vol, Key: keyARN(testKeyID)}})
	door := &recordingDoor{Door: w}
	err := w.store.Update(context.Background(), func(tx store.Tx) error {
		c := w.call(tx, "RunInstances")
		c.Door = door
		_, err := w.service.perform(c, steps, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for n, step := range steps {
		c := door.calls[n]
		if got, want := c.Caller.Principal.ARN, step.Principal(site, w.call(nil, "").Caller.Principal).ARN; got != want {
			t.Errorf("%s is asked by %s, want %s", step.Operation, got, want)
		}
		if forwarded := c.Via != nil && c.Via.Service == "ec2"; forwarded != (step.By == launch.ByCaller) {
			t.Errorf("%s is forwarded: %v", step.Operation, forwarded)
		}
	}
	last := len(steps) - 1
	decrypt := door.ins[last].(*kms.DecryptInput)
	if len(decrypt.GrantTokens) != 1 || decrypt.GrantTokens[0] != *door.outs[last-1].(*kms.CreateGrantOutput).GrantToken {
		t.Errorf("the new grant's token does not go with the Decrypt: %v", decrypt.GrantTokens)
	}
	infrastructure := door.calls[last].Caller
	if infrastructure.InvokedBy != launch.Internal || infrastructure.InScopeOf != "arn:aws:ec2:us-east-1:123456789012:instance/"+id ||
		len(infrastructure.AccessKeyID) != 20 || infrastructure.AccessKeyID[:4] != "ASIA" {
		t.Errorf("the infrastructure role's session is %+v", infrastructure)
	}
}

// The plaintext of a data key is not left in memory: the fake's own buffer is
// cleared.
func TestPerformClearsPlaintext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := launch.Site{Partition: "aws", Account: testAccount, Region: testRegion}
	const id, vol = "i-0123456789abcdef0", "vol-0123456789abcdef0"
	plain := []byte("a data key that nobody should find")
	door := plaintextDoor{Door: w, plain: plain}
	err := w.store.Update(context.Background(), func(tx store.Tx) error {
		c := w.call(tx, "StartInstances")
		c.Door = door
		_, err := w.service.perform(c, launch.Attach(site, id, launch.Volume{ID: vol, Key: keyARN(testKeyID)}), []byte("wrapped"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range plain {
		if b != 0 {
			t.Fatalf("the plaintext is still %q", plain)
		}
	}
}

type plaintextDoor struct {
	api.Door
	plain []byte
}

func (d plaintextDoor) Invoke(c *api.Call, service, operation string, in any) (any, error) {
	if _, ok := in.(*kms.DecryptInput); ok {
		return &kms.DecryptOutput{Plaintext: d.plain}, nil
	}
	return d.Door.Invoke(c, service, operation, in)
}
