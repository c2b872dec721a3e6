package cloudtrail

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/rootkey"
	"github.com/keyturn/keyturn/internal/store"
)

// TestFingerprint is that of the key in the AWS CLI's example of list-public-keys.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	const value = "MIIBCgKCAQEAlSS3cl92HDycr/MTj0moOhas8habjrraXw+KzlWF0axSI2tcF+3iJ9BKQAVSKxGwxwu3m0wG3J+kUl1xboEcEPHYoIYMbgfSw7KGnuDKwkLzsQWhUJ0cIbOHASox1vv/5fNXkrHhGbDCHeVXm804c83nvHUEFYThr1PfyP/8HwrCtR3FX5OANtQCP61C1nJtSSkC8JSQUOrIP4CuwJjc+4WGDk+BGH5m9iuiAKkipEHWmUl8/P7XpfpWQuk4h8g3pXZOrNXr08lbh4d39svj7UqdhvOXoBISp9t/EXYuePGEtBdrKD9Dz+VHwyUPtBQvYr9BnkF88qBnaPNhS44rzwIDAQAB"
	der, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	if got := fingerprintOf(der); got != "7f3f401420072e50a65a141430817ab3" {
		t.Errorf("the fingerprint is %s", got)
	}
}

// FuzzReference: whatever is read as a trail's name or ARN names one trail, and
// its ARN reads as the same.
func FuzzReference(f *testing.F) {
	for _, seed := range []string{"trail", "my_trail.1", "arn:aws:cloudtrail:us-east-2:123456789012:trail/MyTrail", "arn:aws:cloudtrail::1:trail/", "192.168.5.4", "a--b", "arn:", "..."} {
		f.Add(seed)
	}
	c := &api.Call{Account: account, Region: region, Partition: "aws"}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseReference(c, text)
		if err != nil {
			return
		}
		if strings.ContainsAny(r.name, "/:\\ ") || len(r.name) < minName || len(r.name) > maxName {
			t.Errorf("%q is the name %q", text, r.name)
		}
		again, err := parseReference(c, trailARN("aws", r.region, r.account, r.name))
		if again.arn = r.arn; err != nil || again != r {
			t.Errorf("%q reads as %+v and then as %+v (%v)", text, r, again, err)
		}
	})
}

// TestQueueOrder: a queue gives the events of a place together, in the order of
// their times and numbers.
func TestQueueOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		at := func() time.Time {
			return time.UnixMicro(rapid.Int64Range(0, 1<<55).Draw(r, "time")).UTC()
		}
		a, b := at(), at()
		m, n := rapid.Uint64().Draw(r, "number"), rapid.Uint64().Draw(r, "number")
		first, second := queueID(account, region, a, m, "x"), queueID(account, region, b, n, "y")
		if before := a.Before(b) || a.Equal(b) && m < n; before && first <= second {
			r.Fatalf("%s does not come before %s", first, second)
		}
		if other := queueID(account, "us-east-1", b, n, "y"); other < first {
			r.Fatalf("%s is among those of %s", other, region)
		}
		gotAccount, gotRegion, gotTime, err := readQueueID(first)
		if err != nil || gotAccount != account || gotRegion != region || !gotTime.Equal(a) {
			r.Fatalf("%s reads as %s, %s, %s (%v)", first, gotAccount, gotRegion, gotTime, err)
		}
	})
}

// shelfOfBuckets keeps objects in memory, and can be told to fail.
type shelfOfBuckets struct {
	objects map[string][]byte
	// asked is how often something was to be put.
	asked int
	// fails is how many more writes fail, after half of the content.
	fails int
}

func (b *shelfOfBuckets) Look(context.Context, string) {}

func (b *shelfOfBuckets) HasBucket(string) (bool, error) { return true, nil }

func (b *shelfOfBuckets) Put(_ context.Context, bucket, key string, _ map[string]string, write func(io.Writer) error) error {
	b.asked++
	var content bytes.Buffer
	if err := write(&content); err != nil {
		return err
	}
	if b.fails > 0 {
		b.fails--
		return errors.New("the disk is full")
	}
	b.objects[bucket+"/"+key] = content.Bytes()
	return nil
}

