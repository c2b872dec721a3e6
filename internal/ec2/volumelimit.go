package ec2

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// storageLimits are AWS's default quotas "Storage for … volumes, in TiB" of a
// Region (EBS guide, "Quotas for Amazon EBS"); Provisioned IOPS SSD (io2) has a
// smaller one.
var storageLimits = map[types.VolumeType]int64{
	types.VolumeTypeGp2: 50, types.VolumeTypeGp3: 50, types.VolumeTypeIo1: 50, types.VolumeTypeIo2: 20,
	types.VolumeTypeSt1: 50, types.VolumeTypeSc1: 50, types.VolumeTypeStandard: 50,
}

const gibInTiB = 1024

// storageRoom refuses a volume beyond the account's quota for volumes of its type.
func (s *Service) storageRoom(c *api.Call, v volume) error {
	limit, known := storageLimits[types.VolumeType(v.Type)]
	if !known {
		return nil
	}
	used := int64(v.Size)
	for other, err := range volumeTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return err
		}
		if other.Type == v.Type && other.ID != v.ID {
			used += int64(other.Size)
		}
	}
	if used <= limit*gibInTiB {
		return nil
	}
	return api.Error("VolumeLimitExceeded", fmt.Sprintf("You have exceeded your maximum %s storage limit of %d TiB in this region. "+
		"Please contact AWS Support to request an Elastic Block Store service limit increase.", v.Type, limit))
}
