package diagnose

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/phrase"
)

// find makes out what the target leads to: an instance, or an operation that left
// none. Without it there is nothing to diagnose.
func (g *gatherer) find() error {
	t := g.options.Target
	switch t.Kind {
	case VolumeTarget:
		return g.findVolume(t.Name)
	case GroupTarget:
		return g.findGroup(t.Name)
	case TemplateTarget:
		return g.findTemplate(t)
	case ImageTarget, SnapshotTarget:
		return g.findSource(t)
	case EventTarget:
		return g.findEvent(t.Name)
	case MessageTarget:
		return g.findMessage(t.Name)
	}
	return g.instance()
}

// toInstance goes on with an instance.
func (g *gatherer) toInstance(id string) error {
	g.options.Instance = id
	return g.instance()
}

func (g *gatherer) findGroup(name string) error {
	id, message, err := failedActivity(g.ctx, g.clients, name)
	switch {
	case err != nil:
		return err
	case id != "":
		return g.toInstance(id)
	}
	return g.findMessage(message)
}

// findVolume goes on with the instance that the volume is attached to. One that is
// attached to none failed to be attached; one that EC2 does not know failed to be
// made, which nobody was told but the trail (EBS guide, "How Amazon EBS encryption
// works": the key is checked after the call).
func (g *gatherer) findVolume(id string) error {
	g.tell(phrase.Say("reading the volume %s", id))
	out, err := g.described(id)
	if err != nil && !isCode(err, "InvalidVolume.NotFound") {
		return phrase.NewError(phrase.Say("describing volume %s (ec2:DescribeVolumes): %v", id, err), err)
	}
	if err != nil || len(out.Volumes) == 0 {
		return g.vanished(id)
	}
	v := out.Volumes[0]
	for _, a := range v.Attachments {
		if instance := aws.ToString(a.InstanceId); instance != "" {
			return g.toInstance(instance)
		}
	}
	events, ok := g.lookup(cttypes.LookupAttributeKeyEventName, string(AttachVolume), time.Time{}, time.Time{})
	for i := range events {
		if e := &events[i]; e.request["volumeId"] == id && e.failed() {
			return g.attachment(e)
		}
	}
	if !ok {
		return phrase.NewError(phrase.Say("volume %s is attached to no instance, and the trail, which may tell why, could not be read (%s)", id, g.clients.trail().Call()), nil)
	}
	return phrase.NewError(phrase.Say("volume %s is attached to no instance, and the trail has no attachment of it that failed", id), nil)
}

// vanished makes out a volume that is no more by the event of its making.
func (g *gatherer) vanished(id string) error {
	events, ok := g.lookup(cttypes.LookupAttributeKeyEventName, string(CreateVolume), time.Time{}, time.Time{})
	for i := range events {
		if v := &events[i]; !v.failed() && v.response["volumeId"] == id {
			return g.made(v)
		}
	}
	if !ok {
		return phrase.NewError(phrase.Say("EC2 does not know the volume %s, and the trail, which may tell of it, could not be read (%s)", id, g.clients.trail().Call()), nil)
	}
	return phrase.NewError(phrase.Say("there is no volume %s in this account and region, and no event of the last 90 days tells of its making", id), nil)
}

// made is a CreateVolume whose volume did not stay.
func (g *gatherer) made(v *Event) error {
	e := g.evidence
	id, _ := v.response["volumeId"].(string)
	zone, _ := v.request["zone"].(string)
	g.site(v.identity.AccountID, zone)
	e.Operation, e.Start = CreateVolume, v
	w := Volume{Source: v.Source, ID: id}
	w.Snapshot, _ = v.request["snapshotId"].(string)
	w.Encrypted, _ = v.request["encrypted"].(bool)
	for _, name := range [...]string{"masterEncryptionKeyId", "kmsKeyId"} {
		if key, ok := v.request[name].(string); ok {
			w.Key, w.Encrypted = key, true
		}
	}
	if key, ok := v.response["kmsKeyId"].(string); ok && w.Key == "" {
		w.Key = key
	}
	e.Volumes = []Volume{w}
	g.effectiveKeys()
	return nil
}

