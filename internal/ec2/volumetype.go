package ec2

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// volumeType is what AWS allows of one volume type (EBS guide, "Amazon EBS
// volume types").
type volumeType struct {
	minSize, maxSize int32 // GiB
	// minIOPS and maxIOPS bound what a request may provision; zero where IOPS
	// cannot be chosen.
	minIOPS, maxIOPS int32
	iopsPerGiB       float64
	baseIOPS         int32 // given where none is asked for
	// The same for throughput, MiB/s.
	minThroughput, maxThroughput int32
	throughputPerIOPS            float64
	multiAttach                  bool
}

var volumeTypes = map[types.VolumeType]volumeType{
	types.VolumeTypeGp2: {minSize: 1, maxSize: 16384},
	types.VolumeTypeGp3: {
		minSize: 1, maxSize: 65536, minIOPS: 3000, maxIOPS: 80000, iopsPerGiB: 500, baseIOPS: 3000,
		minThroughput: 125, maxThroughput: 2000, throughputPerIOPS: 0.25,
	},
	types.VolumeTypeIo1:      {minSize: 4, maxSize: 16384, minIOPS: 100, maxIOPS: 64000, iopsPerGiB: 50, multiAttach: true},
	types.VolumeTypeIo2:      {minSize: 4, maxSize: 65536, minIOPS: 100, maxIOPS: 256000, iopsPerGiB: 1000, multiAttach: true},
	types.VolumeTypeSt1:      {minSize: 125, maxSize: 16384},
	types.VolumeTypeSc1:      {minSize: 125, maxSize: 16384},
	types.VolumeTypeStandard: {minSize: 1, maxSize: 1024},
}

// gp2IOPS is the baseline of a gp2 volume: 3 a GiB, within 100 and 16,000.
func gp2IOPS(size int32) int32 { return min(max(3*size, 100), 16000) }

// checkPerformance refuses a size, IOPS and throughput that the type does not
// have, and returns the IOPS and throughput that the volume gets. multiAttach
// is whether the volume is to be attached to several instances.
func checkPerformance(name types.VolumeType, size int32, iops, throughput *int32, multiAttach bool) (int32, int32, error) {
	t, ok := volumeTypes[name]
	if !ok {
		return 0, 0, invalidValue("Value (%s) for parameter volumeType is invalid. Expected one of: %s", name, volumeTypeNames())
	}
	if size < t.minSize {
		return 0, 0, invalidValue("Volume of %dGiB is too small for volume type %s; minimum is %dGiB.", size, name, t.minSize)
	}
	if size > t.maxSize {
		return 0, 0, invalidValue("Volume of %dGiB is too large for volume type %s; maximum is %dGiB.", size, name, t.maxSize)
	}
	if multiAttach && !t.multiAttach {
		return 0, 0, invalidCombination("The parameter multiAttachEnabled is not supported for %s volumes.", name)
	}
	gotIOPS, err := t.checkIOPS(name, size, iops)
	if err != nil {
		return 0, 0, err
	}
	gotThroughput, err := t.checkThroughput(gotIOPS, throughput)
	return gotIOPS, gotThroughput, err
}

func (t volumeType) checkIOPS(name types.VolumeType, size int32, iops *int32) (int32, error) {
	switch {
	case t.maxIOPS == 0 && iops != nil:
		return 0, invalidCombination("The parameter iops is not supported for %s volumes.", name)
	case name == types.VolumeTypeGp2:
		return gp2IOPS(size), nil
	case t.maxIOPS == 0:
		return 0, nil
	case iops == nil && t.baseIOPS > 0:
		return t.baseIOPS, nil
	case iops == nil:
		return 0, invalidCombination("The parameter iops must be specified for %s volumes.", name)
	case *iops < t.minIOPS:
		return 0, invalidValue("Volume iops of %d is too low; minimum is %d.", *iops, t.minIOPS)
	case *iops > t.maxIOPS:
		return 0, invalidValue("Volume iops of %d is too high; maximum is %d.", *iops, t.maxIOPS)
	}
	// The base is given whatever the size is.
	if ratio := float64(*iops) / float64(size); *iops > t.baseIOPS && ratio > t.iopsPerGiB {
		return 0, invalidValue("Iops to volume size ratio of %f is too high; maximum is %g", ratio, t.iopsPerGiB)
	}
	return *iops, nil
}

func (t volumeType) checkThroughput(iops int32, throughput *int32) (int32, error) {
	switch {
	case t.maxThroughput == 0 && throughput != nil:
		return 0, invalidCombination("throughput can only be specified for volumeType gp3.")
	case t.maxThroughput == 0:
		return 0, nil
	case throughput == nil:
		return t.minThroughput, nil
	case *throughput < t.minThroughput:
		return 0, invalidValue("Volume throughput of %dMiBps is too low; minimum is %dMiBps.", *throughput, t.minThroughput)
	case *throughput > t.maxThroughput:
		return 0, invalidValue("Volume throughput of %dMiBps is too high; maximum is %dMiBps.", *throughput, t.maxThroughput)
	}
	if ratio := float64(*throughput) / float64(iops); ratio > t.throughputPerIOPS {
		return 0, invalidValue("Throughput (MiBps) to iops ratio of %f is too high; maximum is %f MiBps per iops.", ratio, t.throughputPerIOPS)
	}
	return *throughput, nil
}

func volumeTypeNames() string {
	var names []string
	for _, n := range types.VolumeType("").Values() {
		names = append(names, string(n))
	}
	return strings.Join(names, ", ")
}
