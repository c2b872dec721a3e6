package ec2

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// CloudTrail's records of these operations differ from what was sent: names of
// an older API, defaults that the request left out, numbers as text. They are
// set where the operation is authorized, so that denied requests have them too.

func createVolumeParameters(in *ec2.CreateVolumeInput) map[string]any {
	m := map[string]any{"zone": aws.ToString(in.AvailabilityZone)}
	if in.Size != nil {
		m["size"] = strconv.Itoa(int(*in.Size))
	}
	if in.VolumeType != "" {
		m["volumeType"] = string(in.VolumeType)
	}
	if in.KmsKeyId != nil {
		m["masterEncryptionKeyId"] = *in.KmsKeyId
	}
	setIf(m, "snapshotId", in.SnapshotId)
	setIf(m, "encrypted", in.Encrypted)
	setIf(m, "iops", in.Iops)
	setIf(m, "throughput", in.Throughput)
	setIf(m, "multiAttachEnabled", in.MultiAttachEnabled)
	setIf(m, "clientToken", in.ClientToken)
	if len(in.TagSpecifications) > 0 {
		m["tagSpecificationSet"] = map[string]any{"items": tagParameters(in.TagSpecifications)}
	}
	return m
}

func attachVolumeParameters(in *ec2.AttachVolumeInput) map[string]any {
	return map[string]any{
		"volumeId": aws.ToString(in.VolumeId), "instanceId": aws.ToString(in.InstanceId), "device": aws.ToString(in.Device),
		"deleteOnTermination": false,
	}
}

// tagEventParameters are those of CreateTags and DeleteTags.
func tagEventParameters(ids []string, tags []types.Tag) map[string]any {
	resources := []any{}
	for _, id := range ids {
		resources = append(resources, map[string]any{"resourceId": id})
	}
	set := []any{}
	for _, t := range tags {
		item := map[string]any{"key": aws.ToString(t.Key)}
		setIf(item, "value", t.Value)
		set = append(set, item)
	}
	return map[string]any{"resourcesSet": map[string]any{"items": resources}, "tagSet": map[string]any{"items": set}}
}

// parameters are a change of permissions as events show it.
func (g grantChange) parameters() map[string]any {
	side := func(grantees []string) map[string]any {
		items := []any{}
		for _, grantee := range grantees {
			kind := "userId"
			if grantee == everybody {
				kind = "group"
			}
			items = append(items, map[string]any{kind: grantee})
		}
		return map[string]any{"items": items}
	}
	m := make(map[string]any)
	if len(g.add) > 0 {
		m["add"] = side(g.add)
	}
	if len(g.remove) > 0 {
		m["remove"] = side(g.remove)
	}
	return m
}

// shareParameters are those of an operation that changes who may use a thing.
func shareParameters(idName, id, attribute, permission string, g grantChange) map[string]any {
	return map[string]any{idName: id, "attributeType": attribute, permission: g.parameters()}
}
