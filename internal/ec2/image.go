package ec2

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// image is an Amazon Machine Image.
type image struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description,omitempty"`
	Owner       string      `json:"owner"`
	OwnerAlias  string      `json:"ownerAlias,omitempty"` // "amazon"
	Location    string      `json:"location"`
	State       string      `json:"state"`
	StateReason stateReason `json:"stateReason,omitzero"`
	Created     time.Time   `json:"created"`

	Architecture    string `json:"architecture"`
	Platform        string `json:"platform,omitempty"` // "windows" or empty
	PlatformDetails string `json:"platformDetails"`
	UsageOperation  string `json:"usageOperation"`
	Virtualization  string `json:"virtualization"`
	BootMode        string `json:"bootMode,omitempty"`
	IMDSSupport     string `json:"imdsSupport,omitempty"` // "v2.0" or empty
	TPMSupport      string `json:"tpmSupport,omitempty"`
	SRIOV           string `json:"sriov,omitempty"` // "simple" or empty
	ENA             bool   `json:"ena,omitempty"`
	Kernel          string `json:"kernel,omitempty"`
	Ramdisk         string `json:"ramdisk,omitempty"`

	RootDevice string         `json:"rootDevice"` // "/dev/xvda"
	Mappings   []imageMapping `json:"mappings"`
	Share      permissions    `json:"share,omitzero"`

	Deprecated time.Time `json:"deprecated,omitzero"` // from when on it is out of date
	// Protection is that from deregistration; with a cooldown it goes on until
	// ProtectedUntil.
	Protection     string    `json:"protection,omitempty"`
	ProtectedUntil time.Time `json:"protectedUntil,omitzero"`

	SourceInstance string `json:"sourceInstance,omitempty"`
	SourceImage    string `json:"sourceImage,omitempty"`
	SourceRegion   string `json:"sourceRegion,omitempty"`
}

// imageMapping is one entry of an image's block device mapping: a snapshot, an
// empty volume, or an instance store volume (Virtual).
type imageMapping struct {
	Device              string `json:"device"`
	Virtual             string `json:"virtual,omitempty"` // "ephemeral0"
	Snapshot            string `json:"snapshot,omitempty"`
	Size                int32  `json:"size,omitempty"` // GiB
	Type                string `json:"type,omitempty"`
	IOPS                int32  `json:"iops,omitempty"`
	Throughput          int32  `json:"throughput,omitempty"`
	DeleteOnTermination bool   `json:"deleteOnTermination,omitempty"`
	Encrypted           bool   `json:"encrypted,omitempty"`
}

// The indexes of images: by the snapshots in their mappings, and by name.
const (
	bySnapshot = "snapshot"
	byName     = "name"
)

var imageTable = store.NewTable("ec2.image",
	store.Index[image]{Name: bySnapshot, Keys: func(_ string, im image) []string { return im.snapshots() }},
	store.Index[image]{Name: byName, Keys: func(_ string, im image) []string { return []string{im.Name} }},
)

// snapshots are the ids of the snapshots in the image's mapping.
func (im image) snapshots() []string {
	var ids []string
	for _, m := range im.Mappings {
		if m.Snapshot != "" {
			ids = append(ids, m.Snapshot)
		}
	}
	return ids
}

func (s *Service) imageOperations() []api.Operation {
	return slices.Concat(s.imageSettingOperations(), s.guardOperations(), []api.Operation{
		api.Op("CreateImage", s.createImageNeeds, s.createImage),
		api.Op("RegisterImage", s.registerImageNeeds, s.registerImage),
		api.Op("CopyImage", s.copyImageNeeds, s.copyImage),
		api.Op("DeregisterImage", onImage(s, "DeregisterImage", func(in *ec2.DeregisterImageInput) *string { return in.ImageId }), s.deregisterImage),
		api.Op("ModifyImageAttribute", s.modifyImageAttributeNeeds, s.modifyImageAttribute),
		api.Op("ResetImageAttribute",
			onImage(s, "ResetImageAttribute", func(in *ec2.ResetImageAttributeInput) *string { return in.ImageId }), s.resetImageAttribute),
		api.Read("DescribeImageAttribute",
			onImage(s, "DescribeImageAttribute", func(in *ec2.DescribeImageAttributeInput) *string { return in.ImageId }), s.describeImageAttribute),
		api.Read("DescribeImages", anywhere[ec2.DescribeImagesInput]("DescribeImages"), s.describeImages),
	})
}

func (s *Service) imageTasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{
		finishImageTask: s.finishImage,
	}
}

// image returns an image that the account may launch: its own, one that is
// shared with it or public, one of the catalogue. Anything else does not exist.
func (s *Service) image(c *api.Call, id string) (image, error) {
	return s.imageIn(c, c.Region, id)
}

