package ec2

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/store"
)

// What CloudTrail shows has to be there once the request is authorized, or a
// denied one would not have it.
func TestEventsOfStorage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, row := range []struct {
		operation string
		in        any
		want      map[string]any
	}{
		{"AttachVolume", attach("vol-0123456789abcdef0", "i-0123456789abcdef0", "/dev/sdf"), map[string]any{
			"volumeId": "vol-0123456789abcdef0", "instanceId": "i-0123456789abcdef0", "device": "/dev/sdf", "deleteOnTermination": false,
		}},
		{"CreateVolume", &ec2.CreateVolumeInput{AvailabilityZone: aws.String(testZone), Size: aws.Int32(8), Encrypted: aws.Bool(true), KmsKeyId: aws.String("alias/mine")}, map[string]any{
			"zone": testZone, "size": "8", "encrypted": true, "masterEncryptionKeyId": "alias/mine",
		}},
		{"CreateTags", &ec2.CreateTagsInput{Resources: []string{"vol-0123456789abcdef0"}, Tags: []types.Tag{tag("k", "v")}}, map[string]any{
			"resourcesSet": map[string]any{"items": []any{map[string]any{"resourceId": "vol-0123456789abcdef0"}}},
			"tagSet":       map[string]any{"items": []any{map[string]any{"key": "k", "value": "v"}}},
		}},
		{"ModifySnapshotAttribute", &ec2.ModifySnapshotAttributeInput{
			SnapshotId: aws.String("snap-0123456789abcdef0"), OperationType: types.OperationTypeAdd, UserIds: []string{otherAccount}, GroupNames: []string{"all"},
		}, map[string]any{
			"snapshotId": "snap-0123456789abcdef0", "attributeType": "CREATE_VOLUME_PERMISSION",
			"createVolumePermission": map[string]any{"add": map[string]any{"items": []any{map[string]any{"userId": otherAccount}, map[string]any{"group": "all"}}}},
		}},
	} {
		t.Run(row.operation, func(t *testing.T) {
			err := w.store.View(context.Background(), func(tx store.Tx) error {
				c := w.call(tx, row.operation)
				_, err := w.ops[row.operation].Needs(c, row.in)
				if diff := cmp.Diff(row.want, c.Event.RequestParameters); diff != "" {
					t.Errorf("parameters (-want +got):\n%s", diff)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
