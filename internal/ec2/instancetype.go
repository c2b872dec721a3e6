package ec2

import (
	"slices"
	"strings"
	"sync"
)

// instanceType is a kind of virtual machine (EC2 Instance Types guide). The
// table has the common families, not all that AWS sells.
type instanceType struct {
	Name           string
	Family         *instanceFamily
	VCPUs          int32
	MemoryMiB      int32
	ThreadsPerCore int32
	Network        string // as NetworkPerformance says
	Metal          bool
}

// instanceFamily is what the sizes of a family have in common.
type instanceFamily struct {
	Name          string
	Architectures []string
	Xen           bool // the old hypervisor; nitro otherwise
	Old           bool // not of the current generation
	Burstable     bool
	FreeTier      []string // sizes
	// GiB is the memory a vCPU has, where it is the same in all sizes.
	GiB float64
	// ThreadsPerCore is 2 with hyper-threading, 1 on Graviton and some AMD.
	ThreadsPerCore int32
	ClockGHz       float64
	// Sizes are "size:vCPUs", or "size:vCPUs:MiB" where GiB does not tell.
	Sizes string
}

const (
	sizesTo24xlarge = "large:2 xlarge:4 2xlarge:8 4xlarge:16 8xlarge:32 12xlarge:48 16xlarge:64 24xlarge:96"
	sizesTo32xlarge = sizesTo24xlarge + " 32xlarge:128"
	sizesTo48xlarge = sizesTo24xlarge + " 48xlarge:192"
	gravitonSizes   = "medium:1 large:2 xlarge:4 2xlarge:8 4xlarge:16 8xlarge:32 12xlarge:48 16xlarge:64"
	graviton4Sizes  = gravitonSizes + " 24xlarge:96 48xlarge:192"
	burstableSizes  = "nano:2:512 micro:2:1024 small:2:2048 medium:2:4096 large:2:8192 xlarge:4:16384 2xlarge:8:32768"
)

var (
	x86      = []string{"x86_64"}
	x86And32 = []string{"i386", "x86_64"}
	arm      = []string{"arm64"}
)

