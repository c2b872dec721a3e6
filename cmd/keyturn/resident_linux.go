package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// span is a part of the process' memory.
type span struct{ from, to uintptr }

// releaseStart has the kernel unmap what only starting needed of the program's own
// file: its tables are built, and the SQL engine's initializers, which run whether
// or not there will be a query, have been through their code. What is used again
// is mapped again, out of the page cache. Should anything refuse, the process is
// as large as it was, and nothing else.
func releaseStart() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, s := range unwritten(smaps, program) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, s.from, s.to-s.from, syscall.MADV_DONTNEED)
	}
}

// unwritten are the mappings of a program's file that hold nothing but what is in
// the file (proc_pid_smaps(5): none of their pages is anonymous) and cannot be
// written to.
func unwritten(smaps []byte, program string) []span {
	var all []span
	var s span
	ours := false
	for lines := bufio.NewScanner(bytes.NewReader(smaps)); lines.Scan(); {
		line := lines.Text()
		var next span
		var mode string
		switch n, _ := fmt.Sscanf(line, "%x-%x %s", &next.from, &next.to, &mode); {
		case n == 3 && len(mode) == 4:
			s, ours = next, mode[1] == '-' && next.from < next.to && strings.HasSuffix(line, " "+program)
		case ours && strings.HasPrefix(line, "Anonymous:"):
			if strings.Join(strings.Fields(line), " ") == "Anonymous: 0 kB" {
				all = append(all, s)
			}
			ours = false
		}
	}
	return all
}
