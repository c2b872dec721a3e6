package ec2

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// finishImageTask makes an image available once its snapshots are.
const finishImageTask = "ec2.finish-image"

// imageCheckTime is how long after its beginning, and how often, an image's
// snapshots are looked at: a little later than they are due.
const imageCheckTime = snapshotTime + 500*time.Millisecond

// imageTask is the payload of tasks about one image.
type imageTask struct {
	Image string `json:"image"`
}

func (s *Service) createImageNeeds(c *api.Call, in *ec2.CreateImageInput) ([]api.Need, error) {
	ofInstance, err := s.instanceNeed(c, "CreateImage", aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	ofSnapshots := need(c, "CreateImage", types.ResourceTypeSnapshot, "*")
	ofSnapshots.Context.Set("ec2:Owner", c.Account)
	setRequestTags(&ofSnapshots.Context, specTags(in.TagSpecifications, types.ResourceTypeSnapshot))
	needs := []api.Need{newImageNeed(c, "CreateImage", in.TagSpecifications), ofInstance, ofSnapshots}
	return append(needs, tagNeeds(c, "CreateImage", in.TagSpecifications)...), nil
}

// createImage makes an image of an instance: a snapshot of each of its volumes.
// A running instance is rebooted for that unless NoReboot says otherwise, which
// changes nothing that anybody could see here.
func (s *Service) createImage(c *api.Call, in *ec2.CreateImageInput) (*ec2.CreateImageOutput, error) {
	if in.SnapshotLocation == types.SnapshotLocationEnumLocal {
		return nil, checkLocation(in.SnapshotLocation, nil)
	}
	tags, snapshotTags, err := imageTags(in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	if err := checkDescription(in.Description); err != nil {
		return nil, err
	}
	if err := checkImageName(c, in.Name); err != nil {
		return nil, err
	}
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if i.State != types.InstanceStateNameRunning && i.State != types.InstanceStateNameStopped {
		return nil, incorrectState("Instance '%s' is not 'running' or 'stopped'.", i.ID)
	}
	im, err := s.imageOf(c, i)
	if err != nil {
		return nil, err
	}
	im.ID, im.Name, im.Description = c.NewID("ami-"), *in.Name, aws.ToString(in.Description)
	im.Location = c.Account + "/" + im.Name
	if in.BootModeOverride != "" {
		im.BootMode = string(in.BootModeOverride)
	}
	if im.Mappings, err = s.snapInstance(c, i, im.ID, in.BlockDeviceMappings, snapshotTags); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeImage), im.ID, tags); err != nil {
		return nil, err
	}
	if err := s.beginImage(c, im); err != nil {
		return nil, err
	}
	return &ec2.CreateImageOutput{ImageId: aws.String(im.ID)}, nil
}

// imageTags are a request's tags for an image and for its snapshots.
func imageTags(specs []types.TagSpecification) (image, snapshots map[string]string, err error) {
	creates := []string{string(types.ResourceTypeImage), string(types.ResourceTypeSnapshot)}
	if image, err = requestTagsOf(specs, creates[0], creates...); err != nil {
		return nil, nil, err
	}
	snapshots, err = requestTagsOf(specs, creates[1], creates...)
	return image, snapshots, err
}

// imageOf is an image like the one that the instance runs.
func (s *Service) imageOf(c *api.Call, i instance) (image, error) {
	im := image{
		Owner: c.Account, State: string(types.ImageStatePending), Created: c.Now,
		Architecture: i.Architecture, PlatformDetails: i.PlatformDetails, UsageOperation: i.UsageOperation,
		Virtualization: string(types.VirtualizationTypeHvm), BootMode: i.BootMode, SRIOV: "simple", ENA: true,
		RootDevice: i.RootDevice, SourceInstance: i.ID,
	}
	if i.Windows {
		im.Platform = string(types.PlatformValuesWindows)
	}
	from, err := s.image(c, i.Image)
	switch {
	case errorCode(err) != "":
		return im, nil // the image was deregistered since
	case err != nil:
		return im, err
	}
	im.IMDSSupport, im.TPMSupport = from.IMDSSupport, from.TPMSupport
	im.SourceImage, im.SourceRegion = from.ID, c.Region
	return im, nil
}

