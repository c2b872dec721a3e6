package ec2

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// modification is one ModifyVolume of a volume. What becomes of it in time is
// read off its start: there is nothing else to wait for.
type modification struct {
	Started time.Time   `json:"started"`
	From    performance `json:"from"`
	To      performance `json:"to"`
}

// performance is what a modification can change.
type performance struct {
	Type        types.VolumeType `json:"type"`
	Size        int32            `json:"size"` // GiB
	IOPS        int32            `json:"iops,omitempty"`
	Throughput  int32            `json:"throughput,omitempty"` // MiB/s
	MultiAttach bool             `json:"multiAttach,omitempty"`
}

// How long a modification is modifying, and optimizing until it is completed.
// AWS takes minutes to hours for the second.
const (
	modifyingTime  = 2 * time.Second
	optimizingTime = 10 * time.Second
)

// A volume may be modified this often within a time (EBS guide, "Requirements
// for Amazon EBS volume modifications"; since January 2026 in place of six
// hours between two modifications).
const (
	maxModifications   = 4
	modificationWindow = 24 * time.Hour
)

func (v volume) performance() performance {
	return performance{types.VolumeType(v.Type), v.Size, v.IOPS, v.Throughput, v.MultiAttach}
}

// state is the modification's state at a time and its progress in percent.
func (m modification) state(now time.Time) (types.VolumeModificationState, int64) {
	switch gone := now.Sub(m.Started); {
	case gone < modifyingTime:
		return types.VolumeModificationStateModifying, 0
	case gone < modifyingTime+optimizingTime:
		return types.VolumeModificationStateOptimizing, 100 * int64(gone-modifyingTime) / int64(optimizingTime)
	default:
		return types.VolumeModificationStateCompleted, 100
	}
}

func (m modification) describe(volumeID string, now time.Time) types.VolumeModification {
	state, progress := m.state(now)
	out := types.VolumeModification{
		ModificationState: state, Progress: aws.Int64(progress), StartTime: aws.Time(m.Started), VolumeId: aws.String(volumeID),
		OriginalVolumeType: m.From.Type, OriginalSize: aws.Int32(m.From.Size), OriginalIops: positive(m.From.IOPS),
		OriginalThroughput: positive(m.From.Throughput), OriginalMultiAttachEnabled: aws.Bool(m.From.MultiAttach),
		TargetVolumeType: m.To.Type, TargetSize: aws.Int32(m.To.Size), TargetIops: positive(m.To.IOPS),
		TargetThroughput: positive(m.To.Throughput), TargetMultiAttachEnabled: aws.Bool(m.To.MultiAttach),
	}
	if state == types.VolumeModificationStateCompleted {
		out.EndTime = aws.Time(m.Started.Add(modifyingTime + optimizingTime))
	}
	return out
}

// modifyVolumeNeeds authorizes the volume as it is; what it is to become stands
// in keys of its own (Service Authorization Reference, "ModifyVolume").
func (s *Service) modifyVolumeNeeds(c *api.Call, in *ec2.ModifyVolumeInput) ([]api.Need, error) {
	n, err := s.volumeNeed(c, "ModifyVolume", aws.ToString(in.VolumeId))
	if err != nil {
		return nil, err
	}
	n.Context.Set("ec2:Attribute/VolumeId", aws.ToString(in.VolumeId))
	if in.VolumeType != "" {
		n.Context.Set("ec2:Attribute/VolumeType", string(in.VolumeType))
	}
	if in.Size != nil {
		n.Context.Set("ec2:Attribute/Size", decimal(*in.Size))
	}
	if in.Iops != nil {
		n.Context.Set("ec2:Attribute/Iops", decimal(*in.Iops))
	}
	if in.Throughput != nil {
		n.Context.Set("ec2:Attribute/Throughput", decimal(*in.Throughput))
	}
	return []api.Need{n}, nil
}

func (s *Service) modifyVolume(c *api.Call, in *ec2.ModifyVolumeInput) (*ec2.ModifyVolumeOutput, error) {
	v, err := s.getVolume(c, aws.ToString(in.VolumeId))
	if err != nil {
		return nil, err
	}
	if in.Size == nil && in.VolumeType == "" && in.Iops == nil && in.Throughput == nil && in.MultiAttachEnabled == nil {
		return nil, missingParameter("size, volumeType, iops, throughput or multiAttachEnabled")
	}
	if v.State != string(types.VolumeStateAvailable) && v.State != string(types.VolumeStateInUse) {
		return nil, incorrectState("The volume '%s' is '%s'", v.ID, v.State)
	}
	to, err := modifiedTo(v, in)
	if err != nil {
		return nil, err
	}
	if err := v.checkModificationRate(c.Now); err != nil {
		return nil, err
	}
	m := modification{Started: c.Now, From: v.performance(), To: to}
	v.Type, v.Size, v.IOPS, v.Throughput, v.MultiAttach = string(to.Type), to.Size, to.IOPS, to.Throughput, to.MultiAttach
	if m.From.Type != m.To.Type || m.From.Size < m.To.Size {
		if err := s.storageRoom(c, v); err != nil {
			return nil, err
		}
	}
	v.Modifications = append(v.Modifications, m)
	if extra := len(v.Modifications) - maxModifications; extra > 0 {
		v.Modifications = slices.Delete(v.Modifications, 0, extra)
	}
	if err := s.putVolume(c, v); err != nil {
		return nil, err
	}
	d := m.describe(v.ID, c.Now)
	return &ec2.ModifyVolumeOutput{VolumeModification: &d}, nil
}

