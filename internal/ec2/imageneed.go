package ec2

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// setImageKeys gives the condition keys of an image.
func setImageKeys(context *access.Context, im image) {
	owner := im.OwnerAlias
	if owner == "" {
		owner = im.Owner
	}
	context.Set("ec2:Owner", owner)
	context.Set("ec2:ImageType", string(types.ImageTypeValuesMachine))
	context.Set("ec2:RootDeviceType", string(types.DeviceTypeEbs))
	context.Set("ec2:Public", boolKey(im.Share.Public))
	context.Set("ec2:CreateDate", im.Created.UTC().Format(time.RFC3339))
	if im.ID != "" {
		context.Set("ec2:ImageID", im.ID)
	}
}

// imageNeed is the permission for an action on an image that may not exist.
func (s *Service) imageNeed(c *api.Call, action, region, id string) (api.Need, error) {
	n := need(c, action, types.ResourceTypeImage, id)
	n.Resource = "arn:" + c.Partition + ":ec2:" + region + "::image/" + id
	im, err := s.imageIn(c, region, id)
	if err != nil {
		if errorCode(err) == "" {
			return n, err
		}
		return n, nil
	}
	setImageKeys(&n.Context, im)
	if region != c.Region {
		return n, nil
	}
	tags, err := tagsOf(c, id)
	setResourceTags(&n.Context, tags)
	return n, err
}

// onImage is the descriptor of an action on one image.
func onImage[In any](s *Service, action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := s.imageNeed(c, action, c.Region, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}

// newImageNeed is the permission for making an image.
func newImageNeed(c *api.Call, action string, specs []types.TagSpecification) api.Need {
	n := need(c, action, types.ResourceTypeImage, "*")
	n.Context.Set("ec2:Owner", c.Account)
	setRequestTags(&n.Context, specTags(specs, types.ResourceTypeImage))
	return n
}
