package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// volumeNeed is the permission for an action on a volume that may not exist.
func (s *Service) volumeNeed(c *api.Call, action, id string) (api.Need, error) {
	n := need(c, action, types.ResourceTypeVolume, id)
	v, err := s.getVolume(c, id)
	if err != nil {
		if errorCode(err) == "" {
			return n, err
		}
		return n, nil
	}
	setVolumeKeys(c, &n.Context, v)
	tags, err := tagsOf(c, id)
	setResourceTags(&n.Context, tags)
	return n, err
}

// onVolume is the descriptor of an action on one volume.
func onVolume[In any](s *Service, action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := s.volumeNeed(c, action, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}

func (s *Service) deleteVolumeNeeds(c *api.Call, in *ec2.DeleteVolumeInput) ([]api.Need, error) {
	n, err := s.volumeNeed(c, "DeleteVolume", aws.ToString(in.VolumeId))
	return []api.Need{n}, err
}

func (s *Service) deleteVolume(c *api.Call, in *ec2.DeleteVolumeInput) (*ec2.DeleteVolumeOutput, error) {
	v, err := s.getVolume(c, aws.ToString(in.VolumeId))
	if err != nil {
		return nil, err
	}
	switch {
	case len(v.Attachments) > 0:
		return nil, api.Error("VolumeInUse", "Volume "+v.ID+" is currently attached to "+v.Attachments[0].Instance)
	case v.State != string(types.VolumeStateAvailable) && v.State != string(types.VolumeStateError):
		return nil, incorrectState("The volume '%s' is '%s'", v.ID, v.State)
	}
	return &ec2.DeleteVolumeOutput{}, s.dropVolume(c, v)
}
