package audit

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/internal/launch"
)

// Kind is what a target is.
type Kind string

// The kinds of target.
const (
	VolumeTarget   Kind = "volume"
	SnapshotTarget Kind = "snapshot"
	ImageTarget    Kind = "image"
	TemplateTarget Kind = "launch-template"
	DefaultTarget  Kind = "default-key"
)

// kinds are all of them, in the order in which they are shown.
var kinds = []Kind{VolumeTarget, SnapshotTarget, ImageTarget, TemplateTarget, DefaultTarget}

// Operation is the EC2 operation that uses a target.
type Operation string

// The operations that are asked about.
const (
	// StartInstances is for a volume that is attached to an instance.
	StartInstances Operation = "StartInstances"
	// AttachVolume is for a volume that is not.
	AttachVolume Operation = "AttachVolume"
	// RunInstances is for all that instances are launched from.
	RunInstances Operation = "RunInstances"
)

// target is one thing whose use EC2 asks KMS for.
type target struct {
	kind Kind
	op   Operation
	// id is vol-…, snap-…, ami-…, or lt-…:VERSION; the key's for a default key.
	id string
	// instance is the one to start.
	instance string
	// resource is what EC2 authorizes besides what any such call needs; its ARN is
	// empty where there is nothing besides.
	resource resource
	// image and template are what else a launch names.
	image resource
	needs []need
}

// resource is a resource of EC2 as policies see it.
type resource struct {
	arn  string
	tags *Tags
}

// need is one volume that a target takes.
type need struct {
	// key is the index of the volume's key, source of the key of the snapshot that
	// it is encrypted from anew, or -1.
	key, source int
	// made tells a volume that is new from one that is there; volume is its id, or
	// empty.
	made   bool
	volume string
}

// keyring finds keys by any name, in any account.
type keyring struct {
	list  []*Key
	byARN map[string]int
	alias map[string]int // by ARN of the alias
	read  map[string]bool
}

func newKeyring(in *Inventory) *keyring {
	r := &keyring{byARN: make(map[string]int), alias: make(map[string]int), read: make(map[string]bool)}
	for _, a := range in.Accounts {
		for _, g := range a.Regions {
			r.read[g.Site.Account+" "+g.Site.Region] = g.KeysRead
			for i := range g.Keys {
				k := &g.Keys[i]
				n := r.add(k)
				for _, name := range k.Aliases {
					r.alias[prefix(g.Site)+name] = n
				}
			}
		}
	}
	return r
}

// prefix begins the ARNs of a Region's keys and aliases.
func prefix(s launch.Site) string {
	return "arn:" + s.Partition + ":kms:" + s.Region + ":" + s.Account + ":"
}

func (r *keyring) add(k *Key) int {
	if n, ok := r.byARN[k.ARN]; ok {
		return n
	}
	n := len(r.list)
	r.list = append(r.list, k)
	r.byARN[k.ARN] = n
	return n
}

// ebsAlias is AWS's own key for EBS, which comes into being when it is first used
// and lets everybody in the account use it through EC2 (KMS guide, "AWS managed
// keys").
const ebsAlias = "alias/aws/ebs"

// find is the index of a key by ARN, id or alias. It is -1 for a key of AWS's own
// that is still to come. A key of which nothing was read is added.
func (r *keyring) find(site launch.Site, name string) int {
	arn := name
	switch {
	case strings.HasPrefix(name, "arn:") && strings.Contains(name, ":alias/"), strings.HasPrefix(name, "alias/"):
		if !strings.HasPrefix(name, "arn:") {
			arn = prefix(site) + name
		}
		if n, ok := r.alias[arn]; ok {
			return n
		}
		if strings.HasSuffix(arn, ":"+ebsAlias) {
			return -1
		}
	case !strings.HasPrefix(name, "arn:"):
		arn = prefix(site) + "key/" + name
	}
	if n, ok := r.byARN[arn]; ok {
		return n
	}
	k := &Key{StateUnread: true, GrantsUnread: true, AliasesUnread: true}
	k.ARN, k.Foreign = arn, accountOf(arn) != site.Account
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && strings.HasPrefix(parts[5], "key/") {
		// All keys of that account are known, and this is none.
		k.Missing = r.read[parts[4]+" "+parts[3]]
	}
	return r.add(k)
}

