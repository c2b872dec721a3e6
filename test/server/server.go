// Package server runs the real program, "keyturn serve", for tests that drive it
// with clients that nobody changed. It listens on loopback and ends with the test.
package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keyturn/keyturn/cloud"
)

// Program is where the built keyturn lies while Main runs.
var Program string

// Main builds the program and runs a package's tests. KEYTURN_BUILDFLAGS are
// added to "go build", such as -race. needs are programs that the tests want.
func Main(m *testing.M, needs ...string) {
	code, err := build(m, needs)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 2
	}
	os.Exit(code)
}

func build(m *testing.M, needs []string) (int, error) {
	for _, name := range needs {
		if _, err := exec.LookPath(name); err != nil {
			return 0, fmt.Errorf("the tests need %s, which is not here: %w", name, err)
		}
	}
	dir, err := os.MkdirTemp("", "keyturn-test-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	Program = filepath.Join(dir, "keyturn")
	args := append([]string{"build", "-o", Program}, strings.Fields(os.Getenv("KEYTURN_BUILDFLAGS"))...)
	if out, err := exec.CommandContext(context.Background(), "go", append(args, "github.com/keyturn/keyturn/cmd/keyturn")...).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// Server is a running "keyturn serve".
type Server struct {
	// URL is its endpoint, Dir its data folder.
	URL, Dir string

	t      *testing.T
	cmd    *exec.Cmd
	errors *lockedBuffer
	done   chan error
}

var endpoint = regexp.MustCompile(`AWS_ENDPOINT_URL=(\S+)`)

// Start starts a server on a data folder, with more arguments, and waits for its line.
func Start(t *testing.T, dir string, args ...string) *Server {
	t.Helper()
	s := &Server{Dir: dir, t: t, errors: new(lockedBuffer), done: make(chan error, 1)}
	// The test's context ends before its cleanup, which stops the server.
	s.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), Program, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", dir, "--testing"}, args...)...)
	s.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1")
	s.cmd.Stderr = s.errors
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	found := endpoint.FindStringSubmatch(line)
	if err != nil || found == nil {
		t.Fatalf("the server said %q (%v) and: %s", line, err, s.errors)
	}
	s.URL = found[1]
	go func() { s.done <- s.cmd.Wait() }()
	t.Cleanup(func() {
		if s.cmd != nil {
			s.Stop(syscall.SIGTERM)
		}
	})
	return s
}

// Stop ends the server and wants it to go in peace, if it was asked.
func (s *Server) Stop(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Errorf("signal: %v", err)
	}
	select {
	case err := <-s.done:
		if _, killed := errors.AsType[*exec.ExitError](err); err != nil && (!killed || signal != syscall.SIGKILL) {
			s.t.Errorf("the server ended with %v: %s", err, s.errors)
		}
	case <-time.After(20 * time.Second):
		s.t.Errorf("the server does not end: %s", s.errors)
		if err := s.cmd.Process.Kill(); err != nil {
			s.t.Error(err)
		}
	}
	if text := s.errors.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "level=ERROR") {
		s.t.Errorf("the server complained: %s", text)
	}
	s.cmd = nil
}

// Advance moves the server's clock.
func (s *Server) Advance(by time.Duration) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+"/_keyturn/clock", strings.NewReader(fmt.Sprintf(`{"advance": %q}`, by)))
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := out.Body.Close(); err != nil || out.StatusCode != http.StatusOK {
		s.t.Fatalf("advancing the clock: %s (%v)", out.Status, err)
	}
}

// Credentials is the root user's credentials file, which the server wrote.
func (s *Server) Credentials() string { return filepath.Join(s.Dir, cloud.CredentialsFile) }

// Run runs another program against the server, with the root user's credentials
// and more of the environment, and returns all that it prints. It fails the test
// if the program fails.
func (s *Server) Run(env []string, name string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Env = append([]string{
		"PATH=" + filepath.Dir(Program) + ":" + os.Getenv("PATH"), "HOME=" + s.t.TempDir(), "LC_ALL=C.UTF-8",
		"AWS_SHARED_CREDENTIALS_FILE=" + s.Credentials(), "AWS_ENDPOINT_URL=" + s.URL, "KEYTURN_ENDPOINT=" + s.URL,
		"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true",
	}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// lockedBuffer is a buffer that is read while a process writes it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
