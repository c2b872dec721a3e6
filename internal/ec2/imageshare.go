package ec2

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// imageAttribute is which attribute a ModifyImageAttribute means: the one named,
// or the one that has a value. Several at once are refused.
func imageAttribute(in *ec2.ModifyImageAttributeInput) (types.ImageAttributeName, error) {
	var given []types.ImageAttributeName
	if in.Description != nil {
		given = append(given, types.ImageAttributeNameDescription)
	}
	if in.ImdsSupport != nil {
		given = append(given, types.ImageAttributeNameImdsSupport)
	}
	if in.LaunchPermission != nil || len(in.UserIds) > 0 || len(in.UserGroups) > 0 ||
		len(in.OrganizationArns) > 0 || len(in.OrganizationalUnitArns) > 0 {
		given = append(given, types.ImageAttributeNameLaunchPermission)
	}
	if len(in.ProductCodes) > 0 {
		given = append(given, types.ImageAttributeNameProductCodes)
	}
	if named := types.ImageAttributeName(aws.ToString(in.Attribute)); named != "" && !slices.Contains(given, named) {
		given = append(given, named)
	}
	switch len(given) {
	case 0:
		return "", missingParameter("attribute")
	case 1:
		return given[0], nil
	default:
		return "", invalidCombination("Fields for multiple attribute types specified: %s, %s", given[0], given[1])
	}
}

func imageChange(in *ec2.ModifyImageAttributeInput) (grantChange, error) {
	var g grantChange
	if p := in.LaunchPermission; p != nil {
		for _, a := range p.Add {
			g.add = append(g.add, grantee(a.UserId, a.Group))
		}
		for _, r := range p.Remove {
			g.remove = append(g.remove, grantee(r.UserId, r.Group))
		}
	}
	err := g.flat(in.OperationType, in.UserIds, in.UserGroups)
	return g, err
}

// forOrganizations reports whether a request shares with organizations.
func forOrganizations(in *ec2.ModifyImageAttributeInput) bool {
	if len(in.OrganizationArns) > 0 || len(in.OrganizationalUnitArns) > 0 {
		return true
	}
	if in.LaunchPermission == nil {
		return false
	}
	return slices.ContainsFunc(slices.Concat(in.LaunchPermission.Add, in.LaunchPermission.Remove), func(p types.LaunchPermission) bool {
		return p.OrganizationArn != nil || p.OrganizationalUnitArn != nil
	})
}

func (s *Service) modifyImageAttributeNeeds(c *api.Call, in *ec2.ModifyImageAttributeInput) ([]api.Need, error) {
	n, err := s.imageNeed(c, "ModifyImageAttribute", c.Region, aws.ToString(in.ImageId))
	if err != nil {
		return nil, err
	}
	if attribute, err := imageAttribute(in); err == nil {
		n.Context.Set("ec2:Attribute", strings.ToUpper(string(attribute[:1]))+string(attribute[1:]))
	}
	if g, err := imageChange(in); err == nil && len(g.add)+len(g.remove) > 0 {
		c.Event.RequestParameters = shareParameters("imageId", aws.ToString(in.ImageId), "launchPermission", "launchPermission", g)
		g.setKeys(&n.Context)
	}
	return []api.Need{n}, nil
}

func (s *Service) modifyImageAttribute(c *api.Call, in *ec2.ModifyImageAttributeInput) (*ec2.ModifyImageAttributeOutput, error) {
	attribute, err := imageAttribute(in)
	if err != nil {
		return nil, err
	}
	im, err := s.ownImage(c, aws.ToString(in.ImageId))
	if err != nil {
		return nil, err
	}
	out := &ec2.ModifyImageAttributeOutput{}
	switch attribute {
	case types.ImageAttributeNameDescription:
		im.Description = aws.ToString(in.Value)
		if in.Description != nil {
			im.Description = aws.ToString(in.Description.Value)
		}
		if err := checkDescription(&im.Description); err != nil {
			return nil, err
		}
		return out, s.putImage(c, im)
	case types.ImageAttributeNameImdsSupport:
		value := aws.ToString(in.Value)
		if in.ImdsSupport != nil {
			value = aws.ToString(in.ImdsSupport.Value)
		}
		if value != string(types.ImdsSupportValuesV20) {
			return nil, invalidValue("Value (%s) for parameter imdsSupport is invalid. Expected: 'v2.0'.", value)
		}
		im.IMDSSupport = value
		return out, s.putImage(c, im)
	case types.ImageAttributeNameLaunchPermission:
		return out, s.changeLaunchPermission(c, im, in)
	default:
		return nil, unsupported("The attribute %s cannot be modified.", attribute)
	}
}

