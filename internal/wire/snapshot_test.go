package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/wire"
)

// transport stands for the network: it keeps the request and gives an answer.
type transport struct {
	request *http.Request
	body    []byte
	answer  *http.Response
}

var errCaptured = errors.New("captured")

func (t *transport) Do(r *http.Request) (*http.Response, error) {
	t.request, t.body = r, nil
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		t.body = body
	}
	if t.answer == nil {
		return nil, errCaptured
	}
	return t.answer, nil
}

// sdkClients are the SDK's clients of all eight services on a transport.
func sdkClients(t *transport) map[string]any {
	cfg := aws.Config{
		Region: "us-east-1", HTTPClient: t, BaseEndpoint: aws.String("http://127.0.0.1:1"),
		Credentials:      credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
		RetryMaxAttempts: 1,
	}
	return map[string]any{
		"autoscaling": autoscaling.NewFromConfig(cfg), "cloudtrail": cloudtrail.NewFromConfig(cfg),
		"ebs": ebs.NewFromConfig(cfg), "ec2": ec2.NewFromConfig(cfg), "iam": iam.NewFromConfig(cfg),
		"kms": kms.NewFromConfig(cfg), "organizations": organizations.NewFromConfig(cfg), "sts": sts.NewFromConfig(cfg),
	}
}

// method is a client's method for an operation and the types it speaks.
func method(client any, operation string) (call reflect.Value, in, out reflect.Type, ok bool) {
	m := reflect.ValueOf(client).MethodByName(operation)
	if !m.IsValid() || m.Type().NumIn() != 3 || m.Type().NumOut() != 2 {
		return m, nil, nil, false
	}
	return m, m.Type().In(1).Elem(), m.Type().Out(0).Elem(), true
}

// invoke has the SDK's client carry out an operation.
func invoke(call, in reflect.Value) (out any, err error) {
	results := call.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
	err, _ = reflect.TypeAssert[error](results[1])
	return results[0].Interface(), err
}

// moduleDir is where an SDK module's source is on this machine.
func moduleDir(t *testing.T, service string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/"+service).Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skipf("the source of the SDK's module %s is not here: %v", service, err)
	}
	return dir
}

// counts are how many request snapshots each module ships; cloudtrail's has none.
var counts = map[string]int{
	"autoscaling": 68, "ebs": 6, "ec2": 811, "iam": 180, "kms": 56, "organizations": 63, "sts": 11,
}

// TestRequestSnapshots decodes every request that the SDK's modules ship, with
// every member set, and has the SDK encode it again: to the same bytes.
func TestRequestSnapshots(t *testing.T) {
	t.Parallel()
	for service, want := range counts {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			files, err := filepath.Glob(filepath.Join(moduleDir(t, service), "request_snapshot", "*.request.snap"))
			if err != nil {
				t.Fatal(err)
			}
			done := 0
			for _, file := range files {
				if snapshot(t, service, file) {
					done++
				}
			}
			t.Logf("%d of %d request snapshots decode and encode to the same bytes", done, len(files))
			if done != want {
				t.Errorf("%d snapshots of %s, want %d", done, service, want)
			}
		})
	}
}

func snapshot(t *testing.T, service, file string) bool {
	t.Helper()
	name := strings.TrimSuffix(filepath.Base(file), ".request.snap")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, body := readSnapshot(t, string(text))
	model, _ := wire.Lookup(service)
	o, err := model.Route(r, body)
	if err != nil || o.Name() != name {
		t.Errorf("%s: routed to %v, %v", name, o, err)
		return false
	}
	captured := new(transport)
	call, inType, _, ok := method(sdkClients(captured)[service], name)
	if !ok {
		t.Errorf("%s: the SDK has no such method", name)
		return false
	}
	in := reflect.New(inType)
	if err := o.Decode(r, body, in.Interface()); err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	if _, err := invoke(call, in); !errors.Is(err, errCaptured) {
		t.Errorf("%s: the SDK did not send it: %v", name, err)
		return false
	}
	want := sorted(string(text))
	if name == "CopySnapshot" {
		// The SDK fills it in by itself when it presigns, and shows it to nobody.
		want = strings.Replace(want, "&DestinationRegion=__destinationRegion__", "", 1)
	}
	if got := formatSnapshot(captured); got != want {
		t.Errorf("%s: encoded to\n%s\nwas\n%s", name, difference(got, want), difference(want, got))
		return false
	}
	return true
}

// readSnapshot takes a snapshot apart: method and target, headers, body.
func readSnapshot(t *testing.T, text string) (*http.Request, []byte) {
	t.Helper()
	line, rest, _ := strings.Cut(text, "\n\n")
	method, target, _ := strings.Cut(line, " ")
	headers, body, _ := strings.Cut(rest, "\n\n")
	if after, ok := strings.CutPrefix(rest, "\n"); ok {
		headers, body = "", after
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Method: method, URL: u, Header: make(http.Header)}
	for h := range strings.SplitSeq(headers, "\n") {
		if name, value, ok := strings.Cut(h, ": "); ok {
			r.Header.Add(name, value)
		}
	}
	return r, []byte(body)
}

// unkept are the headers that a snapshot leaves out, and those that only
// signing adds.
var unkept = []string{
	"Authorization", "User-Agent", "X-Amz-Date", "X-Amz-Security-Token", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request",
	"X-Amz-Content-Sha256", "Accept-Encoding", "X-Amz-User-Agent", "Content-Length",
}

func formatSnapshot(c *transport) string {
	var b bytes.Buffer
	path := c.request.URL.RawPath
	if path == "" {
		path = c.request.URL.Path
	}
	fmt.Fprintf(&b, "%s %s", c.request.Method, path)
	if q := c.request.URL.RawQuery; q != "" {
		b.WriteString("?" + q)
	}
	b.WriteString("\n\n")
	var names []string
	for name := range c.request.Header {
		if !slices.Contains(unkept, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range c.request.Header[name] {
			b.WriteString(name + ": " + v + "\n")
		}
	}
	b.WriteString("\n")
	b.Write(c.body)
	return sorted(b.String())
}

// sorted puts a JSON body's members in order: the SDK writes some in another
// order than its own snapshots have.
func sorted(snapshot string) string {
	i := strings.Index(snapshot, "\n{")
	if i < 0 {
		return snapshot
	}
	var v any
	if err := json.Unmarshal([]byte(snapshot[i+1:]), &v); err != nil {
		return snapshot
	}
	body, err := json.Marshal(v)
	if err != nil {
		return snapshot
	}
	return snapshot[:i+1] + string(body)
}

// difference is the part of a where it leaves b, short.
func difference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return a[max(0, i-60):min(len(a), i+100)]
}
