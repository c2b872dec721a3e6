package ec2

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// catalogue is what a region has of public images and their snapshots. It is
// made from the families of cataloguedata.go and never changes: it is data, not
// state, so it is in no store.
type catalogue struct {
	images    map[string]image
	snapshots map[string]snapshot
	// The same, sorted by id.
	sortedImages    []image
	sortedSnapshots []snapshot
}

// imageFamily is a vendor's line of images, with a few dated versions of it.
type imageFamily struct {
	Owner, Alias string
	// Name and Description have {version}, {arch} and {date} (YYYYMMDD) in them.
	Name, Description string
	// Architectures maps EC2's words to the vendor's: "x86_64" to "amd64".
	Architectures []architecture
	Versions      []imageVersion
	// System is what is billed: see systems.
	System     system
	RootDevice string
	Size       int32 // of the root volume, GiB
	VolumeType types.VolumeType
	Boot       types.BootModeValues // of x86_64 images; arm64 images are all uefi
	IMDS       types.ImdsSupportValues
	// Ephemeral are instance store devices that the image maps besides.
	Ephemeral []string
}

type architecture struct {
	EC2, Vendor string
}

type imageVersion struct {
	Version, Created string // Created: YYYY-MM-DD
}

// system is what AWS bills for an image (EC2 guide, "AMI billing information
// fields").
type system struct {
	Platform, Details, Usage string
}

var (
	linuxSystem   = system{Details: "Linux/UNIX", Usage: "RunInstances"}
	windowsSystem = system{Platform: "windows", Details: "Windows", Usage: "RunInstances:0002"}
	redHatSystem  = system{Details: "Red Hat Enterprise Linux", Usage: "RunInstances:0010"}
	suseSystem    = system{Details: "SUSE Linux", Usage: "RunInstances:000g"}
)

var catalogues sync.Map // region name → *catalogue, computed once

// catalogueOf returns a region's public images.
func catalogueOf(region string) *catalogue {
	if c, ok := catalogues.Load(region); ok {
		return c.(*catalogue)
	}
	c := &catalogue{images: make(map[string]image), snapshots: make(map[string]snapshot)}
	for _, f := range imageFamilies {
		for _, v := range f.Versions {
			for _, a := range f.Architectures {
				c.add(region, f, v, a)
			}
		}
	}
	c.sortedImages = slices.SortedFunc(maps.Values(c.images), func(a, b image) int { return cmp.Compare(a.ID, b.ID) })
	c.sortedSnapshots = slices.SortedFunc(maps.Values(c.snapshots), func(a, b snapshot) int { return cmp.Compare(a.ID, b.ID) })
	kept, _ := catalogues.LoadOrStore(region, c)
	return kept.(*catalogue)
}

func (c *catalogue) add(region string, f imageFamily, v imageVersion, a architecture) {
	created, err := time.Parse(time.DateOnly, v.Created)
	if err != nil {
		panic("ec2: the catalogue of images has a bad date: " + v.Created)
	}
	// Vendors publish at no round hour; a fixed one keeps the order of dates.
	created = created.Add(19*time.Hour + 4*time.Minute + 11*time.Second)
	fill := strings.NewReplacer("{version}", v.Version, "{arch}", a.Vendor, "{date}", created.Format("20060102")).Replace
	im := image{
		Name: fill(f.Name), Description: fill(f.Description), Owner: f.Owner, OwnerAlias: f.Alias,
		State: string(types.ImageStateAvailable), Created: created, Architecture: a.EC2,
		Platform: f.System.Platform, PlatformDetails: f.System.Details, UsageOperation: f.System.Usage,
		Virtualization: string(types.VirtualizationTypeHvm), BootMode: string(f.Boot), IMDSSupport: string(f.IMDS),
		SRIOV: "simple", ENA: true, RootDevice: f.RootDevice, Share: permissions{Public: true},
	}
	if a.EC2 == string(types.ArchitectureValuesArm64) {
		im.BootMode = string(types.BootModeValuesUefi)
	}
	im.ID = "ami-" + catalogueID(region, im.Owner, im.Name)
	im.Location = im.Name
	if f.Alias != "" {
		im.Location = f.Alias + "/" + im.Name
	}
	snap := snapshot{
		ID: "snap-" + catalogueID(region, im.Owner, im.Name, f.RootDevice), Owner: f.Owner, OwnerAlias: f.Alias,
		Volume: copiedVolume, Size: f.Size, State: string(types.SnapshotStateCompleted), Description: im.Description,
		Started: created, Completed: created.Add(2 * time.Minute), Share: permissions{Public: true},
	}
	root := imageMapping{
		Device: f.RootDevice, Snapshot: snap.ID, Size: f.Size, Type: string(f.VolumeType), DeleteOnTermination: true,
	}
	if f.VolumeType == types.VolumeTypeGp3 {
		t := volumeTypes[f.VolumeType]
		root.IOPS, root.Throughput = t.baseIOPS, t.minThroughput
	}
	im.Mappings = append(im.Mappings, root)
	for i, device := range f.Ephemeral {
		im.Mappings = append(im.Mappings, imageMapping{Device: device, Virtual: "ephemeral" + decimal(int32(i))})
	}
	c.images[im.ID], c.snapshots[snap.ID] = im, snap
}

// catalogueID is the 17 digits of a catalogued thing: always the same in one
// region, and different in each, as vendors' images are.
func catalogueID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:])[:17]
}

// copiedVolume is the volume id of snapshots that were not made from a volume
// of the account's (EC2 API reference, "CopySnapshot": an arbitrary id).
const copiedVolume = "vol-ffffffff"