// launchables are the targets of a Region but for its volumes.
func (g *Region) launchables(keys *keyring) []target {
	s := &sources{region: g, keys: keys, snapshots: make(map[string]*Snapshot, len(g.Snapshots)), images: make(map[string]*Image, len(g.Images))}
	for i := range g.Snapshots {
		s.snapshots[g.Snapshots[i].ID] = &g.Snapshots[i]
	}
	for i := range g.Images {
		s.images[g.Images[i].ID] = &g.Images[i]
	}
	var all []target
	add := func(t target) {
		if len(t.needs) > 0 {
			t.op = RunInstances
			all = append(all, t)
		}
	}
	for i := range g.Snapshots {
		n := &g.Snapshots[i]
		add(target{
			kind: SnapshotTarget, id: n.ID, resource: resource{g.arn("", "snapshot/"+n.ID), n.Tags},
			needs: s.needs([]Device{{Snapshot: n.ID}}),
		})
	}
	for i := range g.Images {
		m := &g.Images[i]
		add(target{kind: ImageTarget, id: m.ID, image: g.image(m), needs: s.needs(m.Devices)})
	}
	for i := range g.Templates {
		add(s.template(&g.Templates[i]))
	}
	if g.DefaultKey != "" {
		t := target{kind: DefaultTarget, needs: s.needs([]Device{{Encrypted: true}})}
		if len(t.needs) > 0 {
			t.id = lastPart(keys.list[t.needs[0].key].ARN)
		}
		add(t)
	}
	return all
}

// arn is an ARN of EC2's; images and snapshots have no account in theirs.
func (g *Region) arn(account, rest string) string {
	return "arn:" + g.Site.Partition + ":ec2:" + g.Site.Region + ":" + account + ":" + rest
}

func (g *Region) image(m *Image) resource { return resource{g.arn("", "image/"+m.ID), m.Tags} }

// sources finds what volumes are made from.
type sources struct {
	region    *Region
	keys      *keyring
	snapshots map[string]*Snapshot
	images    map[string]*Image
}

// template is what a launch template launches: the image's devices, with the
// template's in their place where they have the same name.
func (s *sources) template(t *Template) target {
	out := target{kind: TemplateTarget, id: t.name(), resource: resource{s.region.arn(s.region.Site.Account, "launch-template/"+t.ID), t.Tags}}
	var devices []Device
	if m := s.images[t.Image]; m != nil {
		out.image = s.region.image(m)
		devices = append(devices, m.Devices...)
	} else if t.Image != "" {
		out.image = resource{arn: s.region.arn("", "image/"+t.Image)}
		if len(t.Devices) == 0 {
			// Somebody else's image has a root volume, from a snapshot in the clear.
			devices = append(devices, Device{})
		}
	}
	for _, d := range t.Devices {
		at := -1
		for i := range devices {
			if devices[i].Name != "" && devices[i].Name == d.Name {
				at = i
			}
		}
		if at < 0 {
			devices = append(devices, d)
			continue
		}
		if d.Snapshot == "" {
			d.Snapshot = devices[at].Snapshot
		}
		devices[at] = d
	}
	out.needs = s.needs(devices)
	return out
}

// needs are the volumes that devices become, those that are encrypted, each kind
// once (EBS guide, "How Amazon EBS encryption works", on the outcomes of
// encryption).
func (s *sources) needs(devices []Device) []need {
	var all []need
	for _, d := range devices {
		n := need{key: -1, source: -1, made: true}
		if from := s.snapshots[d.Snapshot]; from != nil {
			n.source = s.keys.find(s.region.Site, from.Key)
		}
		switch {
		case d.Key != "":
			n.key = s.keys.find(s.region.Site, d.Key)
		case n.source >= 0:
			n.key = n.source
		case (d.Encrypted || s.region.ByDefault) && s.region.DefaultKey != "":
			n.key = s.keys.find(s.region.Site, s.region.DefaultKey)
		}
		if n.source == n.key {
			n.source = -1
		}
		if n.key < 0 {
			continue
		}
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// volume is a volume as a target.
func (g *Region) volume(v *Volume, keys *keyring, instances map[string]*Tags) target {
	t := target{kind: VolumeTarget, op: AttachVolume, id: v.ID, needs: []need{{key: keys.find(g.Site, v.Key), source: -1, volume: v.ID}}}
	if v.Instance == "" {
		t.resource = resource{g.arn(g.Site.Account, "volume/"+v.ID), v.Tags}
		return t
	}
	t.op, t.instance = StartInstances, v.Instance
	tags, known := instances[v.Instance]
	if !known && g.InstancesRead {
		tags = noTags
	}
	t.resource = resource{g.arn(g.Site.Account, "instance/"+v.Instance), tags}
	return t
}

// noTags are those of a resource that has none.
var noTags = NewTags(nil)
