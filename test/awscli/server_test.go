//go:build awscli

package awscli

import (
	"bufio"
	"bytes"
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

// program is the built keyturn, aws the CLI.
var program, aws string

func TestMain(m *testing.M) {
	code, err := build(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 2
	}
	os.Exit(code)
}

func build(m *testing.M) (int, error) {
	if aws = os.Getenv("KEYTURN_AWS"); aws == "" {
		aws = "/usr/bin/aws"
	}
	if _, err := os.Stat(aws); err != nil {
		return 0, fmt.Errorf("no AWS CLI: %w: install Debian's awscli, or name one in KEYTURN_AWS", err)
	}
	dir, err := os.MkdirTemp("", "keyturn-awscli-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "keyturn")
	args := append([]string{"build", "-o", program}, strings.Fields(os.Getenv("KEYTURN_BUILDFLAGS"))...)
	if out, err := exec.Command("go", append(args, "../../cmd/keyturn")...).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// server is a running "keyturn serve".
type server struct {
	t        *testing.T
	dir, url string
	cmd      *exec.Cmd
	errors   *lockedBuffer
	done     chan error
}

var endpoint = regexp.MustCompile(`AWS_ENDPOINT_URL=(\S+)`)

// serve starts a server on dir and waits for its line.
func serve(t *testing.T, dir string) *server {
	t.Helper()
	s := &server{t: t, dir: dir, errors: new(lockedBuffer), done: make(chan error, 1)}
	s.cmd = exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--testing")
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
	s.url = found[1]
	go func() { s.done <- s.cmd.Wait() }()
	t.Cleanup(func() {
		if s.cmd != nil {
			s.stop(syscall.SIGTERM)
		}
	})
	return s
}

// stop ends the server and wants it to go in peace, if it was asked.
func (s *server) stop(signal syscall.Signal) {
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

// advance moves the server's clock.
func (s *server) advance(by time.Duration) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/_keyturn/clock", strings.NewReader(fmt.Sprintf(`{"advance": %q}`, by)))
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

// root is the root user, with the credentials file that the server wrote.
func (s *server) root() *person {
	return s.person("AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(s.dir, cloud.CredentialsFile))
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
