package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const someMaps = `00400000-00a9a000 r--p 00000000 fe:00 10018851                           /bin/keyturn
Rss:                6760 kB
Anonymous:             0 kB
00a9a000-05c67000 r-xp 0069a000 fe:00 10018851                           /bin/keyturn
Anonymous:             0 kB
09043000-090c2000 r--p 08c43000 fe:00 10018851                           /bin/keyturn
Anonymous:           304 kB
090c2000-09168000 rw-p 08cc2000 fe:00 10018851                           /bin/keyturn
Anonymous:             0 kB
7f0000000000-7f0000001000 r-xp 00000000 fe:00 1                          /lib/libc.so.6
Anonymous:             0 kB
7f0000002000-7f0000003000 r--p 00000000 00:00 0
Anonymous:             0 kB
`

// TestUnwritten: only the program's own file, only what nobody writes to, and
// nothing that differs from the file, such as what the linker has relocated.
func TestUnwritten(t *testing.T) {
	t.Parallel()
	got := unwritten([]byte(someMaps), "/bin/keyturn")
	if want := []span{{0x400000, 0xa9a000}, {0xa9a000, 0x5c67000}}; !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func FuzzUnwritten(f *testing.F) {
	f.Add([]byte(someMaps))
	f.Add([]byte("1-0 r-xp x /bin/keyturn\nAnonymous: 0 kB\n"))
	f.Fuzz(func(t *testing.T, smaps []byte) {
		for _, s := range unwritten(smaps, "/bin/keyturn") {
			if s.from >= s.to {
				t.Errorf("%x", s)
			}
		}
	})
}

// TestReleaseStart: there is something to give back, and the process goes on.
func TestReleaseStart(t *testing.T) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	if len(unwritten(smaps, program)) == 0 {
		t.Errorf("nothing of %s can be given back", program)
	}
	releaseStart()
	if !strings.Contains(newServe().UsageString(), "--listen") {
		t.Error("the program is not what it was")
	}
}