// attachment is an AttachVolume that EC2 refused because of the key: it is the one
// operation that tells its caller at once.
func (g *gatherer) attachment(v *Event) error {
	e := g.evidence
	id, _ := v.request["volumeId"].(string)
	e.Instance.ID, _ = v.request["instanceId"].(string)
	g.site(v.identity.AccountID, "")
	e.Operation = AttachVolume
	if e.Target.Kind != VolumeTarget {
		e.Target = Target{Kind: VolumeTarget, Name: id}
	}
	if v.ErrorCode == unauthorized {
		e.Denied = v
	} else {
		e.Start = v
	}
	device, _ := v.request["device"].(string)
	e.Volumes = []Volume{{Source: v.Source, ID: id, Device: device}}
	g.describeVolumes()
	return nil
}

// findTemplate asks whether a principal could launch from the template; without
// one, it goes on with the last launch from it that failed.
func (g *gatherer) findTemplate(t Target) error {
	if g.options.Principal == "" {
		return g.launchedFrom(t)
	}
	version, err := g.template(t)
	if err != nil {
		return phrase.NewError(phrase.Say("describing launch template %s (ec2:DescribeLaunchTemplateVersions): %v", t.Name, err), err)
	}
	e := g.evidence
	g.here()
	e.Operation, e.Template = RunInstances, aws.ToString(version.LaunchTemplateId)
	e.Instance.Image = aws.ToString(version.LaunchTemplateData.ImageId)
	g.imageVolumes()
	g.templateVolumes(version)
	g.effectiveKeys()
	return nil
}

// launchedFrom goes on with the last launch from a template: with its instance, or
// with EC2's refusal.
func (g *gatherer) launchedFrom(t Target) error {
	events, ok := g.lookup(cttypes.LookupAttributeKeyEventName, string(RunInstances), time.Time{}, time.Time{})
	if !ok {
		return phrase.NewError(phrase.Say("the trail, which may tell of launches from %s, could not be read (%s): give --as to ask whether somebody could launch from it", t.Name, g.clients.trail().Call()), nil)
	}
	for i := range events {
		v := &events[i]
		if at(v.request, "launchTemplate", "launchTemplateId") != t.Name && at(v.request, "launchTemplate", "launchTemplateName") != t.Name {
			continue
		}
		return g.fromEvent(v)
	}
	return phrase.NewError(phrase.Say("no event of the last 90 days tells of a launch from %s: give --as to ask whether somebody could launch from it", t.Name), nil)
}

// findSource asks whether a principal could launch from an image, or make a volume
// of a snapshot.
func (g *gatherer) findSource(t Target) error {
	if g.options.Principal == "" {
		return phrase.NewError(phrase.Say("say who is to use %s: --as arn:aws:iam::…", t.Name), nil)
	}
	e := g.evidence
	g.here()
	e.Operation = RunInstances
	if t.Kind == ImageTarget {
		e.Instance.Image = t.Name
		g.imageVolumes()
		if len(e.Volumes) == 0 && len(*g.notes) > 0 {
			u := (*g.notes)[0]
			return phrase.NewError(phrase.Say("describing image %s (%s): %s", t.Name, u.Call, u.Why), nil)
		}
	} else {
		e.Operation = CreateVolume
		e.Volumes = []Volume{{Source: "ec2:DescribeSnapshots", Snapshot: t.Name}}
	}
	g.effectiveKeys()
	if t.Kind == SnapshotTarget && e.Volumes[0].SnapshotEncrypted == nil {
		for _, u := range *g.notes {
			return phrase.NewError(phrase.Say("describing snapshot %s (%s): %s", t.Name, u.Call, u.Why), nil)
		}
		return phrase.NewError(phrase.Say("there is no snapshot %s in this account and region", t.Name), nil)
	}
	return nil
}

