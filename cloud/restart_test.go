package cloud_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/keyturn/keyturn/cloud"
)

// TestRestart: a cloud in a folder has, when it is opened again, what it had,
// and goes on with what it was doing.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, dir)
	key := first.key()
	blob, err := first.root.kms.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte("secret")})
	first.must(err)
	user := first.user("test", fullAccess)
	id := first.run(first.root, volume{"/dev/xvda", key, true})
	first.await(id, ec2types.InstanceStateNameRunning)
	// The stop is answered, but not yet carried out.
	_, err = user.ec2.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{id}})
	first.must(err)
	rootID, rootSecret := first.cloud.RootCredentials()
	first.close()

	second := open(t, dir)
	if id, secret := second.cloud.RootCredentials(); id != rootID || secret != rootSecret {
		t.Error("the root user's access key is another")
	}
	second.await(id, ec2types.InstanceStateNameStopped)
	out, err := second.root.kms.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob.CiphertextBlob})
	second.must(err)
	if string(out.Plaintext) != "secret" {
		t.Errorf("decrypted to %q", out.Plaintext)
	}
	if len(second.events("Encrypt")) != 1 {
		t.Error("the event history has forgotten")
	}
	second.wantGrants(key, 0)
	second.close()
}

// stageInFolder is a stage that a test closes by itself.
type stageInFolder struct {
	*stage
	server *httptest.Server
}

func open(t *testing.T, dir string) *stageInFolder {
	t.Helper()
	c, err := cloud.New(cloud.WithDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c)
	s := &stage{T: t, cloud: c, url: server.URL}
	id, secret := c.RootCredentials()
	s.root = s.as(id, secret, "")
	return &stageInFolder{s, server}
}

func (s *stageInFolder) close() {
	s.Helper()
	s.server.Close()
	s.must(s.cloud.Close())
}

// TestFolder: what is in it is for its owner's eyes, and no secret is in the database.
func TestFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	s.user("test")
	_, secret := s.cloud.RootCredentials()
	if _, err := cloud.New(cloud.WithDir(dir)); err == nil {
		t.Error("two clouds have one folder")
	}
	s.close()
	for _, name := range []string{"root.key", cloud.CredentialsFile, "keyturn.db"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	database, err := os.ReadFile(filepath.Join(dir, "keyturn.db"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(database), secret) {
		t.Error("the database holds the root user's secret")
	}
}

// TestTestingRoutes exist only when asked for, and move time and wipe.
func TestTestingRoutes(t *testing.T) {
	t.Parallel()
	plain := newStage(t)
	if status, _ := plain.post("/_keyturn/reset", ""); status < 400 {
		t.Errorf("reset without WithTesting answered %d", status)
	}
	s := newStage(t, cloud.WithTesting())
	key := s.key()
	before := s.cloud.Now()
	if status, body := s.post("/_keyturn/clock", `{"advance": "168h"}`); status != http.StatusOK {
		t.Errorf("clock answered %d: %s", status, body)
	}
	if moved := s.cloud.Now().Sub(before); moved < 168*time.Hour {
		t.Errorf("the clock moved by %s", moved)
	}
	for _, bad := range []string{"", "{}", `{"advance": "-1h"}`, `{"advance": "soon"}`} {
		if status, _ := s.post("/_keyturn/clock", bad); status != http.StatusBadRequest {
			t.Errorf("clock answered %d to %q", status, bad)
		}
	}
	id, secret := s.cloud.RootCredentials()
	if status, body := s.post("/_keyturn/reset", ""); status != http.StatusNoContent {
		t.Fatalf("reset answered %d: %s", status, body)
	}
	// The clock stays where it was moved to, and clients need not follow.
	status, body := s.send(signed{service: "kms", region: region, target: "TrentService.DescribeKey", body: `{"KeyId": "` + key + `"}`, at: time.Now(), id: id, secret: secret})
	if status != http.StatusBadRequest || !strings.Contains(body, "NotFoundException") {
		t.Errorf("after the reset the key answers %d: %s", status, body)
	}
}

func (s *stage) post(path, body string) (int, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	s.must(err)
	resp, err := http.DefaultClient.Do(r)
	s.must(err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	s.must(err)
	return resp.StatusCode, string(raw)
}

// TestTooLarge: a body that no service would take is refused.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if status, _ := s.post("/", strings.Repeat("x", 2<<20)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d", status)
	}
}
