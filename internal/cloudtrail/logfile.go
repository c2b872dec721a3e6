package cloudtrail

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

// maxLogFile is how large a log file becomes, compressed, in bytes (CloudTrail
// guide, "Quotas in AWS CloudTrail").
const maxLogFile = 50 << 20

// logFile is a log file that was delivered, as a digest tells of it.
type logFile struct {
	Account, Region string
	Bucket, Key     string
	Hash            string // SHA-256 of the content, hexadecimal
	Oldest, Newest  time.Time
}

// refusedError is a file that a bucket did not take.
type refusedError struct{ cause error }

func (e *refusedError) Error() string { return "cloudtrail: not delivered: " + e.cause.Error() }
func (e *refusedError) Unwrap() error { return e.cause }

// logFiles delivers a sealed generation: a file, or several if it is large, for
// each account and region.
func (c *Courier) logFiles(ctx context.Context, t trail, g sealed) ([]logFile, error) {
	q := &queueReader{ctx: ctx, store: c.store, stream: queueStream(t.ID, g.Generation)}
	var files []logFile
	for n := 0; ; n++ {
		e, ok, err := q.peek()
		if err != nil || !ok {
			return files, err
		}
		f := logFile{Account: e.account, Region: e.region, Bucket: t.Bucket, Key: t.logKey(e.account, e.region, g, n)}
		var broken error
		err = c.service.buckets.Put(ctx, f.Bucket, f.Key, nil, func(w io.Writer) error {
			broken = f.write(w, q, maxLogFile)
			return broken
		})
		if broken != nil {
			return nil, broken
		}
		if err != nil {
			return nil, &refusedError{err}
		}
		files = append(files, f)
	}
}

// folder is where a trail's files of a kind, "CloudTrail", lie in its bucket.
func (t trail) folder(kind, account, region string, at time.Time) string {
	var b strings.Builder
	if t.Prefix != "" {
		b.WriteString(t.Prefix + "/")
	}
	b.WriteString("AWSLogs/")
	if t.Organization {
		b.WriteString(t.OrganizationID + "/")
	}
	b.WriteString(account + "/" + kind + "/" + region + "/" + at.UTC().Format("2006/01/02") + "/")
	return b.String()
}

// logKey names the n-th log file of a generation (CloudTrail guide, "CloudTrail
// log file examples"). Where AWS has 16 random characters these follow from what
// the file is of, so that a file that is delivered twice is one file.
func (t trail) logKey(account, region string, g sealed, n int) string {
	return t.folder("CloudTrail", account, region, g.At) + account + "_CloudTrail_" + region + "_" +
		g.At.UTC().Format("20060102T1504Z") + "_" + unique(t.ID, account, region, strconv.FormatUint(g.Generation, 10), strconv.Itoa(n)) + ".json.gz"
}

// uniqueLength is how many characters make a log file's name unique.
const uniqueLength = 16

// unique makes letters and digits of what is unique.
func unique(of ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(of, "/")))
	text := new(big.Int).SetBytes(sum[:]).Text(62)
	return text[:uniqueLength]
}

// write writes events of the queue, as long as they are of the file's account
// and region and fit.
func (f *logFile) write(to io.Writer, q *queueReader, limit int64) error {
	size := &counter{to: to}
	packed := gzip.NewWriter(size)
	sum := sha256.New()
	w := bufio.NewWriter(io.MultiWriter(packed, sum))
	// bufio keeps the first error for Flush to return.
	_, _ = w.WriteString(`{"Records":[`)
	for first := true; ; first = false {
		e, ok, err := q.peek()
		if err != nil {
			return err
		}
		if !ok || e.account != f.Account || e.region != f.Region || size.n >= limit {
			break
		}
		if !first {
			_ = w.WriteByte(',')
		}
		_, _ = w.Write(e.json)
		f.cover(e.at)
		q.next()
	}
	_, _ = w.WriteString("]}")
	if err := w.Flush(); err != nil {
		return &refusedError{err}
	}
	if err := packed.Close(); err != nil {
		return &refusedError{err}
	}
	f.Hash = hexSum(sum)
	return nil
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// cover widens the times of the file's events.
func (f *logFile) cover(at time.Time) {
	if f.Oldest.IsZero() || at.Before(f.Oldest) {
		f.Oldest = at
	}
	if at.After(f.Newest) {
		f.Newest = at
	}
}

// counter counts what is written to it.
type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}

// queued is one event in a queue.
type queued struct {
	account, region string
	at              time.Time
	json            []byte
}

// A page of a queue ends when it has that many events or that many bytes.
const (
	pageEvents = 512
	pageBytes  = 4 << 20
)

// queueReader reads a sealed stream page by page: each in a View of its own, and
// none while a file is written.
type queueReader struct {
	ctx    context.Context
	store  store.Store
	stream string

	page  []store.Record
	last  store.Record
	ended bool
}

// peek returns the event that is next; ok is false at the end.
func (q *queueReader) peek() (e queued, ok bool, err error) {
	if len(q.page) == 0 && !q.ended {
		if err := q.read(); err != nil {
			return e, false, err
		}
	}
	if len(q.page) == 0 {
		return e, false, nil
	}
	e.json = q.page[0].Data
	e.account, e.region, e.at, err = readQueueID(q.page[0].ID)
	return e, err == nil, err
}

// next takes the event that peek has shown.
func (q *queueReader) next() { q.page = q.page[1:] }

func (q *queueReader) read() error {
	q.page = nil
	err := q.store.View(q.ctx, func(tx store.Tx) error {
		size := 0
		for r, err := range tx.Records(q.stream, store.Query{Before: q.last}) {
			if err != nil {
				return fmt.Errorf("cloudtrail: queue: %w", err)
			}
			q.page = append(q.page, r)
			if size += len(r.Data); len(q.page) == pageEvents || size > pageBytes {
				return nil
			}
		}
		q.ended = true
		return nil
	})
	if n := len(q.page); n > 0 {
		q.last = q.page[n-1]
	}
	return err
}