// here says that it is about the account of whoever asks.
func (g *gatherer) here() {
	account := ""
	if out, err := g.whoAsks(); err == nil {
		account = aws.ToString(out.Account)
	}
	g.site(account, "")
}

// findEvent goes on with what a CloudTrail event is about.
func (g *gatherer) findEvent(id string) error {
	events, ok := g.lookup(cttypes.LookupAttributeKeyEventId, id, time.Time{}, time.Time{})
	if len(events) == 0 && !ok {
		return phrase.NewError(phrase.Say("the trail could not be read (%s)", g.clients.trail().Call()), nil)
	}
	if len(events) == 0 {
		return phrase.NewError(phrase.Say("the trail has no event %s in this account and region", id), nil)
	}
	return g.fromEvent(&events[0])
}

// fromEvent goes on with what an event is about.
func (g *gatherer) fromEvent(v *Event) error {
	e := g.evidence
	if v.refusedAtOnce() {
		g.site(v.identity.AccountID, "")
		e.Operation, e.Refused = Operation(v.Name), v
		return nil
	}
	switch v.Name {
	case string(StartInstances), "StopInstances", "TerminateInstances":
		items, _ := at(v.request, "instancesSet", "items").([]any)
		for _, item := range items {
			if id, ok := at(map[string]any{"": item}, "", "instanceId").(string); ok {
				return g.toInstance(id)
			}
		}
		if id := instanceInText.FindString(v.ErrorMessage); id != "" {
			return g.toInstance(id)
		}
	case string(RunInstances):
		items, _ := at(v.response, "instancesSet", "items").([]any)
		for _, item := range items {
			if id, ok := at(map[string]any{"": item}, "", "instanceId").(string); ok {
				return g.toInstance(id)
			}
		}
		if v.ErrorCode == unauthorized {
			g.site(v.identity.AccountID, "")
			e.Operation, e.Denied = RunInstances, v
			return nil
		}
	case string(CreateVolume):
		if v.ErrorCode == unauthorized {
			g.site(v.identity.AccountID, "")
			e.Operation, e.Denied = CreateVolume, v
			return nil
		}
		return g.made(v)
	case string(AttachVolume):
		if v.failed() {
			return g.attachment(v)
		}
	default:
		if slices.Contains(keyRequests, v.Name) && v.failed() {
			return g.refusedKey(v)
		}
	}
	return phrase.NewError(phrase.Say("the event %s is of %s, which tells of nothing that failed for want of a key", v.ID, v.Name), nil)
}

// keyRequests are the requests to KMS that EC2 makes.
var keyRequests = []string{"CreateGrant", "GenerateDataKeyWithoutPlaintext", "Decrypt", "ReEncrypt"}

// refusedKey goes on with what a refused request to KMS was made for: by the
// instance or volume that it names, else by the call of the same principal's just
// before it.
func (g *gatherer) refusedKey(v *Event) error {
	grantee, _ := v.request["granteePrincipal"].(string)
	for _, text := range [...]string{v.Principal, grantee} {
		if _, id, ok := strings.Cut(text, ":assumed-role/aws:ec2-infrastructure/"); ok {
			return g.toInstance(id)
		}
	}
	var best *Event
	for _, name := range [...]Operation{StartInstances, RunInstances, AttachVolume, CreateVolume} {
		events, _ := g.lookup(cttypes.LookupAttributeKeyEventName, string(name), v.Time.Add(-beforeStart), v.Time.Add(time.Second))
		for i := range events {
			c := &events[i]
			if c.Principal == v.Principal && (best == nil || c.Time.After(best.Time)) {
				best = c
			}
		}
	}
	if best != nil {
		return g.fromEvent(best)
	}
	return g.fromText(v)
}

