package cloudtrail

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) trailOperations() []api.Operation {
	return []api.Operation{
		api.Ahead(api.Op("CreateTrail", func(c *api.Call, in *cloudtrail.CreateTrailInput) ([]api.Need, error) {
			n, err := s.need(c, "CreateTrail", aws.ToString(in.Name))
			setRequestTags(&n.Context, in.TagsList)
			return []api.Need{n}, err
		}, s.createTrail), func(ctx context.Context, in *cloudtrail.CreateTrailInput) {
			s.look(ctx, in.S3BucketName)
		}),
		api.Ahead(api.Op("UpdateTrail", on(s, "UpdateTrail", func(in *cloudtrail.UpdateTrailInput) *string { return in.Name }), s.updateTrail),
			func(ctx context.Context, in *cloudtrail.UpdateTrailInput) { s.look(ctx, in.S3BucketName) }),
		api.Op("DeleteTrail", on(s, "DeleteTrail", func(in *cloudtrail.DeleteTrailInput) *string { return in.Name }), s.deleteTrail),
	}
}

// look finds out about a bucket ahead of the transaction that wants to know.
func (s *Service) look(ctx context.Context, name *string) {
	if name != nil && isBucketName(*name) {
		s.buckets.Look(ctx, *name)
	}
}

// settings are what CreateTrail and UpdateTrail have in common. What is nil stays
// as it is.
type settings struct {
	bucket, prefix, key, topic, logGroup, logRole *string
	global, multiRegion, validation, organization *bool
}

func (s *Service) createTrail(c *api.Call, in *cloudtrail.CreateTrailInput) (*cloudtrail.CreateTrailOutput, error) {
	name := aws.ToString(in.Name)
	if err := checkName(name); err != nil {
		return nil, err
	}
	t := trail{
		ID: c.NewUUID(), Account: c.Account, Partition: c.Partition, Region: c.Region, Name: name,
		GlobalEvents: true,
	}
	if err := t.setTags(in.TagsList); err != nil {
		return nil, err
	}
	err := s.apply(c, &t, settings{
		bucket: in.S3BucketName, prefix: in.S3KeyPrefix, key: in.KmsKeyId, topic: in.SnsTopicName,
		logGroup: in.CloudWatchLogsLogGroupArn, logRole: in.CloudWatchLogsRoleArn,
		global: in.IncludeGlobalServiceEvents, multiRegion: in.IsMultiRegionTrail,
		validation: in.EnableLogFileValidation, organization: in.IsOrganizationTrail,
	})
	if err != nil {
		return nil, err
	}
	if err := s.checkRoom(c, t); err != nil {
		return nil, err
	}
	if err := put(c.Tx, t); err != nil {
		return nil, err
	}
	return created(t), nil
}

// created is the answer of CreateTrail.
func created(t trail) *cloudtrail.CreateTrailOutput {
	d := t.describe()
	return &cloudtrail.CreateTrailOutput{
		Name: d.Name, TrailARN: d.TrailARN, S3BucketName: d.S3BucketName, S3KeyPrefix: d.S3KeyPrefix, KmsKeyId: d.KmsKeyId,
		IncludeGlobalServiceEvents: d.IncludeGlobalServiceEvents, IsMultiRegionTrail: d.IsMultiRegionTrail,
		IsOrganizationTrail: d.IsOrganizationTrail, LogFileValidationEnabled: d.LogFileValidationEnabled,
	}
}

