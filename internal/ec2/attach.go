package ec2

import (
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
)

// maxMultiAttach is how many instances a Multi-Attach volume takes (EBS guide,
// "Attach an EBS volume to multiple EC2 instances using Multi-Attach").
const maxMultiAttach = 16

// deviceName are the names that EC2 takes for a volume (EC2 guide, "Device
// names for volumes"): /dev/sda to /dev/sdz, the same with xvd, and xvda to
// xvddx. Numbered ones are for roots alone.
var deviceName = regexp.MustCompile(`^(/dev/sd[a-z]|/dev/sda1|/dev/xvd[a-z]|/dev/xvd[a-d][a-z]|xvd[a-z]|xvd[a-d][a-z]|/dev/hd[a-z])$`)

// checkDevice refuses a name that no volume can have at an instance.
func checkDevice(device string) error {
	if !deviceName.MatchString(device) {
		return invalidValue("Value (%s) for parameter device is invalid. %s is not a valid EBS device name.", device, device)
	}
	return nil
}

func (s *Service) attachVolumeNeeds(c *api.Call, in *ec2.AttachVolumeInput) ([]api.Need, error) {
	c.Event.RequestParameters = attachVolumeParameters(in)
	return s.volumeAndInstanceNeeds(c, "AttachVolume", aws.ToString(in.VolumeId), aws.ToString(in.InstanceId))
}

// volumeAndInstanceNeeds is the authorization of attaching and detaching: both
// ends must be allowed. An instance that the request leaves out is the one that
// the volume is attached to.
func (s *Service) volumeAndInstanceNeeds(c *api.Call, action, volumeID, instanceID string) ([]api.Need, error) {
	onVolume, err := s.volumeNeed(c, action, volumeID)
	if err != nil {
		return nil, err
	}
	if instanceID == "" {
		v, err := s.getVolume(c, volumeID)
		if err != nil && errorCode(err) == "" {
			return nil, err
		}
		if len(v.Attachments) == 0 {
			return []api.Need{onVolume}, nil
		}
		instanceID = v.Attachments[0].Instance
	}
	onInstance, err := s.instanceNeed(c, action, instanceID)
	return []api.Need{onVolume, onInstance}, err
}

// attachVolume attaches a volume to an instance. At a running instance the data
// key is decrypted at once, so here, and only here, KMS's refusal is the call's
// own error. A stopped instance asks KMS when it starts.
func (s *Service) attachVolume(c *api.Call, in *ec2.AttachVolumeInput) (*ec2.AttachVolumeOutput, error) {
	device := aws.ToString(in.Device)
	if device == "" {
		return nil, missingParameter("device")
	}
	v, err := s.getVolume(c, aws.ToString(in.VolumeId))
	if err != nil {
		return nil, err
	}
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if err := checkDevice(device); err != nil {
		return nil, err
	}
	if in.EbsCardIndex != nil && *in.EbsCardIndex != 0 {
		return nil, invalidValue("Value (%d) for parameter EbsCardIndex is invalid. The instance type does not support this EBS card index.", *in.EbsCardIndex)
	}
	if err := s.checkAttach(c, v, i, device); err != nil {
		return nil, err
	}
	a := attachment{Instance: i.ID, Device: device, State: string(types.VolumeAttachmentStateAttached), At: c.Now}
	if v.Encrypted && i.State == types.InstanceStateNameRunning {
		if a.Grant, err = s.unlock(c, v, i.ID); err != nil {
			return nil, err
		}
	}
	v.State = string(types.VolumeStateInUse)
	v.Attachments = append(v.Attachments, a)
	if err := s.putVolume(c, v); err != nil {
		return nil, err
	}
	d := a.describe(v.ID, c.Now)
	return &ec2.AttachVolumeOutput{
		AttachTime: aws.Time(a.At), DeleteOnTermination: d.DeleteOnTermination, Device: d.Device,
		InstanceId: d.InstanceId, State: d.State, VolumeId: d.VolumeId,
	}, nil
}

func (s *Service) checkAttach(c *api.Call, v volume, i instance, device string) error {
	if i.State != types.InstanceStateNameRunning && i.State != types.InstanceStateNameStopped {
		return incorrectState("Instance '%s' is not 'running'.", i.ID)
	}
	switch {
	case len(v.Attachments) > 0 && !v.MultiAttach:
		return api.Error("VolumeInUse", v.ID+" is already attached to an instance")
	case v.State != string(types.VolumeStateAvailable) && v.State != string(types.VolumeStateInUse):
		return incorrectState("%s is not 'available'.", v.ID)
	case v.Zone != i.Zone:
		return api.Error("InvalidVolume.ZoneMismatch", "The volume '"+v.ID+"' is not in the same availability zone as instance '"+i.ID+"'")
	case len(v.Attachments) >= maxMultiAttach:
		return api.Error("AttachmentLimitExceeded", "The volume '"+v.ID+"' is attached to the maximum number of instances.")
	}
	if _, twice := v.attachmentOf(i.ID); twice {
		return api.Error("VolumeInUse", v.ID+" is already attached to an instance")
	}
	others, err := s.volumesOf(c, i.ID)
	if err != nil {
		return err
	}
	for _, other := range others {
		if a, ok := other.attachmentOf(i.ID); ok && a.Device == device {
			return invalidValue("Invalid value '%s' for unixDevice. Attachment point %s is already in use", device, device)
		}
	}
	return nil
}

// unlock decrypts the volume's data key for a running instance and returns the
// grant under which that happened.
func (s *Service) unlock(c *api.Call, v volume, instanceID string) (grant string, err error) {
	done, err := s.perform(c, launch.Attach(siteOf(c), instanceID, v.launchVolume()), v.DataKey)
	switch {
	case err == nil:
		return done.grant(), nil
	case errorCode(err) == "":
		return "", err
	default:
		return "", api.Error("CustomerKeyHasBeenRevoked",
			"Volume "+v.ID+" cannot be attached. The encrypted volume was unable to access the KMS key.")
	}
}