// findMessage goes on with what an error's text tells.
func (g *gatherer) findMessage(text string) error {
	m, ok := ParseMessage(text)
	if g.evidence.Target.Kind == MessageTarget {
		g.evidence.Target.Name = "" // what stands around an error is nobody's business
	}
	switch {
	case !ok:
		return phrase.NewError(phrase.Say("the text names no instance, volume or key, and is no denial of AWS's"), nil)
	case m.Instance != "" && (m.Denial == nil || !strings.HasPrefix(m.Denial.Action, "ec2:") || m.Denial.Action == "ec2:StartInstances"):
		return g.toInstance(m.Instance)
	case m.Volume != "" && m.Denial == nil:
		return g.findVolume(m.Volume)
	}
	v := &Event{Source: fromMessage, ErrorCode: "AccessDenied", Key: m.Key}
	if m.Denial != nil {
		v.ErrorMessage = m.Denial.String()
	}
	if m.Encoded != "" {
		v.ErrorMessage += " " + encodedMark + m.Encoded
	}
	if m.Denial == nil && m.Encoded != "" {
		g.decode(v)
		if v.Decoded == nil {
			return phrase.NewError(phrase.Say("the message is encoded: get sts:DecodeAuthorizationMessage, or give the whole text of the error"), nil)
		}
		d := &Denial{Principal: v.Decoded.Principal, Action: v.Decoded.Action, Resource: v.Decoded.Resource, Explicit: v.Decoded.Explicit}
		m.Denial = d
		v.ErrorMessage = d.String()
	}
	if m.Denial == nil {
		v.ErrorCode, v.ErrorMessage, v.Principal = m.Code, m.Key, g.options.Principal
		if v.ErrorCode == "" || v.Principal == "" {
			return phrase.NewError(phrase.Say("the text tells of key %s and not of who used it: give --as ARN, or the instance's id", m.Key), nil)
		}
		v.Name = "CreateGrant"
		return g.fromText(v)
	}
	v.Principal = m.Denial.Principal
	service, name, _ := strings.Cut(m.Denial.Action, ":")
	v.Name = name
	if service == "ec2" {
		v.ErrorCode = unauthorized
	}
	return g.fromText(v)
}

// fromMessage is the source of what a text alone tells.
const fromMessage = "--message"

// fromText diagnoses a denial of which nothing else is known: no instance and no
// volume, but who was refused what.
func (g *gatherer) fromText(v *Event) error {
	e := g.evidence
	d, worded := ParseDenial(v.ErrorMessage)
	account := accountOf(v.Principal)
	if v.identity.ARN == "" {
		c := namedCaller(v.Principal)
		if c == nil {
			return phrase.NewError(phrase.Say("%q is no principal whose launches can be diagnosed", v.Principal), nil)
		}
		v.identity.Type, v.identity.ARN, v.identity.AccountID = c.Type, v.Principal, account
		v.identity.Session.Issuer.ARN = c.Role
	}
	g.site(account, "")
	for _, arn := range [...]string{d.Resource, v.Key} {
		if parts := strings.Split(arn, ":"); len(parts) > 3 && parts[3] != "" {
			e.Site.Region = parts[3]
			break
		}
	}
	e.Denied = v
	switch {
	case strings.HasPrefix(v.ErrorCode, "Client."):
		e.Operation = Operation(v.Name)
		if e.Operation != StartInstances && e.Operation != RunInstances && e.Operation != CreateVolume && e.Operation != AttachVolume {
			return phrase.NewError(phrase.Say("%s is nothing that launches, starts, makes or attaches", d.Action), nil)
		}
		e.Instance.ID = instanceInText.FindString(d.Resource)
		return nil
	case !slices.Contains(keyRequests, v.Name) && v.Name != "ReEncryptFrom" && v.Name != "ReEncryptTo":
		return phrase.NewError(phrase.Say("%s is nothing that EC2 asks of KMS for a volume", d.Action), nil)
	case v.Key == "" && worded:
		return phrase.NewError(phrase.Say("the text does not name the key: give the instance's id, or the text that has the key's ARN"), nil)
	}
	e.Operation = StartInstances
	if v.Name != "CreateGrant" && v.Name != "Decrypt" {
		e.Operation = RunInstances
	}
	e.Volumes = []Volume{{Source: v.Source, Encrypted: true, Key: v.Key}}
	return nil
}
