package trailfile

import (
	"flag"
	"path/filepath"
	"testing"
)

// The benchmark's folder: so many MiB of gzipped files, of which so many are
// different.
var (
	benchMiB   = flag.Int("trail-mib", 8, "size of the benchmark's log files, gzipped, in MiB")
	benchFiles = flag.Int("trail-distinct", 12, "how many of the benchmark's log files are different")
)

const (
	wanted    = "i-0123456789abcdef0"
	fileBytes = 4 << 20 // of JSON in one file
)

// archive writes log files of a size in all, and returns how much JSON is in them.
func archive(b *testing.B) (dir string, size int64) {
	b.Helper()
	dir = b.TempDir()
	g := newGenerator(1)
	var all [][]byte
	var plain []int
	for i := range *benchFiles {
		var more []string
		if i == *benchFiles/2 {
			more = append(more, g.start(wanted))
		}
		content := g.file(fileBytes, more...)
		all, plain = append(all, packed(b, content)), append(plain, len(content))
	}
	written := 0
	for i := 0; written < *benchMiB<<20; i++ {
		write(b, dir, filepath.ToSlash(g.path()), all[i%len(all)])
		written += len(all[i%len(all)])
		size += int64(plain[i%len(all)])
	}
	b.Logf("%d MiB of log files with %d MiB of JSON", written>>20, size>>20)
	return dir, size
}

func BenchmarkSearch(b *testing.B) {
	dir, size := archive(b)
	set, err := Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	for name, q := range map[string]Question{
		"instance":  {Mentions: wanted, Region: "eu-west-1"},
		"eventName": {Names: []string{"StartInstances"}, Region: "eu-west-1", Account: "123456789012"},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				n := 0
				tally, err := set.Search(b.Context(), q, func(Event) { n++ })
				if err != nil || n == 0 || tally.Bytes != size || tally.Broken > 0 {
					b.Fatalf("found %d, %+v, %v", n, tally, err)
				}
			}
		})
	}
}