// instanceFamilies are the families in the order in which they are listed.
var instanceFamilies = []instanceFamily{
	{Name: "m1", Architectures: x86And32, Xen: true, Old: true, ThreadsPerCore: 1, Sizes: "small:1:1740"},
	{Name: "t1", Architectures: x86And32, Xen: true, Old: true, ThreadsPerCore: 1, Sizes: "micro:1:627"},
	{
		Name: "t2", Architectures: x86, Xen: true, Burstable: true, FreeTier: []string{"micro"}, ThreadsPerCore: 1, ClockGHz: 2.5,
		Sizes: "nano:1:512 micro:1:1024 small:1:2048 medium:2:4096 large:2:8192 xlarge:4:16384 2xlarge:8:32768",
	},
	{Name: "t3", Architectures: x86, Burstable: true, FreeTier: []string{"micro", "small"}, ThreadsPerCore: 2, ClockGHz: 2.5, Sizes: burstableSizes},
	{Name: "t3a", Architectures: x86, Burstable: true, ThreadsPerCore: 2, ClockGHz: 2.2, Sizes: burstableSizes},
	{Name: "t4g", Architectures: arm, Burstable: true, FreeTier: []string{"micro", "small"}, ThreadsPerCore: 1, ClockGHz: 2.5, Sizes: burstableSizes},
	{Name: "m4", Architectures: x86, Xen: true, GiB: 4, ThreadsPerCore: 2, ClockGHz: 2.4, Sizes: "large:2 xlarge:4 2xlarge:8 4xlarge:16 10xlarge:40 16xlarge:64"},
	{Name: "m5", Architectures: x86, GiB: 4, ThreadsPerCore: 2, ClockGHz: 3.1, Sizes: sizesTo24xlarge + " metal:96"},
	{Name: "m5a", Architectures: x86, GiB: 4, ThreadsPerCore: 2, ClockGHz: 2.5, Sizes: sizesTo24xlarge},
	{Name: "m5n", Architectures: x86, GiB: 4, ThreadsPerCore: 2, ClockGHz: 3.1, Sizes: sizesTo24xlarge + " metal:96"},
	{Name: "m6a", Architectures: x86, GiB: 4, ThreadsPerCore: 2, ClockGHz: 3.6, Sizes: sizesTo32xlarge + " 48xlarge:192 metal:192"},
	{Name: "m6g", Architectures: arm, GiB: 4, ThreadsPerCore: 1, ClockGHz: 2.5, Sizes: gravitonSizes + " metal:64"},
	{Name: "m6i", Architectures: x86, GiB: 4, ThreadsPerCore: 2, ClockGHz: 3.5, Sizes: sizesTo32xlarge + " metal:128"},
	{Name: "m7a", Architectures: x86, GiB: 4, ThreadsPerCore: 1, ClockGHz: 3.7, Sizes: "medium:1 " + sizesTo32xlarge + " 48xlarge:192"},
	{Name: "m7g", Architectures: arm, GiB: 4, ThreadsPerCore: 1, ClockGHz: 2.6, Sizes: gravitonSizes + " metal:64"},
	{Name: "m7i", Architectures: x86, GiB: 4, ThreadsPerCore: 2, ClockGHz: 3.2, Sizes: sizesTo48xlarge},
	{Name: "m7i-flex", Architectures: x86, GiB: 4, FreeTier: []string{"large"}, ThreadsPerCore: 2, ClockGHz: 3.2, Sizes: "large:2 xlarge:4 2xlarge:8 4xlarge:16 8xlarge:32 12xlarge:48 16xlarge:64"},
	{Name: "m8g", Architectures: arm, GiB: 4, ThreadsPerCore: 1, ClockGHz: 2.8, Sizes: graviton4Sizes},
	{Name: "c4", Architectures: x86, Xen: true, ThreadsPerCore: 2, ClockGHz: 2.9, Sizes: "large:2:3840 xlarge:4:7680 2xlarge:8:15360 4xlarge:16:30720 8xlarge:36:61440"},
	{Name: "c5", Architectures: x86, GiB: 2, ThreadsPerCore: 2, ClockGHz: 3.4, Sizes: "large:2 xlarge:4 2xlarge:8 4xlarge:16 9xlarge:36 12xlarge:48 18xlarge:72 24xlarge:96 metal:96"},
	{Name: "c5a", Architectures: x86, GiB: 2, ThreadsPerCore: 2, ClockGHz: 3.3, Sizes: sizesTo24xlarge},
	{Name: "c6a", Architectures: x86, GiB: 2, ThreadsPerCore: 2, ClockGHz: 3.6, Sizes: sizesTo32xlarge + " 48xlarge:192 metal:192"},
	{Name: "c6g", Architectures: arm, GiB: 2, ThreadsPerCore: 1, ClockGHz: 2.5, Sizes: gravitonSizes + " metal:64"},
	{Name: "c6i", Architectures: x86, GiB: 2, ThreadsPerCore: 2, ClockGHz: 3.5, Sizes: sizesTo32xlarge + " metal:128"},
	{Name: "c7g", Architectures: arm, GiB: 2, ThreadsPerCore: 1, ClockGHz: 2.6, Sizes: gravitonSizes + " metal:64"},
	{Name: "c7i", Architectures: x86, GiB: 2, ThreadsPerCore: 2, ClockGHz: 3.2, Sizes: sizesTo48xlarge},
	{Name: "c8g", Architectures: arm, GiB: 2, ThreadsPerCore: 1, ClockGHz: 2.8, Sizes: graviton4Sizes},
	{Name: "r4", Architectures: x86, Xen: true, ThreadsPerCore: 2, ClockGHz: 2.3, Sizes: "large:2:15616 xlarge:4:31232 2xlarge:8:62464 4xlarge:16:124928 8xlarge:32:249856 16xlarge:64:499712"},
	{Name: "r5", Architectures: x86, GiB: 8, ThreadsPerCore: 2, ClockGHz: 3.1, Sizes: sizesTo24xlarge + " metal:96"},
	{Name: "r5a", Architectures: x86, GiB: 8, ThreadsPerCore: 2, ClockGHz: 2.5, Sizes: sizesTo24xlarge},
	{Name: "r6a", Architectures: x86, GiB: 8, ThreadsPerCore: 2, ClockGHz: 3.6, Sizes: sizesTo32xlarge + " 48xlarge:192 metal:192"},
	{Name: "r6g", Architectures: arm, GiB: 8, ThreadsPerCore: 1, ClockGHz: 2.5, Sizes: gravitonSizes + " metal:64"},
	{Name: "r6i", Architectures: x86, GiB: 8, ThreadsPerCore: 2, ClockGHz: 3.5, Sizes: sizesTo32xlarge + " metal:128"},
	{Name: "r7g", Architectures: arm, GiB: 8, ThreadsPerCore: 1, ClockGHz: 2.6, Sizes: gravitonSizes + " metal:64"},
	{Name: "r7i", Architectures: x86, GiB: 8, ThreadsPerCore: 2, ClockGHz: 3.2, Sizes: sizesTo48xlarge},
	{Name: "r8g", Architectures: arm, GiB: 8, ThreadsPerCore: 1, ClockGHz: 2.8, Sizes: graviton4Sizes},
	{Name: "x2gd", Architectures: arm, GiB: 16, ThreadsPerCore: 1, ClockGHz: 2.5, Sizes: gravitonSizes + " metal:64"},
}

