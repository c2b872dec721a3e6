package ec2

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// DescribeImages, alone among its kind, allows MaxResults together with ids.
var describeImagesPages = pageRule{least: 1, most: 1000}

func (s *Service) describeImages(c *api.Call, in *ec2.DescribeImagesInput) (*ec2.DescribeImagesOutput, error) {
	if err := describeImagesPages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	if err := checkFilters(in.Filters, func(name string) bool {
		_, known := imageFilter(image{}, nil, name)
		return known
	}); err != nil {
		return nil, err
	}
	if err := checkOwners(in.Owners); err != nil {
		return nil, err
	}
	visible, err := s.selectImages(c, in.ImageIds)
	if err != nil {
		return nil, err
	}
	var found []image
	for _, im := range visible {
		if !ownedBy(c, in.Owners, im.Owner, im.OwnerAlias) || !im.executableBy(c, in.ExecutableUsers) {
			continue
		}
		if im.State == string(types.ImageStateDisabled) && !aws.ToBool(in.IncludeDisabled) && !slices.Contains(in.ImageIds, im.ID) {
			continue
		}
		if im.deprecated(c.Now) && im.Owner != c.Account && !aws.ToBool(in.IncludeDeprecated) && !slices.Contains(in.ImageIds, im.ID) {
			continue
		}
		ok, err := matchesTagged(c, im.ID, in.Filters, func(tags map[string]string, name string) ([]string, bool) {
			return imageFilter(im, tags, name)
		})
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, im)
		}
	}
	rows, next, err := page(found, func(im image) string { return im.ID }, describeImagesPages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeImagesOutput{Images: []types.Image{}, NextToken: next}
	for _, im := range rows {
		tags, err := tagsOf(c, im.ID)
		if err != nil {
			return nil, err
		}
		out.Images = append(out.Images, im.describe(tags))
	}
	return out, nil
}

// selectImages returns the images with the ids, or all that the account may
// use, sorted by id.
func (s *Service) selectImages(c *api.Call, ids []string) ([]image, error) {
	return selectRows(ids, func(yield func(image, error) bool) {
		var all []image
		for im, err := range imageTable.All(c.Tx, c.Scope()) {
			if err != nil {
				yield(image{}, err)
				return
			}
			all = append(all, im)
		}
		for row, err := range sharedWith(c, sharedImageTable) {
			if err != nil {
				yield(image{}, err)
				return
			}
			im, err := imageTable.Get(c.Tx, store.Scope{Account: row.Owner, Region: c.Region}, row.ID)
			if err != nil {
				yield(image{}, err)
				return
			}
			all = append(all, im)
		}
		all = append(all, catalogueOf(c.Region).sortedImages...)
		slices.SortFunc(all, func(a, b image) int { return cmp.Compare(a.ID, b.ID) })
		for _, im := range all {
			if !yield(im, nil) {
				return
			}
		}
	}, func(id string) (image, error) { return s.image(c, id) }, func(im image) string { return im.ID }, imageIdentifier)
}

// ownerAliases are the words that Owners takes besides account ids.
var ownerAliases = []string{"self", "amazon", "aws-marketplace", "aws-backup-vault"}

func checkOwners(owners []string) error {
	for _, o := range owners {
		if !slices.Contains(ownerAliases, o) && !isAccount(o) {
			return api.Error("InvalidUserID.Malformed", "Invalid user id: \""+o+"\"")
		}
	}
	return nil
}

// isAccount reports whether a text is an AWS account id.
func isAccount(id string) bool {
	if len(id) != 12 {
		return false
	}
	for _, r := range id {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

// ownedBy reports whether one of the owners that a request names owns a thing;
// naming none asks for everybody's.
func ownedBy(c *api.Call, owners []string, owner, alias string) bool {
	return len(owners) == 0 || slices.ContainsFunc(owners, func(o string) bool {
		return o == owner || o == "self" && owner == c.Account || o == alias && alias != ""
	})
}

// executableBy reports whether the image may be launched by one of the users
// that a request names: accounts with a permission of their own, self, or all
// for public images. Having made the image is no such permission.
func (im image) executableBy(c *api.Call, users []string) bool {
	return len(users) == 0 || slices.ContainsFunc(users, func(u string) bool {
		switch u {
		case everybody:
			return im.Share.Public
		case "self":
			return slices.Contains(im.Share.Accounts, c.Account)
		default:
			return slices.Contains(im.Share.Accounts, u)
		}
	})
}

// imageFilter gives an image's values under DescribeImages' filters.
func imageFilter(im image, tags map[string]string, name string) ([]string, bool) {
	switch name {
	case "architecture":
		return []string{im.Architecture}, true
	case "boot-mode":
		return some(im.BootMode), true
	case "creation-date":
		return []string{imageTime(im.Created)}, true
	case "description":
		return some(im.Description), true
	case "ena-support":
		return flag(im.ENA), true
	case "free-tier-eligible", "image-allowed", "product-code", "product-code.type":
		return nil, true
	case "hypervisor":
		return []string{string(types.HypervisorTypeXen)}, true
	case "image-id":
		return []string{im.ID}, true
	case "image-type":
		return []string{string(types.ImageTypeValuesMachine)}, true
	case "is-public":
		return flag(im.Share.Public), true
	case "kernel-id":
		return some(im.Kernel), true
	case "manifest-location":
		return some(im.Location), true
	case "name":
		return []string{im.Name}, true
	case "owner-alias":
		return some(im.OwnerAlias), true
	case "owner-id":
		return []string{im.Owner}, true
	case "platform":
		return some(im.Platform), true
	case "platform-details":
		return some(im.PlatformDetails), true
	case "ramdisk-id":
		return some(im.Ramdisk), true
	case "root-device-name":
		return some(im.RootDevice), true
	case "root-device-type":
		return []string{string(types.DeviceTypeEbs)}, true
	case "source-image-id":
		return some(im.SourceImage), true
	case "source-image-region":
		return some(im.SourceRegion), true
	case "source-instance-id":
		return some(im.SourceInstance), true
	case "sriov-net-support":
		return some(im.SRIOV), true
	case "state":
		return []string{im.State}, true
	case "state-reason-code":
		return some(im.StateReason.Code), true
	case "state-reason-message":
		return some(im.StateReason.Message), true
	case "tpm-support":
		return some(im.TPMSupport), true
	case "usage-operation":
		return some(im.UsageOperation), true
	case "virtualization-type":
		return some(im.Virtualization), true
	}
	if values, known := imageMappingFilter(im, name); known {
		return values, true
	}
	return tagFilter(tags, name)
}

func imageMappingFilter(im image, name string) ([]string, bool) {
	var value func(imageMapping) string
	ebs := true // the filter is on volumes only
	switch name {
	case "block-device-mapping.device-name":
		value, ebs = func(m imageMapping) string { return m.Device }, false
	case "block-device-mapping.delete-on-termination":
		value = func(m imageMapping) string { return boolKey(m.DeleteOnTermination) }
	case "block-device-mapping.encrypted":
		value = func(m imageMapping) string { return boolKey(m.Encrypted) }
	case "block-device-mapping.snapshot-id":
		value = func(m imageMapping) string { return m.Snapshot }
	case "block-device-mapping.volume-size":
		value = func(m imageMapping) string { return decimal(m.Size) }
	case "block-device-mapping.volume-type":
		value = func(m imageMapping) string { return m.Type }
	default:
		return nil, false
	}
	var values []string
	for _, m := range im.Mappings {
		if v := value(m); v != "" && !(ebs && m.Virtual != "") {
			values = append(values, v)
		}
	}
	return values, true
}
