package ec2

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
)

// volumeSpec is what a request asks of a volume: a CreateVolume, or one entry
// of a launch's block device mapping.
type volumeSpec struct {
	Zone        string
	Size        *int32 // GiB
	Type        string // gp2 if empty
	IOPS        *int32
	Throughput  *int32 // MiB/s
	Snapshot    string
	Encrypted   *bool
	Key         *string // key id, key ARN, alias or alias ARN
	MultiAttach bool
	InitRate    int32 // MiB/s
	Tags        map[string]string
}

// newVolume makes a volume as the spec wants it and keeps it in the state
// creating; fillVolume brings it to life. It asks nothing of KMS: a key that
// cannot be used shows only later (EC2 API reference, "CreateVolume": the key
// is authenticated asynchronously).
func (s *Service) newVolume(c *api.Call, spec volumeSpec) (volume, error) {
	v, err := s.planVolume(c, spec)
	if err == nil {
		err = s.storageRoom(c, v)
	}
	if err != nil {
		return volume{}, err
	}
	v.ID = c.NewID("vol-")
	v.Created = c.Now
	v.State = string(types.VolumeStateCreating)
	if err := putTags(c, string(types.ResourceTypeVolume), v.ID, spec.Tags); err != nil {
		return volume{}, err
	}
	return v, s.putVolume(c, v)
}

// planVolume resolves a spec against its snapshot and the account's defaults.
func (s *Service) planVolume(c *api.Call, spec volumeSpec) (volume, error) {
	v := volume{Zone: spec.Zone, Type: spec.Type, Snapshot: spec.Snapshot, MultiAttach: spec.MultiAttach, InitRate: spec.InitRate}
	if v.Type == "" {
		v.Type = string(types.VolumeTypeGp2)
	}
	if spec.Size == nil && spec.Snapshot == "" {
		return volume{}, missingParameter("size or snapshotId")
	}
	if spec.Key != nil && !aws.ToBool(spec.Encrypted) {
		return volume{}, api.Error("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	var from *snapshot
	if spec.Snapshot != "" {
		found, err := s.snapshotToRestore(c, spec.Snapshot)
		if err != nil {
			return volume{}, err
		}
		if found.State != string(types.SnapshotStateCompleted) {
			return volume{}, incorrectState("Snapshot is in invalid state - %s", found.State)
		}
		from = &found
		v.Size = found.Size
	}
	if spec.Size != nil {
		if *spec.Size < v.Size {
			return volume{}, invalidValue("Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", *spec.Size, spec.Snapshot, v.Size)
		}
		v.Size = *spec.Size
	}
	var err error
	v.IOPS, v.Throughput, err = checkPerformance(types.VolumeType(v.Type), v.Size, spec.IOPS, spec.Throughput, spec.MultiAttach)
	if err != nil {
		return volume{}, err
	}
	return v, s.chooseKey(c, &v, spec, from)
}

// chooseKey decides whether a volume is encrypted and under which key (EBS
// guide, "How Amazon EBS encryption works"): the key that was asked for; that
// of the account's own snapshot; the account's default otherwise, so for a
// snapshot that another account shared.
func (s *Service) chooseKey(c *api.Call, v *volume, spec volumeSpec, from *snapshot) error {
	d, err := ebsDefaultOf(c)
	if err != nil {
		return err
	}
	v.Encrypted = aws.ToBool(spec.Encrypted) || d.Encrypt || from != nil && from.Encrypted
	switch {
	case !v.Encrypted:
	case spec.Key != nil:
		v.Key = keyReference(c, *spec.Key)
	case from != nil && from.Encrypted && from.Owner == c.Account:
		v.Key, v.KeyManaged = from.Key, from.KeyManaged
	default:
		v.Key = d.key()
	}
	return nil
}

// keyReference gives a key that a request named as its ARN, where the name has
// all it takes: an alias stays as it is until KMS is asked.
func keyReference(c *api.Call, name string) string {
	if strings.HasPrefix(name, "arn:") || strings.HasPrefix(name, "alias/") {
		return name
	}
	return c.ARN("kms", "key/"+name)
}

// resolveKey gives the ARN of the key that a reference names, and whether the
// key is AWS managed. What already is a key's ARN costs no request; an alias is
// looked up in the caller's name, which makes alias/aws/ebs on first use.
func resolveKey(c *api.Call, reference string) (arn string, managed bool, err error) {
	if strings.Contains(reference, ":key/") {
		return reference, false, nil
	}
	out, err := api.Invoke[kms.DescribeKeyOutput](c.Forward("ec2", launch.FrontEnd), "kms", "DescribeKey",
		&kms.DescribeKeyInput{KeyId: aws.String(reference)})
	if err != nil {
		return "", false, err
	}
	return aws.ToString(out.KeyMetadata.Arn), out.KeyMetadata.KeyManager == kmstypes.KeyManagerTypeAws, nil
}

// fillVolume does what making an encrypted volume takes of KMS, in the name of
// the call's caller, and sets the volume's key and data key. What it takes is
// launch.CreateVolume's to say, or launch.RunVolume's. An unencrypted
// volume takes nothing. An error is KMS's own, or that of a snapshot that is
// gone. The volume is not stored.
func (s *Service) fillVolume(c *api.Call, v *volume, steps func(launch.Site, launch.Volume) []launch.Step) error {
	var source *launch.Source
	var wrapped []byte
	if v.Snapshot != "" {
		from, err := s.snapshotToRestore(c, v.Snapshot)
		if err != nil {
			return err
		}
		source, wrapped = from.source(), from.DataKey
		v.Lineage = from.Lineage
	}
	if !v.Encrypted {
		return nil
	}
	key, managed, err := resolveKey(c, v.Key)
	if err != nil {
		return err
	}
	v.Key, v.KeyManaged = key, managed || v.KeyManaged
	if source == nil || source.Key != key {
		v.Lineage = c.NewUUID()
	}
	done, err := s.perform(c, steps(siteOf(c), launch.Volume{ID: v.ID, Key: key, Source: source}), wrapped)
	// The grant under which EBS itself worked is of no use afterwards, whether
	// the work was finished or not.
	if retired := s.retire(c, done); err == nil {
		err = retired
	}
	if err != nil {
		return err
	}
	v.DataKey = done.DataKey
	return nil
}

// setVolumeKeys gives the condition keys of a volume that is to be made or is
// there (Service Authorization Reference, "Actions, resources, and condition
// keys for Amazon EC2").
func setVolumeKeys(c *api.Call, context *access.Context, v volume) {
	context.Set("ec2:AvailabilityZone", v.Zone)
	context.Set("ec2:Encrypted", boolKey(v.Encrypted))
	context.Set("ec2:VolumeSize", decimal(v.Size))
	context.Set("ec2:VolumeType", v.Type)
	if v.ID != "" {
		context.Set("ec2:VolumeID", v.ID)
	}
	if id := zoneID(c, v.Zone); id != "" {
		context.Set("ec2:AvailabilityZoneId", id)
	}
	if v.IOPS > 0 {
		context.Set("ec2:VolumeIops", decimal(v.IOPS))
	}
	if v.Throughput > 0 {
		context.Set("ec2:VolumeThroughput", decimal(v.Throughput))
	}
	if v.Snapshot != "" {
		context.Set("ec2:ParentSnapshot", resourceARN(c, types.ResourceTypeSnapshot, v.Snapshot))
	}
	if v.Encrypted && v.Key != "" {
		context.Set("ec2:KmsKeyId", v.Key)
	}
	if v.InitRate > 0 {
		context.Set("ec2:VolumeInitializationRate", decimal(v.InitRate))
	}
}
