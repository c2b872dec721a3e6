package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

// crashDir, if set, turns the test binary into the process that is killed.
const crashDir = "KEYTURN_STORE_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeUntilKilled numbers transactions, each of two rows and a record, and
// prints the number of each that was acknowledged.
func writeUntilKilled(dir string) error {
	s, err := store.Open(dir)
	if err != nil {
		return err
	}
	var next atomic.Int64
	next.Store(time.Now().UnixNano())
	const writers = 4
	failed := make(chan error, writers)
	for range writers {
		go func() {
			for {
				n := strconv.FormatInt(next.Add(1), 10)
				if err := s.Update(context.Background(), func(tx store.Tx) error { return writeParts(tx, n) }); err != nil {
					failed <- err
					return
				}
				// A write of its own: what is printed is not in a buffer that dies.
				_, _ = os.Stdout.WriteString(n + "\n")
			}
		}()
	}
	return <-failed
}

var crashTime = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

func writeParts(tx store.Tx, n string) error {
	return errors.Join(
		tx.Put("first/"+n, []byte(n)),
		tx.Append("s", store.Record{At: crashTime, ID: n, Data: []byte(strings.Repeat(n, 40))}),
		tx.Put("second/"+n, []byte(n)))
}

// TestKill kills a process in the middle of its writes, again and again. What
// it had acknowledged must be there, and nothing by halves.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := make(map[string]bool)
	for range 6 {
		killOnce(t, dir, acknowledged)
		checkAfterKill(t, dir, acknowledged)
	}
	t.Logf("%d transactions were acknowledged before a kill", len(acknowledged))
}

func killOnce(t *testing.T, dir string, acknowledged map[string]bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	seen, enough := 0, 20+rand.IntN(200)
	for lines.Scan() {
		acknowledged[lines.Text()] = true
		if seen++; seen == enough {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || seen < enough {
		t.Fatalf("the process ended by itself after %d transactions: %v", seen, err)
	}
}

func checkAfterKill(t *testing.T, dir string, acknowledged map[string]bool) {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx store.Tx) error {
		parts := make(map[string]int)
		for _, prefix := range []string{"first/", "second/"} {
			for row, err := range tx.Scan(prefix, "") {
				n := row.Key[len(prefix):]
				if err != nil || string(row.Value) != n {
					t.Errorf("%s is %q, %v", row.Key, row.Value, err)
				}
				parts[n]++
			}
		}
		for r, err := range tx.Records("s", store.Query{}) {
			if err != nil {
				return err
			}
			parts[r.ID]++
		}
		for n := range acknowledged {
			if parts[n] == 0 {
				t.Errorf("transaction %s was acknowledged and is lost", n)
			}
		}
		for n, have := range parts {
			if have != 3 {
				t.Errorf("transaction %s is there with %d parts of 3", n, have)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
