package ec2

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// The words for an image's protection from deregistration, as descriptions write
// them (EC2 guide, "Protect an Amazon EC2 AMI from deregistration").
const (
	unprotected             = "disabled"
	protectedWithCooldown   = "enabled-with-cooldown"
	protectedWithoutCooling = "enabled-without-cooldown"
)

// protectionCooldown is how long an image with a cooldown stays protected after
// its protection is taken away.
const protectionCooldown = 24 * time.Hour

// maxDeprecation is how far ahead a private image may be deprecated, as far as
// two years a public one (EC2 guide, "Deprecate an Amazon EC2 AMI").
const (
	maxDeprecation       = 10 // years
	maxPublicDeprecation = 2
)

func (s *Service) imageSettingOperations() []api.Operation {
	return []api.Operation{
		api.Op("EnableImage", onImage(s, "EnableImage", func(in *ec2.EnableImageInput) *string { return in.ImageId }), s.enableImage),
		api.Op("DisableImage", onImage(s, "DisableImage", func(in *ec2.DisableImageInput) *string { return in.ImageId }), s.disableImage),
		api.Op("EnableImageDeprecation", onImage(s, "EnableImageDeprecation", func(in *ec2.EnableImageDeprecationInput) *string { return in.ImageId }), s.enableImageDeprecation),
		api.Op("DisableImageDeprecation", onImage(s, "DisableImageDeprecation", func(in *ec2.DisableImageDeprecationInput) *string { return in.ImageId }),
			func(c *api.Call, in *ec2.DisableImageDeprecationInput) (*ec2.DisableImageDeprecationOutput, error) {
				err := s.changeImage(c, in.ImageId, func(im *image) error { im.Deprecated = time.Time{}; return nil })
				return &ec2.DisableImageDeprecationOutput{Return: aws.Bool(true)}, err
			}),
		api.Op("EnableImageDeregistrationProtection", onImage(s, "EnableImageDeregistrationProtection", func(in *ec2.EnableImageDeregistrationProtectionInput) *string { return in.ImageId }),
			func(c *api.Call, in *ec2.EnableImageDeregistrationProtectionInput) (*ec2.EnableImageDeregistrationProtectionOutput, error) {
				err := s.changeImage(c, in.ImageId, func(im *image) error {
					im.Protection, im.ProtectedUntil = protectedWithoutCooling, time.Time{}
					if aws.ToBool(in.WithCooldown) {
						im.Protection = protectedWithCooldown
					}
					return nil
				})
				return &ec2.EnableImageDeregistrationProtectionOutput{Return: aws.String("true")}, err
			}),
		api.Op("DisableImageDeregistrationProtection", onImage(s, "DisableImageDeregistrationProtection", func(in *ec2.DisableImageDeregistrationProtectionInput) *string { return in.ImageId }),
			func(c *api.Call, in *ec2.DisableImageDeregistrationProtectionInput) (*ec2.DisableImageDeregistrationProtectionOutput, error) {
				err := s.changeImage(c, in.ImageId, func(im *image) error {
					if im.Protection == protectedWithCooldown {
						im.ProtectedUntil = c.Now.Add(protectionCooldown)
					}
					im.Protection = ""
					return nil
				})
				return &ec2.DisableImageDeregistrationProtectionOutput{Return: aws.String("true")}, err
			}),
	}
}

// changeImage changes an image of the account's.
func (s *Service) changeImage(c *api.Call, id *string, change func(*image) error) error {
	im, err := s.ownImage(c, aws.ToString(id))
	if err != nil {
		return err
	}
	if err := change(&im); err != nil {
		return err
	}
	return s.putImage(c, im)
}

// protected reports whether the image may not be deregistered yet.
func (im image) protected(now time.Time) bool {
	return im.Protection != "" || now.Before(im.ProtectedUntil)
}

// deprecated reports whether the image is out of date; its owner still sees it.
func (im image) deprecated(now time.Time) bool {
	return !im.Deprecated.IsZero() && !now.Before(im.Deprecated)
}

// enableImage takes a disabled image back into use.
func (s *Service) enableImage(c *api.Call, in *ec2.EnableImageInput) (*ec2.EnableImageOutput, error) {
	err := s.changeImage(c, in.ImageId, func(im *image) error {
		if im.State != string(types.ImageStateDisabled) && im.State != string(types.ImageStateAvailable) {
			return unavailableImage(*im)
		}
		im.State = string(types.ImageStateAvailable)
		return nil
	})
	return &ec2.EnableImageOutput{Return: aws.Bool(true)}, err
}

// disableImage keeps an image from being launched; who it was shared with loses it
// (EC2 guide, "Disable an Amazon EC2 AMI").
func (s *Service) disableImage(c *api.Call, in *ec2.DisableImageInput) (*ec2.DisableImageOutput, error) {
	im, err := s.ownImage(c, aws.ToString(in.ImageId))
	if err != nil {
		return nil, err
	}
	if im.State != string(types.ImageStateDisabled) && im.State != string(types.ImageStateAvailable) {
		return nil, unavailableImage(im)
	}
	im.State = string(types.ImageStateDisabled)
	return &ec2.DisableImageOutput{Return: aws.Bool(true)}, s.shareImage(c, im, permissions{})
}

func unavailableImage(im image) error {
	return api.Error("InvalidAMIID.Unavailable", "The image ID '"+im.ID+"' is not available")
}

// enableImageDeprecation sets when the image goes out of date, to the minute. The
// sentences rest on no source.
func (s *Service) enableImageDeprecation(c *api.Call, in *ec2.EnableImageDeprecationInput) (*ec2.EnableImageDeprecationOutput, error) {
	if in.DeprecateAt == nil {
		return nil, missingParameter("DeprecateAt")
	}
	err := s.changeImage(c, in.ImageId, func(im *image) error {
		years := maxDeprecation
		if im.Share.Public {
			years = maxPublicDeprecation
		}
		at := in.DeprecateAt.UTC().Round(time.Minute)
		switch {
		case at.Before(c.Now):
			return invalidValue("The deprecation date must be in the future.")
		case at.After(c.Now.AddDate(years, 0, 0)):
			return invalidValue("The deprecation date can be at most %d years from now.", years)
		}
		im.Deprecated = at
		return nil
	})
	return &ec2.EnableImageDeprecationOutput{Return: aws.Bool(true)}, err
}
