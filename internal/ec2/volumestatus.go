package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

var describeVolumeStatusPages = pageRule{least: 5, most: 1000, ids: "volumesSet"}

// describeVolumeStatus reports that every volume is well: none can fail here.
func (s *Service) describeVolumeStatus(c *api.Call, in *ec2.DescribeVolumeStatusInput) (*ec2.DescribeVolumeStatusOutput, error) {
	if err := describeVolumeStatusPages.check(in.MaxResults, in.VolumeIds); err != nil {
		return nil, err
	}
	found, err := s.findVolumes(c, in.VolumeIds, in.Filters, volumeStatusFilter)
	if err != nil {
		return nil, err
	}
	rows, next, err := page(found, taggedVolume.key, describeVolumeStatusPages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVolumeStatusOutput{VolumeStatuses: []types.VolumeStatusItem{}, NextToken: next}
	for _, r := range rows {
		out.VolumeStatuses = append(out.VolumeStatuses, r.status(c))
	}
	return out, nil
}

// ioPerformance is the status check that only types with provisioned IOPS have.
func (v volume) ioPerformance() string {
	switch types.VolumeType(v.Type) {
	case types.VolumeTypeIo1, types.VolumeTypeIo2, types.VolumeTypeGp3:
		if len(v.Attachments) > 0 {
			return "normal"
		}
	}
	return "not-applicable"
}

func (v volume) status(c *api.Call) types.VolumeStatusItem {
	out := types.VolumeStatusItem{
		Actions: []types.VolumeStatusAction{}, Events: []types.VolumeStatusEvent{}, AvailabilityZone: aws.String(v.Zone), VolumeId: aws.String(v.ID),
		AvailabilityZoneId: text(zoneID(c, v.Zone)),
		VolumeStatus: &types.VolumeStatusInfo{
			Status: types.VolumeStatusInfoStatusOk,
			Details: []types.VolumeStatusDetails{
				{Name: types.VolumeStatusNameIoEnabled, Status: aws.String("passed")},
				{Name: types.VolumeStatusNameIoPerformance, Status: aws.String(v.ioPerformance())},
			},
		},
	}
	if v.State == string(types.VolumeStateCreating) {
		out.VolumeStatus.Status = types.VolumeStatusInfoStatusInsufficientData
	}
	for _, a := range v.Attachments {
		out.AttachmentStatuses = append(out.AttachmentStatuses, types.VolumeStatusAttachmentStatus{
			InstanceId: aws.String(a.Instance), IoPerformance: aws.String(v.ioPerformance()),
		})
	}
	return out
}

// volumeStatusFilter gives a volume's values under DescribeVolumeStatus' filters.
func volumeStatusFilter(c *api.Call, v taggedVolume, name string) ([]string, bool) {
	switch name {
	case "action.code", "action.description", "action.event-id",
		"event.description", "event.event-id", "event.event-type", "event.not-after", "event.not-before", "operator.principal":
		return nil, true
	case "availability-zone":
		return []string{v.Zone}, true
	case "availability-zone-id":
		return some(zoneID(c, v.Zone)), true
	case "operator.managed":
		return flag(false), true
	case "volume-status.details-name":
		return []string{string(types.VolumeStatusNameIoEnabled), string(types.VolumeStatusNameIoPerformance)}, true
	case "volume-status.details-status":
		return []string{"passed", v.ioPerformance()}, true
	case "volume-status.status":
		return []string{string(v.status(c).VolumeStatus.Status)}, true
	}
	return nil, false
}

func (s *Service) describeVolumeAttribute(c *api.Call, in *ec2.DescribeVolumeAttributeInput) (*ec2.DescribeVolumeAttributeOutput, error) {
	v, err := s.getVolume(c, aws.ToString(in.VolumeId))
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVolumeAttributeOutput{VolumeId: aws.String(v.ID)}
	switch in.Attribute {
	case types.VolumeAttributeNameAutoEnableIO:
		out.AutoEnableIO = &types.AttributeBooleanValue{Value: aws.Bool(v.AutoIO)}
	case types.VolumeAttributeNameProductCodes:
		out.ProductCodes = []types.ProductCode{}
	default:
		return nil, invalidValue("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

func (s *Service) modifyVolumeAttribute(c *api.Call, in *ec2.ModifyVolumeAttributeInput) (*ec2.ModifyVolumeAttributeOutput, error) {
	v, err := s.getVolume(c, aws.ToString(in.VolumeId))
	if err != nil {
		return nil, err
	}
	if in.AutoEnableIO == nil || in.AutoEnableIO.Value == nil {
		return nil, missingParameter("AutoEnableIO")
	}
	v.AutoIO = *in.AutoEnableIO.Value
	return &ec2.ModifyVolumeAttributeOutput{}, s.putVolume(c, v)
}

// enableVolumeIO switches on what is never switched off here.
func (s *Service) enableVolumeIO(c *api.Call, in *ec2.EnableVolumeIOInput) (*ec2.EnableVolumeIOOutput, error) {
	_, err := s.getVolume(c, aws.ToString(in.VolumeId))
	return &ec2.EnableVolumeIOOutput{}, err
}