// modifiedTo is what a volume becomes. What the request leaves out stays, where
// the new type has it, and is the type's base otherwise.
func modifiedTo(v volume, in *ec2.ModifyVolumeInput) (performance, error) {
	to := v.performance()
	if in.VolumeType != "" {
		to.Type = in.VolumeType
	}
	if in.Size != nil {
		if *in.Size < v.Size {
			return to, invalidValue("New size cannot be smaller than existing size")
		}
		to.Size = *in.Size
	}
	if in.MultiAttachEnabled != nil {
		switch {
		case *in.MultiAttachEnabled != v.MultiAttach && len(v.Attachments) > 0:
			return to, incorrectState("Multi-Attach can be changed only while the volume '%s' is 'available'.", v.ID)
		case *in.MultiAttachEnabled && to.Type != types.VolumeTypeIo2:
			return to, invalidCombination("Multi-Attach can be enabled after creation only for io2 volumes.")
		}
		to.MultiAttach = *in.MultiAttachEnabled
	}
	if to.Type == types.VolumeTypeStandard && to != v.performance() || v.Type == string(types.VolumeTypeStandard) && in.VolumeType == "" {
		return to, api.Error("InvalidParameterValue", "Modification of standard volumes, or to standard, is not supported.")
	}
	iops, throughput := in.Iops, in.Throughput
	sameKind := string(to.Type) == v.Type
	if t := volumeTypes[to.Type]; iops == nil && t.maxIOPS > 0 && v.IOPS > 0 && (sameKind || v.IOPS >= t.minIOPS) {
		iops = aws.Int32(v.IOPS)
	}
	if throughput == nil && sameKind && v.Throughput > 0 {
		throughput = aws.Int32(v.Throughput)
	}
	var err error
	to.IOPS, to.Throughput, err = checkPerformance(to.Type, to.Size, iops, throughput, to.MultiAttach)
	return to, err
}

// checkModificationRate refuses a modification while one is going on, and after
// too many of them.
func (v volume) checkModificationRate(now time.Time) error {
	recent := 0
	for _, m := range v.Modifications {
		if state, _ := m.state(now); state != types.VolumeModificationStateCompleted {
			return api.Error("IncorrectModificationState", "Volume '"+v.ID+"' is in the '"+string(state)+"' modification state. Wait until the modification is completed.")
		}
		if now.Sub(m.Started) < modificationWindow {
			recent++
		}
	}
	if recent >= maxModifications {
		return api.Error("VolumeModificationRateExceeded",
			"You've reached the maximum modification rate per volume limit. You can modify a volume up to 4 times in a rolling 24-hour period.")
	}
	return nil
}

var describeModificationsPages = pageRule{least: 5, most: 500, ids: "volumesSet"}

// describeVolumesModifications lists the latest modification of each volume
// that was ever modified.
func (s *Service) describeVolumesModifications(c *api.Call, in *ec2.DescribeVolumesModificationsInput) (*ec2.DescribeVolumesModificationsOutput, error) {
	if err := describeModificationsPages.check(in.MaxResults, in.VolumeIds); err != nil {
		return nil, err
	}
	found, err := s.findVolumes(c, in.VolumeIds, in.Filters, modificationFilter)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(v taggedVolume) bool { return len(v.Modifications) == 0 })
	if len(found) == 0 && len(in.VolumeIds) > 0 {
		return nil, api.Error("InvalidVolumeModification.NotFound", "Modification for volume '"+in.VolumeIds[0]+"' does not exist.")
	}
	rows, next, err := page(found, taggedVolume.key, describeModificationsPages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVolumesModificationsOutput{VolumesModifications: []types.VolumeModification{}, NextToken: next}
	for _, r := range rows {
		out.VolumesModifications = append(out.VolumesModifications, r.Modifications[len(r.Modifications)-1].describe(r.ID, c.Now))
	}
	return out, nil
}

// modificationFilter gives a volume's values under the filters of
// DescribeVolumesModifications.
func modificationFilter(c *api.Call, v taggedVolume, name string) ([]string, bool) {
	var m modification
	if n := len(v.Modifications); n > 0 {
		m = v.Modifications[n-1]
	}
	state, _ := m.state(c.Now)
	switch name {
	case "modification-state":
		return []string{string(state)}, true
	case "operator.managed":
		return flag(false), true
	case "operator.principal":
		return nil, true
	case "original-iops":
		return number(m.From.IOPS), true
	case "original-size":
		return number(m.From.Size), true
	case "original-volume-type":
		return some(string(m.From.Type)), true
	case "originalMultiAttachEnabled":
		return flag(m.From.MultiAttach), true
	case "start-time":
		return []string{filterTime(m.Started)}, true
	case "target-iops":
		return number(m.To.IOPS), true
	case "target-size":
		return number(m.To.Size), true
	case "target-volume-type":
		return some(string(m.To.Type)), true
	case "targetMultiAttachEnabled":
		return flag(m.To.MultiAttach), true
	case "volume-id":
		return []string{v.ID}, true
	}
	return nil, false
}
