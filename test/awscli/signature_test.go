//go:build awscli

package awscli

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// TestNobodyElse: each protocol refuses, in its own words, who is not who they
// say they are.
func TestNobodyElse(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	root := s.root()
	root.does("aws sts get-caller-identity") // at once
	key := strings.Fields(root.does("aws configure get aws_access_key_id && aws configure get aws_secret_access_key"))
	wrong := root.with(key[0], "wrong"+key[1], "")
	unknown := root.with("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "")
	for _, c := range []struct{ command, wrong, unknown string }{
		{"aws sts get-caller-identity", "SignatureDoesNotMatch", "InvalidClientTokenId"},
		{"aws iam list-users", "SignatureDoesNotMatch", "InvalidClientTokenId"},
		{"aws ec2 describe-instances", "AuthFailure", "AuthFailure"},
		{"aws kms list-keys", "InvalidSignatureException", "UnrecognizedClientException"},
		{"aws cloudtrail lookup-events", "InvalidSignatureException", "UnrecognizedClientException"},
	} {
		t.Run(c.command, func(t *testing.T) {
			wrong.fails(c.command, c.wrong)
			unknown.fails(c.command, c.unknown)
		})
	}
}

// TestSpoiledRequests sends what no honest client sends: each is one change
// away from a request that works.
func TestSpoiledRequests(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	root := s.root()
	keys := strings.Fields(root.does("aws configure get aws_access_key_id && aws configure get aws_secret_access_key"))
	const honest = "Action=DescribeInstances&Version=2016-11-15"
	type request struct {
		signed, sent   string
		secret, region string
		when           time.Time
	}
	for _, c := range []struct {
		name  string
		spoil func(*request)
		code  string
	}{
		{"honest", func(*request) {}, ""},
		{"wrong secret", func(r *request) { r.secret = "wrong" }, "AuthFailure"},
		{"old date", func(r *request) { r.when = r.when.Add(-16 * time.Minute) }, "RequestExpired"},
		{"date to come", func(r *request) { r.when = r.when.Add(16 * time.Minute) }, "RequestExpired"},
		{"changed body", func(r *request) { r.sent = "Action=DescribeInstances&Version=2016-11-15&MaxResults=5" }, "AuthFailure"},
		{"other operation", func(r *request) {
			r.sent = "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-0123456789abcdef0"
		}, "AuthFailure"},
		{"foreign region in the scope", func(r *request) { r.region = "mars-north-1" }, "AuthFailure"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request{signed: honest, sent: honest, secret: keys[1], region: region, when: time.Now()}
			c.spoil(&r)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/", strings.NewReader(r.sent))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
			if len(r.signed) != len(r.sent) {
				req.ContentLength = int64(len(r.signed)) // it is signed too
			}
			hash := sha256.Sum256([]byte(r.signed))
			who := awssdk.Credentials{AccessKeyID: keys[0], SecretAccessKey: r.secret}
			if err := v4.NewSigner().SignHTTP(t.Context(), who, req, hex.EncodeToString(hash[:]), "ec2", r.region, r.when); err != nil {
				t.Fatal(err)
			}
			req.ContentLength = int64(len(r.sent))
			answer, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			if c.code == "" {
				if answer.StatusCode != http.StatusOK {
					t.Errorf("an honest request got %s: %s", answer.Status, text)
				}
				return
			}
			if answer.StatusCode < 400 || !strings.Contains(string(text), "<Code>"+c.code+"</Code>") {
				t.Errorf("got %s: %s\nwant %s", answer.Status, text, c.code)
			}
		})
	}
}
