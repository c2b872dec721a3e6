package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) copyImageNeeds(c *api.Call, in *ec2.CopyImageInput) ([]api.Need, error) {
	ofSource, err := s.imageNeed(c, "CopyImage", aws.ToString(in.SourceRegion), aws.ToString(in.SourceImageId))
	if err != nil {
		return nil, err
	}
	needs := []api.Need{newImageNeed(c, "CopyImage", in.TagSpecifications), ofSource}
	return append(needs, tagNeeds(c, "CopyImage", in.TagSpecifications)...), nil
}

// copyImage copies an image with its snapshots, each as CopySnapshot would.
func (s *Service) copyImage(c *api.Call, in *ec2.CopyImageInput) (*ec2.CopyImageOutput, error) {
	switch {
	case in.DestinationOutpostArn != nil:
		return nil, notBuilt("DestinationOutpostArn")
	case in.DestinationAvailabilityZone != nil || in.DestinationAvailabilityZoneId != nil:
		return nil, notBuilt("DestinationAvailabilityZone")
	case in.SnapshotCopyCompletionDurationMinutes != nil:
		return nil, notBuilt("SnapshotCopyCompletionDurationMinutes")
	}
	tags, snapshotTags, err := imageTags(in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	region := aws.ToString(in.SourceRegion)
	if err := checkSourceRegion(region); err != nil {
		return nil, err
	}
	if err := checkDescription(in.Description); err != nil {
		return nil, err
	}
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	if earlier != "" {
		return &ec2.CopyImageOutput{ImageId: aws.String(earlier)}, nil
	}
	from, err := s.imageIn(c, region, aws.ToString(in.SourceImageId))
	if err != nil {
		return nil, err
	}
	if from.State != string(types.ImageStateAvailable) {
		return nil, api.Error("InvalidAMIID.Unavailable", "The image ID '"+from.ID+"' is not available")
	}
	im, err := s.copyOf(c, from, region, in)
	if err != nil {
		return nil, err
	}
	if im.Mappings, err = s.copyMappings(c, from, im.ID, in, snapshotTags); err != nil {
		return nil, err
	}
	if aws.ToBool(in.CopyImageTags) && region == c.Region {
		if tags, err = withSourceTags(c, from.ID, tags); err != nil {
			return nil, err
		}
	}
	if err := putTags(c, string(types.ResourceTypeImage), im.ID, tags); err != nil {
		return nil, err
	}
	if err := keepToken(c, in.ClientToken, in, im.ID); err != nil {
		return nil, err
	}
	return &ec2.CopyImageOutput{ImageId: aws.String(im.ID)}, s.beginImage(c, im)
}

// copyOf is a pending image like another, owned by the call's account. Whom the
// other is shared with does not carry over.
func (s *Service) copyOf(c *api.Call, from image, region string, in *ec2.CopyImageInput) (image, error) {
	// Images made by copying may have a name that is in use; others may not.
	if err := checkImageName(c, in.Name); err != nil && errorCode(err) != "InvalidAMIName.Duplicate" {
		return image{}, err
	}
	im := from
	im.ID, im.Name, im.Owner, im.OwnerAlias = c.NewID("ami-"), *in.Name, c.Account, ""
	im.Location = c.Account + "/" + im.Name
	im.State, im.StateReason, im.Created = string(types.ImageStatePending), stateReason{}, c.Now
	im.Share, im.SourceInstance = permissions{}, ""
	im.SourceImage, im.SourceRegion = from.ID, region
	im.Description = aws.ToString(in.Description)
	if in.Description == nil {
		im.Description = "[Copied " + from.ID + " from " + region + "] " + from.Name
	}
	return im, nil
}

func (s *Service) copyMappings(c *api.Call, from image, to string, in *ec2.CopyImageInput, tags map[string]string) ([]imageMapping, error) {
	region := aws.ToString(in.SourceRegion)
	mappings := slices.Clone(from.Mappings)
	for n := range mappings {
		m := &mappings[n]
		if m.Snapshot == "" {
			continue
		}
		source, err := s.getSnapshotIn(c, region, m.Snapshot)
		if errorCode(err) == snapshotIdentifier.missing {
			return nil, api.Error("InvalidRequest", "You do not have permission to access the storage of this ami")
		}
		if err != nil {
			return nil, err
		}
		snap, err := s.beginCopy(c, source, region, copyOptions{
			encrypted: in.Encrypted, key: in.KmsKeyId, tags: tags,
			description: "Copied for DestinationAmi " + to + " from SourceAmi " + from.ID + " for SourceSnapshot " + source.ID + ".",
		})
		if err != nil {
			return nil, err
		}
		m.Snapshot, m.Encrypted = snap.ID, snap.Encrypted
	}
	return mappings, nil
}
