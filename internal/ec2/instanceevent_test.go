package ec2

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// The form is that of the CloudTrail guide's StartInstances and StopInstances
// examples.
func TestEventsOfStateChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.running()
	var event api.Event
	err := w.store.Update(context.Background(), func(tx store.Tx) error {
		c := w.call(tx, "StopInstances")
		in := &ec2.StopInstancesInput{InstanceIds: []string{id}, Force: aws.Bool(true)}
		if _, err := w.ops["StopInstances"].Needs(c, in); err != nil {
			return err
		}
		_, err := w.ops["StopInstances"].Do(c, in)
		event = c.Event
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"force": true, "instancesSet": map[string]any{"items": []any{map[string]any{"instanceId": id}}},
	}
	if diff := cmp.Diff(want, event.RequestParameters); diff != "" {
		t.Errorf("requestParameters (-want +got):\n%s", diff)
	}
	want = map[string]any{
		"requestId": "00000000-0000-4000-8000-000000000000",
		"instancesSet": map[string]any{"items": []any{map[string]any{
			"instanceId":    id,
			"currentState":  map[string]any{"code": int32(64), "name": "stopping"},
			"previousState": map[string]any{"code": int32(16), "name": "running"},
		}}},
	}
	if diff := cmp.Diff(want, event.ResponseElements); diff != "" {
		t.Errorf("responseElements (-want +got):\n%s", diff)
	}
}