// world is a trail with a courier and its buckets.
type world struct {
	*testing.T
	store   store.Store
	service *Service
	courier *Courier
	buckets *shelfOfBuckets
	trail   trail
	seq     uint64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, store: store.Memory(), buckets: &shelfOfBuckets{objects: map[string][]byte{}}}
	t.Cleanup(func() { w.store.Close() })
	root, err := rootkey.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.service = New(root, WithBuckets(w.buckets))
	w.courier = w.service.NewCourier(w.store, nil, slog.New(slog.DiscardHandler))
	w.trail = trail{
		ID: "id", Account: account, Partition: "aws", Region: region, Name: "trail", Bucket: "bucket",
		GlobalEvents: true, MultiRegion: true, Logging: true, Started: now,
	}
	w.update(func(tx store.Tx) error {
		if err := start(tx, w.trail, now); err != nil {
			return err
		}
		return put(tx, w.trail)
	})
	return w
}

func (w *world) update(fn func(store.Tx) error) {
	w.Helper()
	if err := w.store.Update(w.Context(), fn); err != nil {
		w.Fatal(err)
	}
}

// filling is a text that packing makes little shorter.
func filling(seed uint64, size int) string {
	random := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, size)
	for i := range b {
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[random.IntN(64)]
	}
	return string(b)
}

// collect has something happen in a region; the event is as long as size.
func (w *world) collect(region, id string, at time.Time, size int) {
	w.Helper()
	w.seq++
	w.update(func(tx store.Tx) error {
		text := fmt.Sprintf(`{"eventID":%q,"filling":%q}`, id, filling(w.seq, size))
		return w.service.Collect(tx, account, region, Entry{ID: id, Source: "kms.amazonaws.com", Name: "CreateKey", Time: at, JSON: []byte(text)}, w.seq)
	})
}

func (w *world) round(at time.Time) time.Time {
	w.Helper()
	next, err := w.courier.Round(w.Context(), at)
	if err != nil {
		w.Fatal(err)
	}
	return next
}

// ids are the events of each object.
func (w *world) ids() map[string][]string {
	w.Helper()
	all := make(map[string][]string)
	for key, packed := range w.buckets.objects {
		r, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			w.Fatal(err)
		}
		var file struct{ Records []struct{ EventID string } }
		if err := json.NewDecoder(r).Decode(&file); err != nil {
			w.Fatal(err)
		}
		for _, e := range file.Records {
			all[key] = append(all[key], e.EventID)
		}
	}
	return all
}

// TestLateEvents: an event that was recorded late, or while another was being
// delivered, is delivered all the same: the queue is in the order of recording.
func TestLateEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.collect(region, "b", now.Add(2*time.Second), 0)
	w.collect(region, "a", now.Add(time.Second), 0)
	w.collect("us-east-1", "c", now.Add(time.Second), 0)
	w.collect(region, "before it logged", now.Add(-time.Second), 0)
	if next := w.round(now.Add(time.Minute)); !next.Equal(now.Add(deliverEvery)) || len(w.buckets.objects) > 0 {
		t.Errorf("delivered before its time: %v, next %v", w.ids(), next)
	}
	w.round(now.Add(6 * time.Minute))
	w.collect(region, "late", now.Add(time.Second), 0)
	w.round(now.Add(12 * time.Minute))
	w.round(now.Add(18 * time.Minute))
	var got [][]string
	for _, key := range slices.Sorted(maps.Keys(w.ids())) {
		got = append(got, w.ids()[key])
	}
	if diff := cmp.Diff([][]string{{"a", "b"}, {"late"}, {"c"}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestInterruptedDelivery: what a bucket did not take is delivered later under
// the same names, and nothing twice.
func TestInterruptedDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.collect(region, "a", now.Add(time.Second), 0)
	w.collect("us-east-1", "b", now.Add(time.Second), 0)
	w.buckets.fails = 1
	w.round(now.Add(6 * time.Minute))
	partly := w.ids()
	w.collect(region, "c", now.Add(7*time.Minute), 0)
	w.buckets.fails = 1
	w.round(now.Add(12 * time.Minute))
	w.round(now.Add(18 * time.Minute))
	whole := w.ids()
	for key := range partly {
		if len(whole[key]) == 0 {
			t.Errorf("file %s was delivered under another name", key)
		}
	}
	got := slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Values(whole))...)))
	if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestLargeQueue: a queue of many pages becomes files of bounded size.
func TestLargeQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const events = 3 * pageEvents
	for i := range events {
		w.collect(region, strconv.Itoa(i), now.Add(time.Duration(i)*time.Millisecond), 400)
	}
	q := &queueReader{ctx: t.Context(), store: w.store, stream: queueStream(w.trail.ID, 1)}
	n := 0
	for {
		_, ok, err := q.peek()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		f := logFile{Account: account, Region: region}
		var out bytes.Buffer
		if err := f.write(&out, q, 1000); err != nil {
			t.Fatal(err)
		}
		w.buckets.objects[strconv.Itoa(n)] = out.Bytes()
		n++
	}
	got := slices.Concat(slices.Collect(maps.Values(w.ids()))...)
	if len(got) != events || n < 2 {
		t.Errorf("%d events in %d files", len(got), n)
	}
}

// TestOldQueue: a queue in which nothing happened for long is opened anew, so that
// its records are not trimmed as old.
func TestOldQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	later := now.Add(100 * 24 * time.Hour)
	w.round(later)
	w.collect(region, "a", later, 0)
	w.update(func(tx store.Tx) error { return tx.TrimRecords("", later.Add(-Retention)) })
	w.round(later.Add(6 * time.Minute))
	if len(w.buckets.objects) != 1 {
		t.Errorf("delivered is %v", w.ids())
	}
}

// TestRefusedDigest: a digest that the bucket did not take is not offered again at
// once, and is the same when it is taken.
func TestRefusedDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trail.Validation, w.trail.Validated = true, now
	w.update(func(tx store.Tx) error { return put(tx, w.trail) })
	w.collect(region, "a", now.Add(time.Second), 0)
	w.round(now.Add(5 * time.Minute))
	w.buckets.asked, w.buckets.fails = 0, 100
	due := now.Add(time.Hour)
	for _, at := range []time.Duration{0, 0, time.Minute, deliverEvery, deliverEvery + time.Minute, 2 * deliverEvery} {
		w.round(due.Add(at))
	}
	if w.buckets.asked != 3 {
		t.Errorf("the digest was offered %d times, want 3", w.buckets.asked)
	}
	w.buckets.fails = 0
	w.round(due.Add(3 * deliverEvery))
	digests := 0
	for key := range w.buckets.objects {
		if strings.Contains(key, "CloudTrail-Digest") {
			digests++
			if !strings.Contains(key, due.Format("20060102T150405Z")) {
				t.Errorf("the digest ends at another time: %s", key)
			}
		}
	}
	if digests != 1 {
		t.Errorf("there are %d digests", digests)
	}
}

// TestNothingStays: of a trail that was deleted nothing is left once all is delivered.
func TestNothingStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trail.Validation, w.trail.Validated = true, now
	w.update(func(tx store.Tx) error { return put(tx, w.trail) })
	w.collect(region, "a", now.Add(time.Second), 0)
	w.trail.Logging, w.trail.Stopped, w.trail.Deleted = false, now.Add(time.Minute), now.Add(time.Minute)
	w.update(func(tx store.Tx) error { return put(tx, w.trail) })
	w.collect(region, "too late", now.Add(2*time.Minute), 0)
	for at := time.Duration(0); at < 3*time.Hour; at += deliverEvery {
		w.round(now.Add(at))
	}
	if len(w.buckets.objects) != 2 {
		t.Errorf("delivered are %v, want a log file and a digest", slices.Collect(maps.Keys(w.buckets.objects)))
	}
	w.update(func(tx store.Tx) error {
		for row, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			if !strings.Contains(row.Key, "/cloudtrail.key/") {
				t.Errorf("%s is left", row.Key)
			}
		}
		return nil
	})
	if next := w.round(now.Add(4 * time.Hour)); !next.IsZero() {
		t.Errorf("something is expected at %v", next)
	}
}
