package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
)

func (s *Service) registerImageNeeds(c *api.Call, in *ec2.RegisterImageInput) ([]api.Need, error) {
	needs := []api.Need{newImageNeed(c, "RegisterImage", in.TagSpecifications)}
	for _, m := range in.BlockDeviceMappings {
		if m.Ebs == nil || aws.ToString(m.Ebs.SnapshotId) == "" {
			continue
		}
		n, err := s.snapshotNeed(c, "RegisterImage", c.Region, *m.Ebs.SnapshotId)
		if err != nil {
			return nil, err
		}
		needs = append(needs, n)
	}
	return append(needs, tagNeeds(c, "RegisterImage", in.TagSpecifications)...), nil
}

// registerImage makes an image of snapshots that are there: it is available at
// once. Images in S3 are not built.
func (s *Service) registerImage(c *api.Call, in *ec2.RegisterImageInput) (*ec2.RegisterImageOutput, error) {
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeImage))
	if err != nil {
		return nil, err
	}
	if err := refuseUnbuiltImage(in); err != nil {
		return nil, err
	}
	if err := checkDescription(in.Description); err != nil {
		return nil, err
	}
	if err := checkImageName(c, in.Name); err != nil {
		return nil, err
	}
	im, err := registeredImage(c, in)
	if err != nil {
		return nil, err
	}
	if im.Mappings, err = s.registeredMappings(c, in.BlockDeviceMappings); err != nil {
		return nil, err
	}
	root, ok := im.root()
	switch {
	case im.RootDevice == "":
		return nil, missingParameter("rootDeviceName")
	case !ok:
		return nil, invalidMapping("The block device mapping has no entry for the root device '" + im.RootDevice + "'")
	case root.Snapshot == "":
		return nil, invalidMapping("The root device '" + im.RootDevice + "' must have a snapshot")
	}
	slices.SortStableFunc(im.Mappings, func(a, b imageMapping) int { return rootFirst(im.RootDevice, a, b) })
	if err := putTags(c, string(types.ResourceTypeImage), im.ID, tags); err != nil {
		return nil, err
	}
	return &ec2.RegisterImageOutput{ImageId: aws.String(im.ID)}, s.putImage(c, im)
}

func refuseUnbuiltImage(in *ec2.RegisterImageInput) error {
	switch {
	case in.ImageLocation != nil:
		return notBuilt("ImageLocation")
	case in.UefiData != nil:
		return notBuilt("UefiData")
	case len(in.BillingProducts) > 0:
		return notBuilt("BillingProducts")
	case in.KernelId != nil || in.RamdiskId != nil || aws.ToString(in.VirtualizationType) == string(types.VirtualizationTypeParavirtual):
		return unsupported("Paravirtual images are not supported in this Region. Set VirtualizationType to hvm.")
	}
	return nil
}

// registeredImage is what a request says of an image itself. AWS takes i386 and
// paravirtual for what is left out; since nothing runs paravirtual images any
// more, leaving out the virtualization type gives hvm here.
func registeredImage(c *api.Call, in *ec2.RegisterImageInput) (image, error) {
	im := image{
		ID: c.NewID("ami-"), Name: *in.Name, Description: aws.ToString(in.Description), Owner: c.Account,
		Location: c.Account + "/" + *in.Name, State: string(types.ImageStateAvailable), Created: c.Now,
		Architecture: string(in.Architecture), PlatformDetails: linuxSystem.Details, UsageOperation: linuxSystem.Usage,
		Virtualization: string(types.VirtualizationTypeHvm), BootMode: string(in.BootMode), IMDSSupport: string(in.ImdsSupport),
		TPMSupport: string(in.TpmSupport), SRIOV: aws.ToString(in.SriovNetSupport), ENA: aws.ToBool(in.EnaSupport),
		RootDevice: aws.ToString(in.RootDeviceName),
	}
	if im.Architecture == "" {
		im.Architecture = string(types.ArchitectureValuesI386)
	}
	if v := aws.ToString(in.VirtualizationType); v != "" && v != im.Virtualization {
		return im, invalidValue("Value (%s) for parameter virtualizationType is invalid. Expected: 'hvm' or 'paravirtual'.", v)
	}
	if im.SRIOV != "" && im.SRIOV != "simple" {
		return im, invalidValue("Value (%s) for parameter sriovNetSupport is invalid. Expected: 'simple'.", im.SRIOV)
	}
	if im.Architecture == string(types.ArchitectureValuesArm64) {
		if im.BootMode != "" && im.BootMode != string(types.BootModeValuesUefi) {
			return im, invalidCombination("The boot mode %s is not supported for the architecture arm64.", im.BootMode)
		}
		im.BootMode = string(types.BootModeValuesUefi)
	}
	if im.TPMSupport != "" && im.BootMode != string(types.BootModeValuesUefi) {
		return im, invalidCombination("TpmSupport requires the boot mode uefi.")
	}
	return im, nil
}

func (s *Service) registeredMappings(c *api.Call, in []types.BlockDeviceMapping) ([]imageMapping, error) {
	var mappings []imageMapping
	seen := make(map[string]bool)
	for _, b := range in {
		m, keep, err := s.newMapping(c, b)
		if err != nil {
			return nil, err
		}
		if seen[m.Device] {
			return nil, invalidMapping("The device '" + m.Device + "' is used in more than one block-device mapping")
		}
		seen[m.Device] = true
		if keep {
			mappings = append(mappings, m)
		}
	}
	return mappings, nil
}

// deregisterImage ends an image. Its snapshots stay unless the request wants
// them gone too; then each is deleted as by the caller, and what could not be
// is said.
func (s *Service) deregisterImage(c *api.Call, in *ec2.DeregisterImageInput) (*ec2.DeregisterImageOutput, error) {
	im, err := s.ownImage(c, aws.ToString(in.ImageId))
	if err != nil {
		return nil, err
	}
	if im.protected(c.Now) {
		// The code is AWS's; the words rest on no source.
		return nil, notPermitted("The image '%s' is protected from deregistration. Disable its deregistration protection and try again.", im.ID)
	}
	if err := share(c, sharedImageTable, im.ID, im.Share, permissions{}); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeImage), im.ID, nil); err != nil {
		return nil, err
	}
	if err := imageTable.Delete(c.Tx, c.Scope(), im.ID); err != nil {
		return nil, err
	}
	out := &ec2.DeregisterImageOutput{Return: aws.Bool(true)}
	if !aws.ToBool(in.DeleteAssociatedSnapshots) {
		return out, nil
	}
	for _, id := range im.snapshots() {
		code, err := deleteWithImage(c, id)
		if err != nil {
			return nil, err
		}
		out.DeleteSnapshotResults = append(out.DeleteSnapshotResults, types.DeleteSnapshotReturnCode{ReturnCode: code, SnapshotId: aws.String(id)})
	}
	return out, nil
}

func deleteWithImage(c *api.Call, id string) (types.SnapshotReturnCodes, error) {
	_, err := api.Invoke[ec2.DeleteSnapshotOutput](c.Forward("ec2", launch.FrontEnd), "ec2", "DeleteSnapshot", &ec2.DeleteSnapshotInput{SnapshotId: aws.String(id)})
	switch errorCode(err) {
	case "":
		return types.SnapshotReturnCodesSuccess, err
	case "InvalidSnapshot.InUse":
		return types.SnapshotReturnCodesWarnSkipped, nil
	case "UnauthorizedOperation":
		return types.SnapshotReturnCodesErrorMissingPermissions, nil
	default:
		return types.SnapshotReturnCodesErrorCodeClientError, nil
	}
}
