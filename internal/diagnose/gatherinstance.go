package diagnose

import (
	"slices"
	"strings"
	"time"

	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/phrase"
)

// instance describes the instance: without it there is nothing to diagnose.
func (g *gatherer) instance() error {
	id := g.options.Instance
	g.tell(phrase.Say("reading the instance %s", id))
	out, err := g.clients.EC2.DescribeInstances(g.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil && !isCode(err, "InvalidInstanceID.NotFound") {
		// Who has log files has them because nobody answers, it may be.
		if _, files := g.clients.trail().(incomplete); files && g.ctx.Err() == nil && g.toldInstance(id) {
			g.unread(err, "instance "+id, "ec2:DescribeInstances", "", "")
			return nil
		}
		return g.notInFiles(phrase.NewError(phrase.Say("describing instance %s (ec2:DescribeInstances): %v", id, err), err))
	}
	if out == nil {
		out = &ec2.DescribeInstancesOutput{}
	}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			if aws.ToString(i.InstanceId) == id {
				g.readInstance(aws.ToString(r.OwnerId), &i)
				return nil
			}
		}
	}
	if g.goneInstance(id) {
		return nil
	}
	for _, u := range *g.notes {
		return g.notInFiles(phrase.NewError(phrase.Say("EC2 does not know the instance %s, and the trail, which may tell of it, could not be read (%s): %s", id, u.Call, u.Why), nil))
	}
	return g.notInFiles(phrase.NewError(phrase.Say("there is no instance %s in this account and region: one that terminated is shown for an hour or so, and no event of the last 90 days tells of this one", id), nil))
}

// notInFiles adds to an error that log files do not tell of the instance either,
// and which of them could not be read.
func (g *gatherer) notInFiles(err error) error {
	files, ok := g.clients.trail().(incomplete)
	if !ok || g.ctx.Err() != nil {
		return err
	}
	err = phrase.NewError(phrase.Say("%v; and no event in the log files tells of its launch or a start of it", err), err)
	for _, u := range files.missing() {
		err = phrase.NewError(phrase.Say("%v (%s could not be read: %s)", err, u.What, u.Why), err)
	}
	return err
}

// goneInstance makes out an instance that EC2 has forgotten, by the events of its
// calls: it has ended.
func (g *gatherer) goneInstance(id string) bool {
	if !g.toldInstance(id) {
		return false
	}
	g.evidence.Instance.State = "terminated"
	return true
}

// toldInstance makes out an instance by the event of its launch, or of its last
// start where the trail does not go back as far (the event history has 90 days).
// What state it is in follows from what it was last told to do: the doctor is
// asked because that failed.
func (g *gatherer) toldInstance(id string) bool {
	events, _ := g.lookup(cttypes.LookupAttributeKeyResourceName, id, time.Time{}, time.Time{})
	var last, first *Event // of its launch and its starts
	state := ""
	for i := range events {
		v := &events[i]
		if v.failed() || !v.mentions(id) {
			continue
		}
		told := ""
		switch v.Name {
		case "StartInstances", "StopInstances":
			told = "stopped"
		case "RunInstances", "TerminateInstances":
			told = "terminated"
		}
		if state == "" {
			state = told
		}
		if v.Name == "StartInstances" || v.Name == "RunInstances" {
			if first = v; last == nil {
				last = v
			}
		}
	}
	if first == nil {
		return false
	}
	g.evidence.Instance = Instance{Source: last.Source, ID: id, State: state, Launched: &last.Time}
	g.launchedAs(first)
	g.site(first.identity.AccountID, g.evidence.Instance.Zone)
	if s := &g.evidence.Site; s.Region == "" {
		s.Region = first.region
	}
	return true
}

// launchedAs adds what the event of its launch tells of the instance.
func (g *gatherer) launchedAs(v *Event) {
	in := &g.evidence.Instance
	items, _ := at(v.response, "instancesSet", "items").([]any)
	for _, item := range items {
		m, _ := item.(map[string]any)
		if m["instanceId"] != in.ID {
			continue
		}
		in.Image, _ = m["imageId"].(string)
		in.Zone, _ = at(m, "placement", "availabilityZone").(string)
		in.RootDevice, _ = m["rootDeviceName"].(string)
	}
}