// snapInstance begins the snapshots of an instance's volumes and returns the
// image's mapping, with the request's laid over it.
func (s *Service) snapInstance(c *api.Call, i instance, imageID string, over []types.BlockDeviceMapping, tags map[string]string) ([]imageMapping, error) {
	volumes, err := s.volumesOf(c, i.ID)
	if err != nil {
		return nil, err
	}
	rest := slices.Clone(over)
	var mappings []imageMapping
	for _, v := range volumes {
		a, _ := v.attachmentOf(i.ID)
		change, found := takeMapping(&rest, a.Device)
		if found && change.NoDevice != nil {
			if a.Device == i.RootDevice {
				return nil, invalidMapping("The root device '" + a.Device + "' cannot be suppressed")
			}
			continue
		}
		snap, err := s.snapVolume(c, v, "Created by CreateImage("+i.ID+") for "+imageID, tags)
		if err != nil {
			return nil, err
		}
		m := imageMapping{
			Device: a.Device, Snapshot: snap.ID, Size: v.Size, Type: v.Type, Encrypted: v.Encrypted, DeleteOnTermination: a.DeleteOnTermination,
		}
		if types.VolumeType(v.Type) != types.VolumeTypeGp2 {
			m.IOPS, m.Throughput = v.IOPS, v.Throughput
		}
		if found {
			if err := m.change(change, true); err != nil {
				return nil, err
			}
		}
		mappings = append(mappings, m)
	}
	for _, r := range rest {
		m, keep, err := s.newMapping(c, r)
		if err != nil {
			return nil, err
		}
		if keep {
			mappings = append(mappings, m)
		}
	}
	slices.SortStableFunc(mappings, func(a, b imageMapping) int { return rootFirst(i.RootDevice, a, b) })
	return mappings, nil
}

// rootFirst orders mappings as EC2 shows them: the root, then as they were.
func rootFirst(root string, a, b imageMapping) int {
	switch {
	case a.Device == root && b.Device != root:
		return -1
	case b.Device == root && a.Device != root:
		return 1
	}
	return 0
}

// takeMapping takes a device's entry out of a request's mapping.
func takeMapping(mappings *[]types.BlockDeviceMapping, device string) (types.BlockDeviceMapping, bool) {
	at := slices.IndexFunc(*mappings, func(m types.BlockDeviceMapping) bool { return aws.ToString(m.DeviceName) == device })
	if at < 0 {
		return types.BlockDeviceMapping{}, false
	}
	m := (*mappings)[at]
	*mappings = slices.Delete(*mappings, at, at+1)
	return m, true
}

// beginImage keeps a pending image and has it finished when its snapshots are.
func (s *Service) beginImage(c *api.Call, im image) error {
	if err := s.putImage(c, im); err != nil {
		return err
	}
	return c.Schedule(finishImageTask, im.ID, imageCheckTime, imageTask{Image: im.ID})
}

// reasonCopyFailed is why an image failed one of whose snapshots did.
var reasonCopyFailed = stateReason{"Client.InternalError", "Client.InternalError: " + inaccessibleKey}

// finishImage looks whether the snapshots of a pending image are completed. One
// that failed, or is gone, fails the image.
func (s *Service) finishImage(c *api.Call, raw json.RawMessage) error {
	task, err := api.DecodePayload[imageTask](raw)
	if err != nil {
		return err
	}
	im, err := imageTable.Get(c.Tx, c.Scope(), task.Image)
	if errors.Is(err, store.ErrNotFound) || err == nil && im.State != string(types.ImageStatePending) {
		return nil
	}
	if err != nil {
		return err
	}
	im.State = string(types.ImageStateAvailable)
	for _, id := range im.snapshots() {
		snap, err := s.getSnapshot(c, id)
		switch {
		case err != nil && errorCode(err) == "":
			return err
		case err != nil || snap.State == string(types.SnapshotStateError):
			im.State, im.StateReason = string(types.ImageStateFailed), reasonCopyFailed
			return s.putImage(c, im)
		case snap.State == string(types.SnapshotStatePending):
			return c.Schedule(finishImageTask, im.ID, imageCheckTime, imageTask{Image: im.ID})
		}
	}
	return s.putImage(c, im)
}