// instanceTypes are all types of the table, by name.
var instanceTypes = sync.OnceValue(func() map[string]instanceType {
	all := make(map[string]instanceType)
	for i := range instanceFamilies {
		f := &instanceFamilies[i]
		for size := range strings.FieldsSeq(f.Sizes) {
			t := f.size(size)
			all[t.Name] = t
		}
	}
	return all
})

// size reads one entry of the family's sizes.
func (f *instanceFamily) size(entry string) instanceType {
	parts := strings.Split(entry, ":")
	t := instanceType{Name: f.Name + "." + parts[0], Family: f, VCPUs: int32(digits(parts[1])), Metal: parts[0] == "metal"}
	t.MemoryMiB = int32(float64(t.VCPUs) * f.GiB * 1024)
	if len(parts) > 2 {
		t.MemoryMiB = int32(digits(parts[2]))
	}
	t.ThreadsPerCore = min(f.ThreadsPerCore, t.VCPUs)
	return t
}

// digits reads a number of the table, which holds nothing else.
func digits(text string) int {
	n := 0
	for _, d := range text {
		n = n*10 + int(d-'0')
	}
	return n
}

func instanceTypeNamed(name string) (instanceType, bool) {
	t, ok := instanceTypes()[name]
	return t, ok
}

func (t instanceType) cores() int32 { return t.VCPUs / t.ThreadsPerCore }

func (t instanceType) hypervisor() string {
	switch {
	case t.Metal:
		return ""
	case t.Family.Xen:
		return "xen"
	default:
		return "nitro"
	}
}

// runs reports whether the type runs images of an architecture.
func (t instanceType) runs(architecture string) bool {
	return slices.Contains(t.Family.Architectures, architecture)
}

func (t instanceType) freeTier() bool {
	return slices.Contains(t.Family.FreeTier, strings.TrimPrefix(t.Name, t.Family.Name+"."))
}

// uefi reports whether the type boots images that want UEFI; arm64 boots nothing else.
func (t instanceType) uefi() bool { return !t.Family.Xen && !t.Metal }
