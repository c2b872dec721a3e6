package iam

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) deviceOperations() []api.Operation {
	return []api.Operation{
		op("CreateVirtualMFADevice", func(c *api.Call, in *iam.CreateVirtualMFADeviceInput) (target, error) {
			return creation(deviceARN(c, in.Path, in.VirtualMFADeviceName), in.Tags, "iam:TagMFADevice", ""), nil
		}, s.createVirtualDevice),
		op("DeleteVirtualMFADevice", onDevice(func(in *iam.DeleteVirtualMFADeviceInput) *string { return in.SerialNumber }), s.deleteVirtualDevice),
		op("EnableMFADevice", onEntity(userKind, func(in *iam.EnableMFADeviceInput) *string { return in.UserName }), s.enableDevice),
		op("DeactivateMFADevice", onCaller(func(in *iam.DeactivateMFADeviceInput) *string { return in.UserName }), s.deactivateDevice),
		op("ResyncMFADevice", onEntity(userKind, func(in *iam.ResyncMFADeviceInput) *string { return in.UserName }), s.resyncDevice),
		read("ListMFADevices", onCaller(func(in *iam.ListMFADevicesInput) *string { return in.UserName }), s.listDevices),
		read("ListVirtualMFADevices", everywhere[iam.ListVirtualMFADevicesInput], s.listVirtualDevices),
		read("GetMFADevice", onCaller(func(in *iam.GetMFADeviceInput) *string { return in.UserName }), s.describeDevice),
		op("TagMFADevice", tagged(onDevice(func(in *iam.TagMFADeviceInput) *string { return in.SerialNumber }), withTags(func(in *iam.TagMFADeviceInput) []types.Tag { return in.Tags })),
			func(c *api.Call, in *iam.TagMFADeviceInput) (*iam.TagMFADeviceOutput, error) {
				return &iam.TagMFADeviceOutput{}, changeDeviceTags(c, in.SerialNumber, func(t tags) (tags, error) { return t.set(in.Tags, false) })
			}),
		op("UntagMFADevice", tagged(onDevice(func(in *iam.UntagMFADeviceInput) *string { return in.SerialNumber }), withKeys(func(in *iam.UntagMFADeviceInput) []string { return in.TagKeys })),
			func(c *api.Call, in *iam.UntagMFADeviceInput) (*iam.UntagMFADeviceOutput, error) {
				return &iam.UntagMFADeviceOutput{}, changeDeviceTags(c, in.SerialNumber, func(t tags) (tags, error) { return t.unset(in.TagKeys, false), nil })
			}),
		read("ListMFADeviceTags", onDevice(func(in *iam.ListMFADeviceTagsInput) *string { return in.SerialNumber }),
			func(c *api.Call, in *iam.ListMFADeviceTagsInput) (*iam.ListMFADeviceTagsOutput, error) {
				d, err := getDevice(c, value(in.SerialNumber))
				if err != nil {
					return nil, err
				}
				p, err := tagPage(d.Tags, in.Marker, in.MaxItems)
				return &iam.ListMFADeviceTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
			}),
	}
}

func changeDeviceTags(c *api.Call, serial *string, change func(tags) (tags, error)) error {
	d, err := getDevice(c, value(serial))
	if err != nil {
		return err
	}
	if d.Tags, err = change(d.Tags); err != nil {
		return err
	}
	return d.put(c)
}

func (s *Service) createVirtualDevice(c *api.Call, in *iam.CreateVirtualMFADeviceInput) (*iam.CreateVirtualMFADeviceOutput, error) {
	d := device{Name: value(in.VirtualMFADeviceName), Path: pathOr(in.Path), Created: c.Now}
	var err error
	if d.Tags, err = newTags(in.Tags, false); err != nil {
		return nil, err
	}
	if err := free(c, devices, d.Name, exists("MFADevice entity at the same path and name already exists.")); err != nil {
		return nil, err
	}
	text, picture, err := s.newSeed(c, &d)
	if err != nil {
		return nil, err
	}
	c.Event.ResponseElements = map[string]any{"virtualMFADevice": map[string]any{"serialNumber": d.serial(c)}}
	return &iam.CreateVirtualMFADeviceOutput{VirtualMFADevice: &types.VirtualMFADevice{
		SerialNumber: aws.String(d.serial(c)), Base32StringSeed: text, QRCodePNG: picture, Tags: d.Tags.describe(),
	}}, d.put(c)
}

func (s *Service) deleteVirtualDevice(c *api.Call, in *iam.DeleteVirtualMFADeviceInput) (*iam.DeleteVirtualMFADeviceOutput, error) {
	d, err := getDevice(c, value(in.SerialNumber))
	if err != nil {
		return nil, err
	}
	if d.User != "" {
		return nil, inUse("Cannot delete entity, must deactivate MFA device first.")
	}
	return &iam.DeleteVirtualMFADeviceOutput{}, devices.Delete(c.Tx, c.Global(), rowID(d.Name))
}

