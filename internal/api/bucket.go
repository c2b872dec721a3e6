package api

import (
	"context"
	"errors"
	"io"
)

// ErrNoBucket is returned by Buckets for a bucket that is not there.
var ErrNoBucket = errors.New("api: no such bucket")

// Buckets are where CloudTrail delivers its files. There is no S3 here: the
// cloud is given a folder, or another server that speaks S3's protocol.
type Buckets interface {
	// Look finds out about a bucket, however long that takes: it is called ahead
	// of the transaction in which HasBucket is.
	Look(ctx context.Context, name string)
	// HasBucket reports whether there is a bucket of that name. It is asked while
	// a request is carried out, and must answer at once.
	HasBucket(name string) (bool, error)
	// Put writes an object, with S3's user-defined metadata, whole or not at
	// all; it replaces one of the same key. write is called once, and what it
	// returns Put returns as it is.
	Put(ctx context.Context, bucket, key string, metadata map[string]string, write func(io.Writer) error) error
}