func (g *gatherer) readInstance(account string, i *ec2types.Instance) {
	e := g.evidence
	e.Instance = Instance{
		Source: "ec2:DescribeInstances", ID: aws.ToString(i.InstanceId),
		TransitionReason: aws.ToString(i.StateTransitionReason), Launched: i.LaunchTime,
		Image: aws.ToString(i.ImageId), RootDevice: aws.ToString(i.RootDeviceName),
	}
	e.Instance.Tags = make(map[string]string)
	for _, t := range i.Tags {
		e.Instance.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	if i.State != nil {
		e.Instance.State = string(i.State.Name)
	}
	if i.StateReason != nil {
		e.Instance.StateReason = Reason{Code: aws.ToString(i.StateReason.Code), Message: aws.ToString(i.StateReason.Message)}
	}
	if i.Placement != nil {
		e.Instance.Zone = aws.ToString(i.Placement.AvailabilityZone)
	}
	if i.IamInstanceProfile != nil {
		e.Instance.Profile = aws.ToString(i.IamInstanceProfile.Arn)
	}
	for _, m := range i.BlockDeviceMappings {
		if m.Ebs == nil {
			continue
		}
		device := aws.ToString(m.DeviceName)
		e.Volumes = append(e.Volumes, Volume{
			Source: "ec2:DescribeInstances", ID: aws.ToString(m.Ebs.VolumeId), Device: device, Root: device == e.Instance.RootDevice,
		})
	}
	g.site(account, e.Instance.Zone)
}

// volumes describes the attached volumes. A failed launch has none any more:
// the call that asked for them tells.
func (g *gatherer) volumes() {
	e := g.evidence
	if len(e.Volumes) == 0 {
		if e.launching() || e.gone() {
			g.askedVolumes()
		}
		return
	}
	g.describeVolumes()
}

// describeVolumes reads the volumes that are known by their ids.
func (g *gatherer) describeVolumes() {
	e := g.evidence
	g.tell(phrase.Say("reading the volumes of %s", e.subject()))
	var ids []string
	for _, v := range e.Volumes {
		ids = append(ids, v.ID)
	}
	out, err := g.described(ids...)
	if err != nil {
		g.unread(err, "volumes of "+e.subject(), "ec2:DescribeVolumes", "", "")
		return
	}
	for _, d := range out.Volumes {
		if v := e.volume(aws.ToString(d.VolumeId)); v != nil {
			v.Source, v.Encrypted, v.Key = "ec2:DescribeVolumes", aws.ToBool(d.Encrypted), aws.ToString(d.KmsKeyId)
			v.Snapshot = aws.ToString(d.SnapshotId)
		}
	}
	slices.SortStableFunc(e.Volumes, func(a, b Volume) int {
		switch {
		case a.Root == b.Root:
			return 0
		case a.Root:
			return -1
		}
		return 1
	})
}

// described are volumes as EC2 describes them.
func (g *gatherer) described(ids ...string) (*ec2.DescribeVolumesOutput, error) {
	return once(g.asked, strings.Join(ids, " "), func() (*ec2.DescribeVolumesOutput, error) {
		return g.clients.EC2.DescribeVolumes(g.ctx, &ec2.DescribeVolumesInput{VolumeIds: ids})
	})
}

// askedVolumes works out the volumes that a launch asked for: the event's block
// device mapping over the launch template's over the image's, and the defaults of
// encryption.
func (g *gatherer) askedVolumes() {
	g.imageVolumes()
	if launch := g.launch(); launch != nil {
		g.launchTemplate(launch)
		items, _ := at(launch.request, "blockDeviceMapping", "items").([]any)
		for _, item := range items {
			g.mappedVolume(item)
		}
	}
	g.effectiveKeys()
}

// launch is the event of the instance's launch, nil if none is known.
func (g *gatherer) launch() *Event {
	e := g.evidence
	if e.Start == nil || e.Start.Name == "RunInstances" {
		return e.Start
	}
	events, _ := g.lookup(cttypes.LookupAttributeKeyResourceName, e.Instance.ID, time.Time{}, time.Time{})
	for i := range events {
		if v := &events[i]; v.Name == "RunInstances" && !v.failed() {
			return v
		}
	}
	return nil
}

// mappedVolume reads one block device mapping of a RunInstances event.
func (g *gatherer) mappedVolume(item any) {
	m, ok := item.(map[string]any)
	if !ok {
		return
	}
	device, _ := m["deviceName"].(string)
	ebs, ok := m["ebs"].(map[string]any)
	if !ok {
		return
	}
	v := g.device(device)
	v.Source = lookupEvents
	if encrypted, ok := ebs["encrypted"].(bool); ok {
		v.Encrypted = encrypted
	}
	if key, ok := ebs["kmsKeyId"].(string); ok {
		v.Key, v.KeyFrom = key, FromRequest
	}
	if snapshot, ok := ebs["snapshotId"].(string); ok {
		v.from(snapshot)
	}
}

// device is the volume of a device, new if there is none.
func (g *gatherer) device(name string) *Volume {
	e := g.evidence
	for i := range e.Volumes {
		if e.Volumes[i].Device == name {
			return &e.Volumes[i]
		}
	}
	e.Volumes = append(e.Volumes, Volume{Device: name, Root: name == e.Instance.RootDevice})
	return &e.Volumes[len(e.Volumes)-1]
}

func (g *gatherer) imageVolumes() {
	image := g.evidence.Instance.Image
	if image == "" {
		return
	}
	out, err := g.clients.EC2.DescribeImages(g.ctx, &ec2.DescribeImagesInput{ImageIds: []string{image}})
	if err != nil {
		g.unread(err, "image "+image, "ec2:DescribeImages", "", "")
		return
	}
	for _, i := range out.Images {
		if g.evidence.Instance.RootDevice == "" {
			g.evidence.Instance.RootDevice = aws.ToString(i.RootDeviceName)
		}
		for _, m := range i.BlockDeviceMappings {
			if m.Ebs == nil {
				continue
			}
			v := g.device(aws.ToString(m.DeviceName))
			v.Source, v.Snapshot = "ec2:DescribeImages", aws.ToString(m.Ebs.SnapshotId)
			v.Encrypted, v.SnapshotEncrypted = aws.ToBool(m.Ebs.Encrypted), m.Ebs.Encrypted
		}
	}
}

func (g *gatherer) encryptedByDefault() bool {
	out, err := g.clients.EC2.GetEbsEncryptionByDefault(g.ctx, &ec2.GetEbsEncryptionByDefaultInput{})
	if err != nil {
		g.unread(err, "whether EBS encrypts by default", "ec2:GetEbsEncryptionByDefault", "", "")
		return false
	}
	return aws.ToBool(out.EbsEncryptionByDefault)
}
