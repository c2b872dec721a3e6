package audit

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ec2Reader reads what a Region has in EC2.
type ec2Reader struct {
	*reader
	ctx    context.Context
	client *ec2.Client
	region *Region
	sets   tagSets
}

func (e *ec2Reader) volumes() {
	pages := ec2.NewDescribeVolumesPaginator(e.client, &ec2.DescribeVolumesInput{
		MaxResults: aws.Int32(500), Filters: []types.Filter{{Name: aws.String("encrypted"), Values: []string{"true"}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(e.ctx)
		if err != nil {
			e.missed(err, "volumes of "+e.region.Site.Region, "ec2:DescribeVolumes")
			return
		}
		for i := range page.Volumes {
			v := &page.Volumes[i]
			one := Volume{ID: aws.ToString(v.VolumeId), Key: aws.ToString(v.KmsKeyId), Tags: e.tags(v.Tags)}
			for _, a := range v.Attachments {
				one.Instance = aws.ToString(a.InstanceId)
			}
			e.region.Volumes = append(e.region.Volumes, one)
		}
	}
}

func (e *ec2Reader) instances() {
	pages := ec2.NewDescribeInstancesPaginator(e.client, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(e.ctx)
		if err != nil {
			e.missed(err, "instances of "+e.region.Site.Region, "ec2:DescribeInstances")
			return
		}
		for _, v := range page.Reservations {
			for i := range v.Instances {
				e.region.Instances = append(e.region.Instances, Instance{aws.ToString(v.Instances[i].InstanceId), e.tags(v.Instances[i].Tags)})
			}
		}
	}
	e.region.InstancesRead = true
}

// keepInstances lets go of instances without encrypted volumes.
func (e *ec2Reader) keepInstances() { e.region.keepInstances() }

func (g *Region) keepInstances() {
	used := make(map[string]bool, len(g.Volumes))
	for i := range g.Volumes {
		used[g.Volumes[i].Instance] = true
	}
	kept := g.Instances[:0]
	for _, n := range g.Instances {
		if used[n.ID] {
			kept = append(kept, n)
		}
	}
	g.Instances = kept
}

func (e *ec2Reader) snapshots() {
	pages := ec2.NewDescribeSnapshotsPaginator(e.client, &ec2.DescribeSnapshotsInput{
		MaxResults: aws.Int32(1000), OwnerIds: []string{"self"}, Filters: []types.Filter{{Name: aws.String("encrypted"), Values: []string{"true"}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(e.ctx)
		if err != nil {
			e.missed(err, "snapshots of "+e.region.Site.Region, "ec2:DescribeSnapshots")
			return
		}
		for i := range page.Snapshots {
			n := &page.Snapshots[i]
			e.region.Snapshots = append(e.region.Snapshots, Snapshot{aws.ToString(n.SnapshotId), aws.ToString(n.KmsKeyId), e.tags(n.Tags)})
		}
	}
}

func (e *ec2Reader) images() {
	pages := ec2.NewDescribeImagesPaginator(e.client, &ec2.DescribeImagesInput{MaxResults: aws.Int32(1000), Owners: []string{"self"}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(e.ctx)
		if err != nil {
			e.missed(err, "images of "+e.region.Site.Region, "ec2:DescribeImages")
			return
		}
		for i := range page.Images {
			m := &page.Images[i]
			one := Image{ID: aws.ToString(m.ImageId), Tags: e.tags(m.Tags)}
			for _, b := range m.BlockDeviceMappings {
				if b.Ebs != nil {
					one.Devices = append(one.Devices, Device{aws.ToString(b.DeviceName), aws.ToString(b.Ebs.SnapshotId), aws.ToString(b.Ebs.KmsKeyId), aws.ToBool(b.Ebs.Encrypted)})
				}
			}
			e.region.Images = append(e.region.Images, one)
		}
	}
}

// templates reads the default and the latest version of every launch template.
func (e *ec2Reader) templates() {
	tags := make(map[string]*Tags)
	templates := ec2.NewDescribeLaunchTemplatesPaginator(e.client, &ec2.DescribeLaunchTemplatesInput{MaxResults: aws.Int32(200)})
	for templates.HasMorePages() {
		page, err := templates.NextPage(e.ctx)
		if err != nil {
			e.missed(err, "tags of launch templates of "+e.region.Site.Region, "ec2:DescribeLaunchTemplates")
			break
		}
		for i := range page.LaunchTemplates {
			tags[aws.ToString(page.LaunchTemplates[i].LaunchTemplateId)] = e.tags(page.LaunchTemplates[i].Tags)
		}
	}
	pages := ec2.NewDescribeLaunchTemplateVersionsPaginator(e.client, &ec2.DescribeLaunchTemplateVersionsInput{
		MaxResults: aws.Int32(200), Versions: []string{"$Default", "$Latest"},
	})
	seen := make(map[string]bool)
	for pages.HasMorePages() {
		page, err := pages.NextPage(e.ctx)
		if err != nil {
			e.missed(err, "launch templates of "+e.region.Site.Region, "ec2:DescribeLaunchTemplateVersions")
			return
		}
		for i := range page.LaunchTemplateVersions {
			v := &page.LaunchTemplateVersions[i]
			t := Template{ID: aws.ToString(v.LaunchTemplateId), Name: aws.ToString(v.LaunchTemplateName), Version: aws.ToInt64(v.VersionNumber)}
			t.Tags = tags[t.ID]
			if d := v.LaunchTemplateData; d != nil {
				t.Image = aws.ToString(d.ImageId)
				for _, b := range d.BlockDeviceMappings {
					if b.Ebs != nil {
						t.Devices = append(t.Devices, Device{aws.ToString(b.DeviceName), aws.ToString(b.Ebs.SnapshotId), aws.ToString(b.Ebs.KmsKeyId), aws.ToBool(b.Ebs.Encrypted)})
					}
				}
			}
			if name := t.name(); !seen[name] {
				seen[name] = true
				e.region.Templates = append(e.region.Templates, t)
			}
		}
	}
}

func (e *ec2Reader) defaults() {
	if out, err := e.client.GetEbsDefaultKmsKeyId(e.ctx, &ec2.GetEbsDefaultKmsKeyIdInput{}); err != nil {
		e.missed(err, "default key of "+e.region.Site.Region, "ec2:GetEbsDefaultKmsKeyId")
	} else {
		e.region.DefaultKey = aws.ToString(out.KmsKeyId)
	}
	if out, err := e.client.GetEbsEncryptionByDefault(e.ctx, &ec2.GetEbsEncryptionByDefaultInput{}); err != nil {
		e.missed(err, "encryption by default in "+e.region.Site.Region, "ec2:GetEbsEncryptionByDefault")
	} else {
		e.region.ByDefault = aws.ToBool(out.EbsEncryptionByDefault)
	}
}

func (e *ec2Reader) tags(list []types.Tag) *Tags {
	if len(list) == 0 {
		return noTags
	}
	pairs := make(map[string]string, len(list))
	for _, t := range list {
		pairs[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return e.sets.of(pairs)
}
