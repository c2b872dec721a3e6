//go:build awscli

package awscli

import (
	"os"
	"testing"

	"github.com/keyturn/keyturn/test/server"
)

// aws is the CLI.
var aws = "/usr/bin/aws"

func TestMain(m *testing.M) {
	if named := os.Getenv("KEYTURN_AWS"); named != "" {
		aws = named
	}
	server.Main(m, aws)
}

// running is a server that people turn to.
type running struct {
	*server.Server
	t *testing.T
}

// serve starts a server on dir, with more arguments.
func serve(t *testing.T, dir string, args ...string) *running {
	t.Helper()
	return &running{server.Start(t, dir, args...), t}
}

// root is the root user, with the credentials file that the server wrote.
func (s *running) root() *person {
	return s.person("AWS_SHARED_CREDENTIALS_FILE=" + s.Credentials())
}