// imageIn is image for another region, the source of a copy.
func (s *Service) imageIn(c *api.Call, region, id string) (image, error) {
	if err := imageIdentifier.check(id); err != nil {
		return image{}, err
	}
	im, err := imageTable.Get(c.Tx, store.Scope{Account: c.Account, Region: region}, id)
	if !errors.Is(err, store.ErrNotFound) {
		return im, err
	}
	owner, err := sharedOwner(c, sharedImageTable, region, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if im, ok := catalogueOf(region).images[id]; ok {
			return im, nil
		}
		return image{}, imageIdentifier.notFound(id)
	case err != nil:
		return image{}, err
	}
	return imageTable.Get(c.Tx, store.Scope{Account: owner, Region: region}, id)
}

// ownImage returns one of the account's own images. Somebody else's that it can
// see it may not change.
func (s *Service) ownImage(c *api.Call, id string) (image, error) {
	im, err := s.image(c, id)
	if err == nil && im.Owner != c.Account {
		return image{}, api.Error("AuthFailure", "Not authorized for image:"+id)
	}
	return im, err
}

func (s *Service) putImage(c *api.Call, im image) error {
	return imageTable.Put(c.Tx, c.Scope(), im.ID, im)
}

// root is the mapping of the root device, false if the image has none.
func (im image) root() (imageMapping, bool) {
	for _, m := range im.Mappings {
		if m.Device == im.RootDevice {
			return m, true
		}
	}
	return imageMapping{}, false
}

// imageTime is a time as images show it: 2026-09-29T11:04:43.000Z.
func imageTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (im image) describe(tags map[string]string) types.Image {
	out := types.Image{
		Architecture:        types.ArchitectureValues(im.Architecture),
		BlockDeviceMappings: []types.BlockDeviceMapping{},
		BootMode:            types.BootModeValues(im.BootMode),
		CreationDate:        aws.String(imageTime(im.Created)),
		EnaSupport:          aws.Bool(im.ENA),
		Hypervisor:          types.HypervisorTypeXen,
		ImageId:             aws.String(im.ID),
		ImageLocation:       aws.String(im.Location),
		ImageType:           types.ImageTypeValuesMachine,
		ImdsSupport:         types.ImdsSupportValues(im.IMDSSupport),
		Name:                aws.String(im.Name),
		OwnerId:             aws.String(im.Owner),
		Platform:            types.PlatformValues(im.Platform),
		PlatformDetails:     aws.String(im.PlatformDetails),
		Public:              aws.Bool(im.Share.Public),
		RootDeviceName:      aws.String(im.RootDevice),
		RootDeviceType:      types.DeviceTypeEbs,
		State:               types.ImageState(im.State),
		StateReason:         im.StateReason.describe(),
		Tags:                describeTags(tags),
		TpmSupport:          types.TpmSupportValues(im.TPMSupport),
		UsageOperation:      aws.String(im.UsageOperation),
		VirtualizationType:  types.VirtualizationType(im.Virtualization),
		Description:         text(im.Description),
		ImageOwnerAlias:     text(im.OwnerAlias),
		KernelId:            text(im.Kernel),
		RamdiskId:           text(im.Ramdisk),
		SriovNetSupport:     text(im.SRIOV),
		SourceInstanceId:    text(im.SourceInstance),
		SourceImageId:       text(im.SourceImage),
		SourceImageRegion:   text(im.SourceRegion),

		DeregistrationProtection: aws.String(either(im.Protection, unprotected)),
	}
	if !im.Deprecated.IsZero() {
		out.DeprecationTime = aws.String(imageTime(im.Deprecated))
	}
	for _, m := range im.Mappings {
		out.BlockDeviceMappings = append(out.BlockDeviceMappings, m.describe())
	}
	return out
}

func (m imageMapping) describe() types.BlockDeviceMapping {
	out := types.BlockDeviceMapping{DeviceName: aws.String(m.Device), VirtualName: text(m.Virtual)}
	if m.Virtual != "" {
		return out
	}
	out.Ebs = &types.EbsBlockDevice{
		DeleteOnTermination: aws.Bool(m.DeleteOnTermination),
		Encrypted:           aws.Bool(m.Encrypted),
		Iops:                positive(m.IOPS),
		SnapshotId:          text(m.Snapshot),
		Throughput:          positive(m.Throughput),
		VolumeSize:          positive(m.Size),
		VolumeType:          types.VolumeType(m.Type),
	}
	return out
}

// text is a string that is left out where it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// decimal is a number as filters and condition keys write it.
func decimal(n int32) string { return strconv.Itoa(int(n)) }
