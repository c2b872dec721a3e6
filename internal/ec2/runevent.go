package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// runParameters is the launch as CloudTrail records it (CloudTrail guide,
// "Amazon EC2 event examples"). User data may hold secrets, so it never shows.
func runParameters(in *ec2.RunInstancesInput) map[string]any {
	item := map[string]any{"imageId": aws.ToString(in.ImageId), "minCount": aws.ToInt32(in.MinCount), "maxCount": aws.ToInt32(in.MaxCount)}
	m := map[string]any{
		"instancesSet":          map[string]any{"items": []any{item}},
		"blockDeviceMapping":    map[string]any{},
		"monitoring":            map[string]any{"enabled": in.Monitoring != nil && aws.ToBool(in.Monitoring.Enabled)},
		"disableApiTermination": aws.ToBool(in.DisableApiTermination),
		"disableApiStop":        aws.ToBool(in.DisableApiStop),
		"ebsOptimized":          aws.ToBool(in.EbsOptimized),
	}
	set := func(into map[string]any, name string, v *string) {
		if aws.ToString(v) != "" {
			into[name] = *v
		}
	}
	set(item, "keyName", in.KeyName)
	set(m, "instanceType", aws.String(string(in.InstanceType)))
	set(m, "clientToken", in.ClientToken)
	set(m, "subnetId", in.SubnetId)
	set(m, "privateIpAddress", in.PrivateIpAddress)
	if t := in.LaunchTemplate; t != nil {
		template := make(map[string]any)
		set(template, "launchTemplateId", t.LaunchTemplateId)
		set(template, "launchTemplateName", t.LaunchTemplateName)
		set(template, "version", t.Version)
		m["launchTemplate"] = template
	}
	if in.UserData != nil {
		m["userData"] = "<sensitiveDataRemoved>"
	}
	if p := in.IamInstanceProfile; p != nil {
		profile := make(map[string]any)
		set(profile, "arn", p.Arn)
		set(profile, "name", p.Name)
		m["iamInstanceProfile"] = profile
	}
	if len(in.SecurityGroupIds)+len(in.SecurityGroups) > 0 {
		var items []any
		for _, id := range in.SecurityGroupIds {
			items = append(items, map[string]any{"groupId": id})
		}
		for _, name := range in.SecurityGroups {
			items = append(items, map[string]any{"groupName": name})
		}
		m["groupSet"] = map[string]any{"items": items}
	}
	if len(in.BlockDeviceMappings) > 0 {
		m["blockDeviceMapping"] = map[string]any{"items": mappingParameters(in.BlockDeviceMappings)}
	}
	if len(in.TagSpecifications) > 0 {
		m["tagSpecificationSet"] = map[string]any{"items": tagParameters(in.TagSpecifications)}
	}
	return m
}

func mappingParameters(mappings []types.BlockDeviceMapping) []any {
	var items []any
	for _, b := range mappings {
		item := map[string]any{"deviceName": aws.ToString(b.DeviceName)}
		if b.NoDevice != nil {
			item["noDevice"] = *b.NoDevice
		}
		if e := b.Ebs; e != nil {
			ebs := make(map[string]any)
			setIf(ebs, "volumeSize", e.VolumeSize)
			setIf(ebs, "deleteOnTermination", e.DeleteOnTermination)
			setIf(ebs, "encrypted", e.Encrypted)
			setIf(ebs, "kmsKeyId", e.KmsKeyId)
			setIf(ebs, "snapshotId", e.SnapshotId)
			setIf(ebs, "iops", e.Iops)
			setIf(ebs, "throughput", e.Throughput)
			if e.VolumeType != "" {
				ebs["volumeType"] = string(e.VolumeType)
			}
			item["ebs"] = ebs
		}
		items = append(items, item)
	}
	return items
}

func setIf[T any](m map[string]any, name string, v *T) {
	if v != nil {
		m[name] = *v
	}
}

func tagParameters(specs []types.TagSpecification) []any {
	var items []any
	for _, spec := range specs {
		var tags []any
		for _, t := range spec.Tags {
			tags = append(tags, map[string]any{"key": aws.ToString(t.Key), "value": aws.ToString(t.Value)})
		}
		items = append(items, map[string]any{"resourceType": string(spec.ResourceType), "tags": tags})
	}
	return items
}