func (s *Service) changeLaunchPermission(c *api.Call, im image, in *ec2.ModifyImageAttributeInput) error {
	if forOrganizations(in) {
		return notBuilt("OrganizationArn")
	}
	g, err := imageChange(in)
	if err == nil {
		err = g.check()
	}
	if err != nil {
		return err
	}
	if len(g.add) == 0 && len(g.remove) == 0 {
		return invalidCombination("No launch permissions to add or remove were specified.")
	}
	after := im.Share.with(g.add, g.remove)
	if im.State == string(types.ImageStateDisabled) && len(g.add) > 0 {
		return unavailableImage(im)
	}
	guard, err := guardsOf(c)
	if err != nil {
		return err
	}
	if guard.Images && after.Public && !im.Share.Public {
		return blockedSharing("AMI", "AMIs")
	}
	for _, id := range im.snapshots() {
		snap, err := s.getSnapshot(c, id)
		if err != nil {
			return err
		}
		switch {
		case len(g.add) > 0 && snap.Encrypted && snap.KeyManaged:
			return api.Error("InvalidParameter", "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.")
		case after.Public && snap.Encrypted:
			return api.Error("InvalidParameter", "Images with encrypted snapshots cannot be made public.")
		}
	}
	return s.shareImage(c, im, after)
}

func (s *Service) shareImage(c *api.Call, im image, after permissions) error {
	if err := share(c, sharedImageTable, im.ID, im.Share, after); err != nil {
		return err
	}
	im.Share = after
	return s.putImage(c, im)
}

func (s *Service) resetImageAttribute(c *api.Call, in *ec2.ResetImageAttributeInput) (*ec2.ResetImageAttributeOutput, error) {
	if in.Attribute != types.ResetImageAttributeNameLaunchPermission {
		return nil, unsupported("The attribute %s cannot be reset.", in.Attribute)
	}
	im, err := s.ownImage(c, aws.ToString(in.ImageId))
	if err != nil {
		return nil, err
	}
	return &ec2.ResetImageAttributeOutput{}, s.shareImage(c, im, permissions{})
}

// describeImageAttribute shows one attribute. Who may launch an image and what
// it is made of is for its owner.
func (s *Service) describeImageAttribute(c *api.Call, in *ec2.DescribeImageAttributeInput) (*ec2.DescribeImageAttributeOutput, error) {
	im, err := s.image(c, aws.ToString(in.ImageId))
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeImageAttributeOutput{ImageId: aws.String(im.ID)}
	value := func(v string) *types.AttributeValue { return &types.AttributeValue{Value: text(v)} }
	switch in.Attribute {
	case types.ImageAttributeNameDescription:
		out.Description = value(im.Description)
	case types.ImageAttributeNameKernel:
		out.KernelId = value(im.Kernel)
	case types.ImageAttributeNameRamdisk:
		out.RamdiskId = value(im.Ramdisk)
	case types.ImageAttributeNameLaunchPermission:
		if im.Owner != c.Account {
			return nil, api.Error("AuthFailure", "Not authorized for image:"+im.ID)
		}
		out.LaunchPermissions = im.Share.describe()
	case types.ImageAttributeNameProductCodes:
		out.ProductCodes = []types.ProductCode{}
	case types.ImageAttributeNameBlockDeviceMapping:
		if im.Owner != c.Account {
			return nil, api.Error("AuthFailure", "Unauthorized attempt to access restricted resource")
		}
		for _, m := range im.Mappings {
			out.BlockDeviceMappings = append(out.BlockDeviceMappings, m.describe())
		}
	case types.ImageAttributeNameSriovNetSupport:
		out.SriovNetSupport = value(im.SRIOV)
	case types.ImageAttributeNameBootMode:
		out.BootMode = value(im.BootMode)
	case types.ImageAttributeNameTpmSupport:
		out.TpmSupport = value(im.TPMSupport)
	case types.ImageAttributeNameImdsSupport:
		out.ImdsSupport = value(im.IMDSSupport)
	case types.ImageAttributeNameDeregistrationProtection:
		out.DeregistrationProtection = value(either(im.Protection, unprotected))
	default:
		return nil, unsupported("The attribute %s cannot be described.", in.Attribute)
	}
	return out, nil
}

// describe gives an image's launch permissions in the SDK's form.
func (p permissions) describe() []types.LaunchPermission {
	out := []types.LaunchPermission{}
	if p.Public {
		out = append(out, types.LaunchPermission{Group: types.PermissionGroupAll})
	}
	for _, a := range p.Accounts {
		out = append(out, types.LaunchPermission{UserId: aws.String(a)})
	}
	return out
}
