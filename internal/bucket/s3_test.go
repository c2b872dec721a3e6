package bucket_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/bucket"
)

// server is another's S3, with the bucket "logs" and the bucket "forbidden".
type server struct {
	mu      sync.Mutex
	objects map[string]string
	asked   int
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
	}
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		refuse(http.StatusForbidden, "AccessDenied")
	case name == "forbidden" && key != "":
		refuse(http.StatusForbidden, "AccessDenied")
	case name != "logs" && name != "forbidden":
		refuse(http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodHead:
		s.asked++
	case r.Method == http.MethodPut:
		content, err := io.ReadAll(r.Body)
		if err != nil {
			refuse(http.StatusBadRequest, "IncompleteBody")
			return
		}
		s.objects[name+"/"+key] = string(content) + " " + r.Header.Get("x-amz-meta-signature")
	default:
		refuse(http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

// TestS3: buckets of another server are looked for before they are asked for, and
// take objects with their metadata.
func TestS3(t *testing.T) {
	t.Parallel()
	there := &server{objects: make(map[string]string)}
	web := httptest.NewServer(there)
	defer web.Close()
	b := bucket.NewS3(s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &web.URL, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), HTTPClient: web.Client(),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	}))
	for name, want := range map[string]bool{"logs": true, "none": false} {
		for range 2 {
			b.Look(t.Context(), name)
		}
		if got, err := b.HasBucket(name); got != want || err != nil {
			t.Errorf("bucket %s: %v, %v", name, got, err)
		}
	}
	if there.asked != 1 {
		t.Errorf("the server was asked %d times for a bucket", there.asked)
	}
	if err := b.Put(t.Context(), "logs", "a/b.json.gz", map[string]string{"signature": "signed"}, text("content")); err != nil {
		t.Error(err)
	}
	if got := there.objects["logs/a/b.json.gz"]; got != "content signed" {
		t.Errorf("the object is %q", got)
	}
	if err := b.Put(t.Context(), "none", "x", nil, text("x")); !errors.Is(err, api.ErrNoBucket) {
		t.Errorf("no such bucket: %v", err)
	}
	if err := b.Put(t.Context(), "forbidden", "x", nil, text("x")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("forbidden: %v", err)
	}
	broken := errors.New("broken off")
	if err := b.Put(t.Context(), "logs", "half", nil, func(io.Writer) error { return broken }); !errors.Is(err, broken) || there.objects["logs/half"] != "" {
		t.Errorf("half an object: %v, %q", err, there.objects["logs/half"])
	}
	web.Close()
	b.Look(t.Context(), "other")
	if _, err := b.HasBucket("other"); err == nil {
		t.Error("a server that is not there has said what buckets it has")
	}
}
