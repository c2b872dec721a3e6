package cloud_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/keyturn/keyturn/cloud"
)

// connections is how many clients ask at once.
const connections = 4

// BenchmarkRequests measures whole requests over loopback against a cloud in a
// folder, by an IAM user: signatures, authorization and events are on, and the
// clients run in the same process, on the same cores.
func BenchmarkRequests(b *testing.B) {
	c, err := cloud.New(cloud.WithDir(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	server := httptest.NewServer(c)
	defer server.Close()
	id, secret, key := benchmarkUser(b, c, server.URL)
	for _, r := range []struct {
		name string
		q    signed
	}{
		{"sts.GetCallerIdentity", signed{service: "sts", body: "Action=GetCallerIdentity&Version=2011-06-15"}},
		{"ec2.DescribeInstances", signed{service: "ec2", body: "Action=DescribeInstances&Version=2016-11-15"}},
		{"kms.Encrypt", signed{service: "kms", target: "TrentService.Encrypt", body: `{"KeyId":"` + key + `","Plaintext":"c2VjcmV0"}`}},
		{"kms.GenerateDataKey", signed{service: "kms", target: "TrentService.GenerateDataKey", body: `{"KeyId":"` + key + `","KeySpec":"AES_256"}`}},
	} {
		b.Run(r.name, func(b *testing.B) {
			q := r.q
			q.region, q.id, q.secret, q.at = region, id, secret, time.Now()
			raw := rawRequest(b, server.URL, q)
			b.ResetTimer()
			start := time.Now()
			resend(b, strings.TrimPrefix(server.URL, "http://"), raw)
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "requests/s")
		})
	}
}

func benchmarkUser(b *testing.B, c *cloud.Cloud, url string) (id, secret, key string) {
	b.Helper()
	ctx := b.Context()
	rootID, rootSecret := c.RootCredentials()
	cfg := aws.Config{Region: region, BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider(rootID, rootSecret, "")}
	users, keys := iam.NewFromConfig(cfg), kms.NewFromConfig(cfg)
	name := aws.String("bench")
	if _, err := users.CreateUser(ctx, &iam.CreateUserInput{UserName: name}); err != nil {
		b.Fatal(err)
	}
	if _, err := users.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: name, PolicyArn: aws.String(fullAccess)}); err != nil {
		b.Fatal(err)
	}
	k, err := keys.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := users.PutUserPolicy(ctx, &iam.PutUserPolicyInput{
		UserName: name, PolicyName: aws.String("use"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:Encrypt","kms:GenerateDataKey*"],"Resource":"` + *k.KeyMetadata.Arn + `"}}`),
	}); err != nil {
		b.Fatal(err)
	}
	access, err := users.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		b.Fatal(err)
	}
	return *access.AccessKey.AccessKeyId, *access.AccessKey.SecretAccessKey, *k.KeyMetadata.Arn
}

// rawRequest signs one request and gives its bytes. A signature holds for
// fifteen minutes, so the same bytes may be sent again.
func rawRequest(b *testing.B, url string, q signed) []byte {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url+"/", strings.NewReader(q.body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if q.target != "" {
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", q.target)
	}
	sum := sha256.Sum256([]byte(q.body))
	err = v4.NewSigner().SignHTTP(b.Context(), aws.Credentials{AccessKeyID: q.id, SecretAccessKey: q.secret},
		r, hex.EncodeToString(sum[:]), q.service, q.region, q.at)
	if err != nil {
		b.Fatal(err)
	}
	var buf bytes.Buffer
	if err := r.Write(&buf); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

// resend sends b.N requests over a few connections and wants 200 for each.
func resend(b *testing.B, address string, raw []byte) {
	b.Helper()
	var clients sync.WaitGroup
	for i := range connections {
		n := b.N / connections
		if i < b.N%connections {
			n++
		}
		clients.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			for range n {
				if _, err := conn.Write(raw); err != nil {
					b.Error(err)
					return
				}
				resp, err := http.ReadResponse(answers, nil)
				if err != nil {
					b.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK {
					b.Errorf("answered %d: %s (%v)", resp.StatusCode, body, err)
					return
				}
			}
		})
	}
	clients.Wait()
}

// BenchmarkOpen is the time from nothing to a cloud that answers, in a folder
// that has been used before.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	for range b.N {
		c, err := cloud.New(cloud.WithDir(dir))
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// residentFolder, in the environment, has the test binary be nothing but a cloud.
const residentFolder = "KEYTURN_RESIDENT_FOLDER"

// TestResident is the process that BenchmarkResident measures.
func TestResident(t *testing.T) {
	dir := os.Getenv(residentFolder)
	if dir == "" {
		t.Skip("it is a part of BenchmarkResident")
	}
	c, err := cloud.New(cloud.WithDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mb, err := resident()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "resident"), []byte(strconv.FormatFloat(mb, 'f', 1, 64)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkResident reports the memory of a process that has just opened a cloud.
func BenchmarkResident(b *testing.B) {
	var total float64
	for range b.N {
		dir := b.TempDir()
		cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run", "^TestResident$")
		cmd.Env = append(os.Environ(), residentFolder+"="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		raw, err := os.ReadFile(filepath.Join(dir, "resident"))
		if err != nil {
			b.Fatal(err)
		}
		mb, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			b.Fatal(err)
		}
		total += mb
	}
	b.ReportMetric(total/float64(b.N), "MB-resident")
}

// resident reads the process's resident memory in MB, from Linux's /proc.
func resident() (float64, error) {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(raw))[1], 64)
	return pages * float64(os.Getpagesize()) / 1e6, err
}
