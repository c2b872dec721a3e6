package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/api"
)

// S3 keeps objects in the buckets of a server that speaks S3's protocol. It is
// safe for concurrent use.
type S3 struct {
	client *s3.Client

	mu sync.Mutex // covers known; not held while the server is asked
	// known is what was found out about buckets, and when.
	known map[string]knownBucket
}

type knownBucket struct {
	there bool
	at    time.Time
	err   error // it could not be found out
}

// knowFor is how long an answer about a bucket is good.
const knowFor = time.Minute

// maxKnown bounds the names that are remembered: they are the callers' to choose.
const maxKnown = 1024

// The server is waited for so long when it is asked about a bucket and when it
// is given an object.
const (
	lookTimeout = 5 * time.Second
	putTimeout  = 2 * time.Minute
)

var _ api.Buckets = (*S3)(nil)

// NewS3 returns the buckets that a client reaches.
func NewS3(client *s3.Client) *S3 {
	return &S3{client: client, known: make(map[string]knownBucket)}
}

// Look implements api.Buckets: it asks the server.
func (s *S3) Look(ctx context.Context, name string) {
	s.mu.Lock()
	k, ok := s.known[name]
	s.mu.Unlock()
	if ok && k.err == nil && time.Since(k.at) < knowFor {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name})
	k = knownBucket{there: err == nil, at: time.Now()}
	if code := errorCode(err); !k.there && code != "NotFound" && code != "NoSuchBucket" {
		k.err = errors.New("bucket: " + name + " cannot be looked at: " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxKnown {
		clear(s.known)
	}
	s.known[name] = k
}

// HasBucket implements api.Buckets: it says what Look found out.
func (s *S3) HasBucket(name string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.known[name]
	return k.there, k.err
}

// Put implements api.Buckets. The object is gathered in a temporary file, for its
// length and its hash go before it.
func (s *S3) Put(ctx context.Context, bucket, key string, metadata map[string]string, write func(io.Writer) error) error {
	file, err := os.CreateTemp("", "keyturn-object-")
	if err != nil {
		return fmt.Errorf("bucket: %w", err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := write(file); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("bucket: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	_, err = s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: file, Metadata: metadata, ContentType: aws.String("application/json"), ContentEncoding: aws.String("gzip"),
	})
	switch errorCode(err) {
	case "":
		return err
	case "NoSuchBucket":
		return api.ErrNoBucket
	case "AccessDenied":
		return fmt.Errorf("bucket: %w: %s", fs.ErrPermission, err.Error())
	}
	// Whose error it is must not be taken for KMS's.
	return errors.New("bucket: " + err.Error())
}

func errorCode(err error) string {
	if refused, ok := errors.AsType[smithy.APIError](err); ok {
		return refused.ErrorCode()
	}
	return ""
}
