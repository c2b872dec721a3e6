//go:build awscli

package awscli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/test/server"
)

const region = "eu-west-1"

// person is somebody at a shell, with credentials.
type person struct {
	s   *running
	env []string
}

// person gives a shell whose "aws" speaks to the server. Older CLIs do not know
// AWS_ENDPOINT_URL, so the endpoint is an argument that a wrapper adds: the
// commands stay as the article has them.
func (s *running) person(credentials ...string) *person {
	s.t.Helper()
	home := s.t.TempDir()
	wrapper := "#!/bin/sh\nexec " + aws + " --endpoint-url " + s.URL + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(home, "aws"), []byte(wrapper), 0o700); err != nil {
		s.t.Fatal(err)
	}
	env := []string{
		"PATH=" + home + ":" + filepath.Dir(server.Program) + ":/usr/bin:/bin", "HOME=" + home,
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL=" + s.URL, "LC_ALL=C.UTF-8", "COLUMNS=200",
	}
	return &person{s: s, env: append(env, credentials...)}
}

// with is the same person with other access keys.
func (p *person) with(id, secret, token string) *person {
	keys := []string{"AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret}
	if token != "" {
		keys = append(keys, "AWS_SESSION_TOKEN="+token)
	}
	return p.s.person(keys...)
}

// try runs a line of shell and returns its output, its errors, its exit code.
func (p *person) try(line string) (stdout, stderr string, code int) {
	p.s.t.Helper()
	cmd := exec.CommandContext(p.s.t.Context(), "/bin/sh", "-c", line)
	cmd.Env, cmd.Dir = p.env, p.s.t.TempDir()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		p.s.t.Fatalf("%s: %v", line, err)
	}
	return strings.TrimRight(out.String(), "\n"), strings.TrimSpace(errs.String()), cmd.ProcessState.ExitCode()
}

// does runs a line of shell that must work.
func (p *person) does(line string) string {
	p.s.t.Helper()
	out, errs, code := p.try(line)
	if code != 0 {
		p.s.t.Fatalf("%s\nended with %d: %s", line, code, errs)
	}
	return out
}

// fails runs a line that must fail, with that AWS error code, and returns what
// the CLI said.
func (p *person) fails(line, code string) string {
	p.s.t.Helper()
	out, errs, exit := p.try(line)
	if exit == 0 || !strings.Contains(errs, "An error occurred ("+code+")") {
		p.s.t.Errorf("%s\nended with %d: %s%s\nwant error %s", line, exit, out, errs, code)
	}
	return errs
}

// reads runs a line that prints JSON.
func (p *person) reads(line string, into any) {
	p.s.t.Helper()
	out := p.does(line)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		p.s.t.Fatalf("%s\nprints no JSON of this form (%v): %s", line, err, out)
	}
}

// user makes an IAM user with AmazonEC2FullAccess and an access key.
func (p *person) user(name string) *person {
	p.s.t.Helper()
	p.does("aws iam create-user --user-name " + name + " && aws iam attach-user-policy --user-name " + name + " --policy-arn arn:aws:iam::aws:policy/AmazonEC2FullAccess")
	return p.keyOf(name)
}

// keyOf makes an access key for a user and gives the user a shell.
func (p *person) keyOf(name string) *person {
	p.s.t.Helper()
	key := strings.Fields(p.does("aws iam create-access-key --user-name " + name + " --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text"))
	if len(key) != 2 {
		p.s.t.Fatalf("create-access-key printed %d words, want 2", len(key))
	}
	return p.with(key[0], key[1], "")
}

func (p *person) allow(user, name, document string) {
	p.s.t.Helper()
	p.does("aws iam put-user-policy --user-name " + user + " --policy-name " + name + " --policy-document '" + document + "'")
}

// key makes a customer key and returns its ARN.
func (p *person) key() string {
	p.s.t.Helper()
	return p.does("aws kms create-key --description volumes --query KeyMetadata.Arn --output text")
}

// launch runs an instance with block device mappings in the CLI's JSON.
func (p *person) launch(mappings string) string {
	p.s.t.Helper()
	return p.does(`image=$(aws ec2 describe-images --owners amazon --filters 'Name=name,Values=al2023-ami-2023.*-x86_64' --query 'Images[0].ImageId' --output text) &&
aws ec2 run-instances --image-id $image --instance-type t3.micro --block-device-mappings '` + mappings + `' --query 'Instances[0].InstanceId' --output text`)
}

// stopped launches an instance as this person and stops it.
func (p *person) stopped(mappings string) string {
	p.s.t.Helper()
	id := p.launch(mappings)
	p.await(id, "running")
	p.does("aws ec2 stop-instances --instance-ids " + id)
	p.await(id, "stopped")
	return id
}

// starts sees that the answer to a start is pending, and awaits what comes.
func (p *person) starts(id, end string, seen *person) {
	p.s.t.Helper()
	if got := p.does("aws ec2 start-instances --instance-ids " + id + " --query 'StartingInstances[0].CurrentState.Name' --output text"); got != "pending" {
		p.s.t.Fatalf("start-instances says %s, want pending", got)
	}
	seen.await(id, end)
}

// await waits until an instance has settled, and wants it in that state.
func (p *person) await(id, want string) {
	p.s.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		p.s.Advance(time.Second)
		state := p.does("aws ec2 describe-instances --instance-ids " + id + " --query 'Reservations[0].Instances[0].State.Name' --output text")
		switch state {
		case want:
			return
		case "running", "stopped", "terminated":
			p.s.t.Fatalf("%s is %s, want %s: %s", id, state, want, p.does("aws ec2 describe-instances --instance-ids "+id+" --query 'Reservations[0].Instances[0].StateReason'"))
		}
	}
	p.s.t.Fatalf("%s does not become %s", id, want)
}

// encrypted are block device mappings with a root and a data volume under key.
func encrypted(key string) string {
	return `[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "Encrypted": true, "KmsKeyId": "` + key + `"}},` +
		` {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 8, "Encrypted": true, "KmsKeyId": "` + key + `"}}]`
}

func equalJSON(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Errorf("not JSON: %v: %s", err, got)
		return
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	gb, _ := json.Marshal(g)
	wb, _ := json.Marshal(w)
	if !bytes.Equal(gb, wb) {
		t.Errorf("got %s, want %s", got, want)
	}
}
