package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) detachVolumeNeeds(c *api.Call, in *ec2.DetachVolumeInput) ([]api.Need, error) {
	return s.volumeAndInstanceNeeds(c, "DetachVolume", aws.ToString(in.VolumeId), aws.ToString(in.InstanceId))
}

// detachVolume takes a volume off an instance and retires the grant under which
// the instance had decrypted it. The request may name instance and device; what
// it names must be so.
func (s *Service) detachVolume(c *api.Call, in *ec2.DetachVolumeInput) (*ec2.DetachVolumeOutput, error) {
	v, err := s.getVolume(c, aws.ToString(in.VolumeId))
	if err != nil {
		return nil, err
	}
	if in.InstanceId != nil {
		if _, err := s.getInstance(c, *in.InstanceId); err != nil {
			return nil, err
		}
	}
	a, err := v.attachmentToEnd(aws.ToString(in.InstanceId), aws.ToString(in.Device))
	if err != nil {
		return nil, err
	}
	i, err := s.getInstance(c, a.Instance)
	if err != nil {
		return nil, err
	}
	// A root may be replaced while its instance is stopped, Force or not.
	if a.Device == i.RootDevice && i.State != types.InstanceStateNameStopped {
		return nil, notPermitted("Unable to detach root volume '%s' from instance '%s'", v.ID, i.ID)
	}
	if err := s.retireGrant(c, v.Key, a.Grant); err != nil {
		return nil, err
	}
	v.detach(a.Instance)
	if err := s.putVolume(c, v); err != nil {
		return nil, err
	}
	return &ec2.DetachVolumeOutput{
		AttachTime: aws.Time(a.At), DeleteOnTermination: aws.Bool(a.DeleteOnTermination), Device: aws.String(a.Device),
		InstanceId: aws.String(a.Instance), State: types.VolumeAttachmentStateDetaching, VolumeId: aws.String(v.ID),
	}, nil
}

// attachmentToEnd returns the attachment that a DetachVolume means.
func (v volume) attachmentToEnd(instance, device string) (attachment, error) {
	if len(v.Attachments) == 0 {
		return attachment{}, incorrectState("Volume '%s' is in the '%s' state.", v.ID, v.State)
	}
	if instance == "" && len(v.Attachments) > 1 {
		return attachment{}, missingParameter("InstanceId")
	}
	for _, a := range v.Attachments {
		if (instance == "" || a.Instance == instance) && (device == "" || a.Device == device) {
			return a, nil
		}
	}
	if device == "" {
		return attachment{}, api.Error("InvalidAttachment.NotFound", "The volume '"+v.ID+"' is not attached to instance '"+instance+"'")
	}
	return attachment{}, api.Error("InvalidAttachment.NotFound",
		"The volume '"+v.ID+"' is not attached to instance '"+instance+"' as device '"+device+"'")
}

// detach removes the volume's attachment to an instance and sets its state.
func (v *volume) detach(instance string) {
	v.Attachments = slices.DeleteFunc(v.Attachments, func(a attachment) bool { return a.Instance == instance })
	if len(v.Attachments) == 0 {
		v.State = string(types.VolumeStateAvailable)
	}
}
