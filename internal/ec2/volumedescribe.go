package ec2

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

var describeVolumesPages = pageRule{least: 5, most: 1000, ids: "volumesSet"}

func (s *Service) describeVolumes(c *api.Call, in *ec2.DescribeVolumesInput) (*ec2.DescribeVolumesOutput, error) {
	if err := describeVolumesPages.check(in.MaxResults, in.VolumeIds); err != nil {
		return nil, err
	}
	found, err := s.findVolumes(c, in.VolumeIds, in.Filters, volumeFilter)
	if err != nil {
		return nil, err
	}
	rows, next, err := page(found, taggedVolume.key, describeVolumesPages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVolumesOutput{Volumes: []types.Volume{}, NextToken: next}
	for _, r := range rows {
		out.Volumes = append(out.Volumes, r.describe(c, r.tags))
	}
	return out, nil
}

// taggedVolume is a volume with its tags.
type taggedVolume struct {
	volume
	tags map[string]string
}

func (v taggedVolume) key() string { return v.ID }

// findVolumes returns the volumes with the ids, or all if there are none, that
// pass the filters, sorted by id. An id that belongs to nothing is an error,
// one that the filters exclude is not.
func (s *Service) findVolumes(c *api.Call, ids []string, filters []types.Filter,
	values func(c *api.Call, v taggedVolume, name string) ([]string, bool),
) ([]taggedVolume, error) {
	if err := checkFilters(filters, func(name string) bool {
		_, known := values(c, taggedVolume{}, name)
		return known
	}); err != nil {
		return nil, err
	}
	volumes, err := selectRows(ids, volumeTable.All(c.Tx, c.Scope()),
		func(id string) (volume, error) { return s.getVolume(c, id) }, func(v volume) string { return v.ID }, volumeIdentifier)
	if err != nil {
		return nil, err
	}
	var found []taggedVolume
	for _, v := range volumes {
		tags, err := tagsOf(c, v.ID)
		if err != nil {
			return nil, err
		}
		row := taggedVolume{volume: v, tags: tags}
		ok, err := matches(filters, func(name string) ([]string, bool) { return values(c, row, name) })
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, row)
		}
	}
	return found, nil
}

// volumeFilter gives a volume's values under DescribeVolumes' filters.
func volumeFilter(c *api.Call, v taggedVolume, name string) ([]string, bool) {
	switch name {
	case "availability-zone":
		return []string{v.Zone}, true
	case "availability-zone-id":
		return some(zoneID(c, v.Zone)), true
	case "create-time":
		return []string{filterTime(v.Created)}, true
	case "encrypted":
		return flag(v.Encrypted), true
	case "fast-restored", "operator.managed":
		return flag(false), true
	case "operator.principal":
		return nil, true
	case "kms-key-id":
		return some(v.Key), true
	case "multi-attach-enabled":
		return flag(v.MultiAttach), true
	case "size":
		return []string{strconv.Itoa(int(v.Size))}, true
	case "iops":
		return number(v.IOPS), true
	case "throughput":
		return number(v.Throughput), true
	case "snapshot-id":
		return some(v.Snapshot), true
	case "source-volume-id":
		return nil, true
	case "status":
		return []string{v.State}, true
	case "volume-id":
		return []string{v.ID}, true
	case "volume-type":
		return []string{v.Type}, true
	}
	if values, known := attachmentFilter(c, v, name); known {
		return values, true
	}
	return tagFilter(v.tags, name)
}

func attachmentFilter(c *api.Call, v taggedVolume, name string) ([]string, bool) {
	var value func(attachment) string
	switch name {
	case "attachment.attach-time":
		value = func(a attachment) string { return filterTime(a.shownTime()) }
	case "attachment.delete-on-termination":
		value = func(a attachment) string { return strconv.FormatBool(a.DeleteOnTermination) }
	case "attachment.device":
		value = func(a attachment) string { return a.Device }
	case "attachment.instance-id":
		value = func(a attachment) string { return a.Instance }
	case "attachment.status":
		value = func(a attachment) string { return string(a.shownState(c.Now)) }
	default:
		return nil, false
	}
	var values []string
	for _, a := range v.Attachments {
		values = append(values, value(a))
	}
	return values, true
}

// number is a filter's value that is absent where it is zero.
func number(n int32) []string {
	if n == 0 {
		return nil
	}
	return []string{strconv.Itoa(int(n))}
}
