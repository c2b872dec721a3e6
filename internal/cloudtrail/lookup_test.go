package cloudtrail

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	account = "123456789012"
	region  = "eu-west-1"
	keyARN  = "arn:aws:kms:eu-west-1:123456789012:key/8e3426b8-87b4-434c-ae74-8e63dadf354a"
)

// history is a store with events a minute apart, the last of them now.
type history struct {
	*testing.T
	store   store.Store
	service *Service
	// at is the time of the next lookup: a second apart, so that none is throttled.
	at time.Time
}

func newHistory(t *testing.T, n int) *history {
	t.Helper()
	h := &history{T: t, store: store.Memory(), service: New(nil), at: now}
	t.Cleanup(func() {
		if err := h.store.Close(); err != nil {
			t.Error(err)
		}
	})
	err := h.store.Update(t.Context(), func(tx store.Tx) error {
		for i := range n {
			e := Entry{
				ID: fmt.Sprintf("event-%03d", i), Name: []string{"CreateGrant", "Decrypt"}[i%2], Source: "kms.amazonaws.com",
				Username: []string{"test", "i-0123456789abcdef0"}[i%2], AccessKeyID: "AKIAIOSFODNN7EXAMPLE", ReadOnly: i%2 == 1,
				Time: now.Add(-time.Duration(n-1-i) * time.Minute), JSON: []byte(`{"eventName":"x"}`),
				Resources: []Resource{{Type: "AWS::KMS::Key", Name: keyARN}},
			}
			r, err := e.Record(uint64(i))
			if err != nil {
				return err
			}
			if err := tx.Append(Stream(account, region), r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *history) lookup(in *cloudtrail.LookupEventsInput) (out *cloudtrail.LookupEventsOutput, err error) {
	h.Helper()
	h.at = h.at.Add(time.Second)
	return h.lookupAt(h.at, in)
}

func (h *history) lookupAt(at time.Time, in *cloudtrail.LookupEventsInput) (out *cloudtrail.LookupEventsOutput, err error) {
	h.Helper()
	err = h.store.View(h.Context(), func(tx store.Tx) error {
		c := &api.Call{Context: h.Context(), Tx: tx, Account: account, Region: region, Partition: "aws", Now: at}
		v, err := h.service.Operations()[0].Do(c, in)
		if err == nil {
			out = v.(*cloudtrail.LookupEventsOutput)
		}
		return err
	})
	return out, err
}

func ids(out *cloudtrail.LookupEventsOutput) []string {
	var all []string
	for _, e := range out.Events {
		all = append(all, *e.EventId)
	}
	return all
}

func by(key types.LookupAttributeKey, value string) []types.LookupAttribute {
	return []types.LookupAttribute{{AttributeKey: key, AttributeValue: &value}}
}

// TestLookup: what each parameter selects, newest first (API reference, "LookupEvents").
func TestLookup(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 4)
	for _, v := range []struct {
		name string
		in   cloudtrail.LookupEventsInput
		want []string
	}{
		{"everything, newest first", cloudtrail.LookupEventsInput{}, []string{"event-003", "event-002", "event-001", "event-000"}},
		{"by id", cloudtrail.LookupEventsInput{LookupAttributes: by(types.LookupAttributeKeyEventId, "event-001")}, []string{"event-001"}},
		{"by name", cloudtrail.LookupEventsInput{LookupAttributes: by(types.LookupAttributeKeyEventName, "CreateGrant")}, []string{"event-002", "event-000"}},
		{"names are case-sensitive", cloudtrail.LookupEventsInput{LookupAttributes: by(types.LookupAttributeKeyEventName, "creategrant")}, nil},
		{"by user", cloudtrail.LookupEventsInput{LookupAttributes: by(types.LookupAttributeKeyUsername, "test")}, []string{"event-002", "event-000"}},
		{"read-only", cloudtrail.LookupEventsInput{LookupAttributes: by(types.LookupAttributeKeyReadOnly, "true")}, []string{"event-003", "event-001"}},
		{"by source", cloudtrail.LookupEventsInput{LookupAttributes: by(types.LookupAttributeKeyEventSource, "ec2.amazonaws.com")}, nil},
		{"by access key", cloudtrail.LookupEventsInput{LookupAttributes: by(types.LookupAttributeKeyAccessKeyId, "AKIAIOSFODNN7EXAMPLE"), MaxResults: aws.Int32(1)}, []string{"event-003"}},
		{"by resource name", cloudtrail.LookupEventsInput{LookupAttributes: by(types.LookupAttributeKeyResourceName, keyARN), MaxResults: aws.Int32(1)}, []string{"event-003"}},
		{"by resource type", cloudtrail.LookupEventsInput{LookupAttributes: by(types.LookupAttributeKeyResourceType, "AWS::EC2::Instance")}, nil},
		{"the start is inclusive", cloudtrail.LookupEventsInput{StartTime: aws.Time(now.Add(-time.Minute))}, []string{"event-003", "event-002"}},
		{"the end is inclusive", cloudtrail.LookupEventsInput{EndTime: aws.Time(now.Add(-2 * time.Minute))}, []string{"event-001", "event-000"}},
		{"no insights", cloudtrail.LookupEventsInput{EventCategory: types.EventCategoryInsight}, nil},
	} {
		t.Run(v.name, func(t *testing.T) {
			out, err := h.lookup(&v.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.want, ids(out)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLookupRefuses what the API reference lists as errors.
func TestLookupRefuses(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 1)
	for _, v := range []struct {
		name, code string
		in         cloudtrail.LookupEventsInput
	}{
		{"two attributes", "InvalidLookupAttributesException", cloudtrail.LookupEventsInput{LookupAttributes: slices.Concat(by("EventName", "x"), by("Username", "y"))}},
		{"an unknown attribute", "InvalidLookupAttributesException", cloudtrail.LookupEventsInput{LookupAttributes: by("Colour", "x")}},
		{"no value", "InvalidLookupAttributesException", cloudtrail.LookupEventsInput{LookupAttributes: by("EventName", "")}},
		{"start after end", "InvalidTimeRangeException", cloudtrail.LookupEventsInput{StartTime: aws.Time(now), EndTime: aws.Time(now.Add(-time.Second))}},
		{"too many results", "InvalidMaxResultsException", cloudtrail.LookupEventsInput{MaxResults: aws.Int32(51)}},
		{"no results", "InvalidMaxResultsException", cloudtrail.LookupEventsInput{MaxResults: aws.Int32(0)}},
		{"an invented token", "InvalidNextTokenException", cloudtrail.LookupEventsInput{NextToken: aws.String("token")}},
		{"an unknown category", "InvalidEventCategoryException", cloudtrail.LookupEventsInput{EventCategory: "management"}},
	} {
		t.Run(v.name, func(t *testing.T) {
			_, err := h.lookup(&v.in)
			var e smithy.APIError
			if !errors.As(err, &e) || e.ErrorCode() != v.code {
				t.Errorf("got %v, want %s", err, v.code)
			}
		})
	}
}

// TestPages: every event comes once, whatever the page, and a token belongs to
// its query.
func TestPages(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 120)
	var all []string
	in := &cloudtrail.LookupEventsInput{}
	for {
		out, err := h.lookup(in)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ids(out)...)
		if out.NextToken == nil {
			break
		}
		if len(out.Events) != maxResults {
			t.Errorf("a page of %d, want %d", len(out.Events), maxResults)
		}
		in.NextToken = out.NextToken
	}
	if len(all) != 120 || all[0] != "event-119" || all[119] != "event-000" || len(slices.Compact(slices.Sorted(slices.Values(all)))) != 120 {
		t.Errorf("%d events", len(all))
	}
	first, err := h.lookup(&cloudtrail.LookupEventsInput{MaxResults: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.lookup(&cloudtrail.LookupEventsInput{NextToken: first.NextToken, LookupAttributes: by("EventName", "Decrypt")})
	if e := new(types.InvalidNextTokenException); !errors.As(err, &e) {
		t.Errorf("another query's token: %v", err)
	}
}

// TestThrottled: two lookups a second are all there is.
func TestThrottled(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 1)
	codes := make([]string, 0, 4)
	for _, at := range []time.Duration{0, 0, 0, time.Second} {
		_, err := h.lookupAt(now.Add(at), &cloudtrail.LookupEventsInput{})
		if e, ok := errors.AsType[smithy.APIError](err); ok {
			codes = append(codes, e.ErrorCode())
			continue
		}
		codes = append(codes, "")
	}
	if diff := cmp.Diff([]string{"", "", "ThrottlingException", ""}, codes); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

// TestForgotten: what is older than the history goes back is not found.
func TestForgotten(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 1)
	out, err := h.lookupAt(now.Add(Retention+time.Second), &cloudtrail.LookupEventsInput{StartTime: aws.Time(now.Add(-time.Hour))})
	if err != nil || len(out.Events) != 0 {
		t.Errorf("%d events, %v", len(out.Events), err)
	}
}

func FuzzToken(f *testing.F) {
	f.Add(base64.StdEncoding.EncodeToString([]byte(`{"at":1,"id":"x","q":""}`)))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := decodeToken(token, &cloudtrail.LookupEventsInput{})
		var e *types.InvalidNextTokenException
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%q: %v", token, err)
		}
	})
}
