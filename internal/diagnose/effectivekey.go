package diagnose

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// from says that the volume is made of another snapshot than was thought, if one
// is named.
func (v *Volume) from(snapshot string) {
	if snapshot != "" && snapshot != v.Snapshot {
		v.Snapshot, v.SnapshotEncrypted = snapshot, nil
	}
}

// effectiveKeys works out under which keys volumes are to be made: the one that was
// asked for, else the snapshot's own, else the Region's default (EBS guide, "How
// Amazon EBS encryption works"). A volume of another account's encrypted snapshot
// is made under the default key. Where it cannot be told a volume has no key.
func (g *gatherer) effectiveKeys() {
	e := g.evidence
	shown := g.snapshots()
	for i := range e.Volumes {
		v := &e.Volumes[i]
		v.Encrypted = v.Encrypted || v.Key != "" || aws.ToBool(v.SnapshotEncrypted)
	}
	if slices.ContainsFunc(e.Volumes, func(v Volume) bool { return !v.Encrypted }) && g.encryptedByDefault() {
		for i := range e.Volumes {
			e.Volumes[i].Encrypted = true
		}
	}
	var wanting []*Volume
	for i := range e.Volumes {
		v := &e.Volumes[i]
		unknown := !shown && v.Snapshot != "" && (v.SnapshotEncrypted == nil || *v.SnapshotEncrypted && v.SnapshotKey == "")
		switch {
		case !v.Encrypted || v.Key != "" || unknown:
		case v.SnapshotKey != "" && accountOf(v.SnapshotKey) == e.Site.Account:
			v.Key, v.KeyFrom = v.SnapshotKey, FromSnapshot
		default:
			wanting = append(wanting, v)
		}
	}
	if len(wanting) == 0 {
		return
	}
	out, err := g.clients.EC2.GetEbsDefaultKmsKeyId(g.ctx, &ec2.GetEbsDefaultKmsKeyIdInput{})
	if err != nil {
		g.unread(err, "the default key of EBS encryption", "ec2:GetEbsDefaultKmsKeyId", "", "")
		return
	}
	for _, v := range wanting {
		v.Key, v.KeyFrom = aws.ToString(out.KmsKeyId), FromDefault
	}
}
