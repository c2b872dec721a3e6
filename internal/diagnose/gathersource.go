package diagnose

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// KeyFrom says what made a volume's key the one it is (EBS guide, "How Amazon EBS
// encryption works").
type KeyFrom string

// Where a launch's keys come from, the first that there is.
const (
	FromRequest  KeyFrom = "request"
	FromTemplate KeyFrom = "launch-template"
	FromSnapshot KeyFrom = "snapshot"
	FromDefault  KeyFrom = "account-default"
)

// copied is the volume id that snapshots show that CopySnapshot made (EC2 API
// reference, "Snapshot").
const copied = "vol-ffffffff"

// snapshots describes the snapshots that a launch makes its volumes of: their keys
// have to be used as well. One that another account's image brings need not be
// shared itself (EC2 guide, "Share an AMI with specific AWS accounts"): then
// nothing shows its key. It reports whether nothing was denied.
func (g *gatherer) snapshots() bool {
	e := g.evidence
	var ids []string
	for _, v := range e.Volumes {
		if v.Snapshot != "" && (v.SnapshotEncrypted == nil || *v.SnapshotEncrypted) && !slices.Contains(ids, v.Snapshot) {
			ids = append(ids, v.Snapshot)
		}
	}
	read := true
	for i, out := range each(g, ids, (*gatherer).snapshot) {
		read = read && out.read
		for j := range e.Volumes {
			if v := &e.Volumes[j]; v.Snapshot == ids[i] && out.found != nil {
				v.restoredFrom(out.found)
			}
		}
	}
	return read
}

// seenSnapshot is a snapshot as far as it is shown.
type seenSnapshot struct {
	found *ec2types.Snapshot
	// read tells that it was not denied.
	read bool
}

func (g *gatherer) snapshot(id string) seenSnapshot {
	out, err := g.clients.EC2.DescribeSnapshots(g.ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
	if err != nil {
		if isCode(err, "InvalidSnapshot.NotFound") {
			return seenSnapshot{read: true}
		}
		g.unread(err, "snapshot "+id, "ec2:DescribeSnapshots", "", "")
		return seenSnapshot{}
	}
	if len(out.Snapshots) == 0 {
		return seenSnapshot{read: true}
	}
	return seenSnapshot{&out.Snapshots[0], true}
}

func (v *Volume) restoredFrom(s *ec2types.Snapshot) {
	v.SnapshotOwner, v.SnapshotEncrypted = aws.ToString(s.OwnerId), aws.Bool(aws.ToBool(s.Encrypted))
	if !aws.ToBool(s.Encrypted) {
		return
	}
	v.Encrypted, v.SnapshotKey, v.SnapshotContext = true, aws.ToString(s.KmsKeyId), aws.ToString(s.VolumeId)
	if v.SnapshotContext == copied {
		v.SnapshotContext = v.Snapshot
	}
}

// deniedSource adds what a refused re-encryption tells of the snapshot's key.
func (g *gatherer) deniedSource() {
	e := g.evidence
	if e.Denied.Key == "" || e.key(e.Denied.Key) != nil {
		return
	}
	var open []*Volume
	for i := range e.Volumes {
		if v := &e.Volumes[i]; v.Snapshot != "" && v.SnapshotKey == "" {
			open = append(open, v)
		}
	}
	if len(open) == 0 && len(e.Volumes) == 1 {
		open = []*Volume{&e.Volumes[0]} // nobody shows the image
	}
	if len(open) == 1 {
		open[0].SnapshotKey, open[0].SnapshotEncrypted = e.Denied.Key, aws.Bool(true)
		g.keys()
	}
}