// enableDevice gives a device to a user, who shows with two codes, one after the
// other, that the device has the seed (IAM API reference, "EnableMFADevice").
func (s *Service) enableDevice(c *api.Call, in *iam.EnableMFADeviceInput) (*iam.EnableMFADeviceOutput, error) {
	u, err := get(c.Tx, c.Global(), users, "user", value(in.UserName))
	if err != nil {
		return nil, err
	}
	d, err := getDevice(c, value(in.SerialNumber))
	if err != nil {
		return nil, err
	}
	if d.User != "" {
		return nil, exists("MFA Device is already in use.")
	}
	held, err := devicesOf(c, u.ID)
	if err != nil {
		return nil, err
	}
	if len(held) >= devicesMax {
		return nil, quota("MFADevicesPerUser", devicesMax)
	}
	at, ok, err := s.takes(c, d, value(in.AuthenticationCode1), value(in.AuthenticationCode2))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, invalidCode()
	}
	d.User, d.Enabled, d.Last = u.ID, c.Now, at
	return &iam.EnableMFADeviceOutput{}, d.put(c)
}

// deviceOfUser is a user's device, the caller's where no user is named.
func deviceOfUser(c *api.Call, name, serial *string) (device, error) {
	d, err := getDevice(c, value(serial))
	if err != nil {
		return d, err
	}
	who, err := userOrSelf(c, name)
	if err != nil {
		return d, err
	}
	u, err := get(c.Tx, c.Global(), users, "user", who)
	if err == nil && d.User != u.ID {
		err = notFound("MFA device with serial number %s doesn't exist for user %s.", value(serial), who)
	}
	return d, err
}

func (s *Service) deactivateDevice(c *api.Call, in *iam.DeactivateMFADeviceInput) (*iam.DeactivateMFADeviceOutput, error) {
	d, err := deviceOfUser(c, in.UserName, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	d.User, d.Enabled = "", c.Now
	return &iam.DeactivateMFADeviceOutput{}, d.put(c)
}

// resyncDevice takes two codes in a row and so learns nothing here: codes are
// looked for around the present anyway.
func (s *Service) resyncDevice(c *api.Call, in *iam.ResyncMFADeviceInput) (*iam.ResyncMFADeviceOutput, error) {
	d, err := deviceOfUser(c, in.UserName, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	at, ok, err := s.takes(c, d, value(in.AuthenticationCode1), value(in.AuthenticationCode2))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, invalidCode()
	}
	d.Last = at
	return &iam.ResyncMFADeviceOutput{}, d.put(c)
}

func (s *Service) listDevices(c *api.Call, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	name, err := userOrSelf(c, in.UserName)
	if err != nil {
		return nil, err
	}
	var held []device
	if name != "" {
		u, err := get(c.Tx, c.Global(), users, "user", name)
		if err != nil {
			return nil, err
		}
		if held, err = devicesOf(c, u.ID); err != nil {
			return nil, err
		}
	}
	p, err := paginate(held, func(d device) string { return rowID(d.Name) }, in.Marker, in.MaxItems)
	return &iam.ListMFADevicesOutput{
		MFADevices: convert(p.items, func(d device) types.MFADevice {
			return types.MFADevice{UserName: aws.String(name), SerialNumber: aws.String(d.serial(c)), EnableDate: aws.Time(d.Enabled)}
		}), IsTruncated: p.truncated, Marker: p.marker,
	}, err
}

func (s *Service) listVirtualDevices(c *api.Call, in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	all, err := collect(devices.All(c.Tx, c.Global()), func(d device) bool {
		switch in.AssignmentStatus {
		case types.AssignmentStatusTypeAssigned:
			return d.User != ""
		case types.AssignmentStatusTypeUnassigned:
			return d.User == ""
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	p, err := paginate(all, func(d device) string { return rowID(d.Name) }, in.Marker, in.MaxItems)
	out := &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: []types.VirtualMFADevice{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, d := range p.items {
		v := types.VirtualMFADevice{SerialNumber: aws.String(d.serial(c))}
		if d.User != "" {
			u, err := first(users.Find(c.Tx, c.Global(), "id", d.User))
			if err != nil {
				return nil, err
			}
			shown := u.describe(c)
			v.User, v.EnableDate = &shown, aws.Time(d.Enabled)
		}
		out.VirtualMFADevices = append(out.VirtualMFADevices, v)
	}
	return out, err
}

func (s *Service) describeDevice(c *api.Call, in *iam.GetMFADeviceInput) (*iam.GetMFADeviceOutput, error) {
	d, err := getDevice(c, value(in.SerialNumber))
	if err != nil {
		return nil, err
	}
	out := &iam.GetMFADeviceOutput{SerialNumber: aws.String(d.serial(c))}
	if d.User == "" {
		return out, nil
	}
	u, err := first(users.Find(c.Tx, c.Global(), "id", d.User))
	out.UserName, out.EnableDate = aws.String(u.Name), aws.Time(d.Enabled)
	return out, err
}