func (s *Service) updateTrail(c *api.Call, in *cloudtrail.UpdateTrailInput) (*cloudtrail.UpdateTrailOutput, error) {
	t, err := s.change(c, aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	wasMultiRegion := t.MultiRegion
	err = s.apply(c, &t, settings{
		bucket: in.S3BucketName, prefix: in.S3KeyPrefix, key: in.KmsKeyId, topic: in.SnsTopicName,
		logGroup: in.CloudWatchLogsLogGroupArn, logRole: in.CloudWatchLogsRoleArn,
		global: in.IncludeGlobalServiceEvents, multiRegion: in.IsMultiRegionTrail,
		validation: in.EnableLogFileValidation, organization: in.IsOrganizationTrail,
	})
	if err != nil {
		return nil, err
	}
	if t.MultiRegion && !wasMultiRegion {
		if err := s.checkRoom(c, t); err != nil {
			return nil, err
		}
	}
	if err := put(c.Tx, t); err != nil {
		return nil, err
	}
	// The two answers are one shape under two names.
	out := cloudtrail.UpdateTrailOutput(*created(t))
	return &out, nil
}

// apply checks what a request asks for and sets it.
func (s *Service) apply(c *api.Call, t *trail, in settings) error {
	if in.bucket != nil {
		if err := s.checkBucket(*in.bucket); err != nil {
			return err
		}
		t.Bucket = *in.bucket
	}
	if in.prefix != nil {
		if err := checkPrefix(*in.prefix); err != nil {
			return err
		}
		t.Prefix = *in.prefix
	}
	if err := checkElsewhere(in); err != nil {
		return err
	}
	set(&t.GlobalEvents, in.global)
	set(&t.MultiRegion, in.multiRegion)
	if t.MultiRegion && !t.GlobalEvents {
		return combination("Multi-Region trail must include global service events.")
	}
	if err := s.applyOrganization(c, t, in.organization); err != nil {
		return err
	}
	if on := aws.ToBool(in.validation); in.validation != nil && on != t.Validation {
		t.Validation, t.Validated = on, c.Now
	}
	if in.key != nil {
		t.Key = ""
		if *in.key != "" {
			var err error
			if t.Key, err = s.checkKey(c, *t, *in.key); err != nil {
				return err
			}
		}
	}
	return nil
}

func set(to *bool, v *bool) {
	if v != nil {
		*to = *v
	}
}

// checkElsewhere refuses what needs SNS or CloudWatch Logs: there are no topics
// and no log groups here, and that is what CloudTrail says then.
func checkElsewhere(in settings) error {
	if aws.ToString(in.topic) != "" {
		return noTopic()
	}
	group, role := aws.ToString(in.logGroup), aws.ToString(in.logRole)
	switch {
	case group == "" && role == "":
		return nil
	case group == "" || role == "":
		// The wording rests on no source.
		return combination("CloudWatchLogsLogGroupArn and CloudWatchLogsRoleArn must be specified together.")
	}
	return noLogGroup()
}

// checkRoom wants the trail's name to be free, and no more than five trails in a
// Region; one of all Regions counts in each (CloudTrail guide, "Quotas").
func (s *Service) checkRoom(c *api.Call, t trail) error {
	all, err := s.visible(c.Tx, t.Account)
	if err != nil {
		return err
	}
	regions := map[string]int{t.Region: 1}
	for _, o := range all {
		if o.ID == t.ID {
			continue
		}
		if o.Account == t.Account && o.Name == t.Name && (o.in(t.Region) || t.in(o.Region)) {
			return trailExists(t.Name, t.Account)
		}
		if t.in(o.Region) && regions[o.Region] == 0 {
			regions[o.Region] = 1
		}
	}
	for _, region := range slices.Sorted(maps.Keys(regions)) {
		for _, o := range all {
			if o.ID != t.ID && o.in(region) {
				regions[region]++
			}
		}
		if regions[region] > maxTrails {
			return tooManyTrails(t.Account, region)
		}
	}
	return nil
}

// deleteTrail ends a trail. What it has logged is delivered all the same.
func (s *Service) deleteTrail(c *api.Call, in *cloudtrail.DeleteTrailInput) (*cloudtrail.DeleteTrailOutput, error) {
	t, err := s.change(c, aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	started, err := isStarted(c.Tx, t)
	if err != nil {
		return nil, err
	}
	if !started {
		return &cloudtrail.DeleteTrailOutput{}, erase(c.Tx, t)
	}
	if t.Logging {
		t.Logging, t.Stopped = false, c.Now
	}
	t.Deleted = c.Now
	return &cloudtrail.DeleteTrailOutput{}, put(c.Tx, t)
}
