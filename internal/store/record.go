package store

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// maxStream is the longest name of a stream, in bytes: its length is one byte
// of the records' keys.
const maxStream = 255

var errStream = errors.New("store: a stream's name has 1 to 255 bytes")

func checkStream(stream string) error {
	if stream == "" || len(stream) > maxStream {
		return errStream
	}
	return nil
}

// A record lies in a tree under its stream, time and id, encoded so that the
// order of the bytes is the order of the records. The stream's length goes
// before it, so that no stream's records lie among another's.

// streamPrefix begins the keys of a stream's records.
func streamPrefix(stream string) string {
	return string([]byte{byte(len(stream))}) + stream
}

func recordKey(stream string, at int64, id string) string {
	b := make([]byte, 0, 1+len(stream)+8+len(id))
	b = append(b, byte(len(stream)))
	b = append(b, stream...)
	// The sign is turned over: times before 1970 come before the others.
	b = binary.BigEndian.AppendUint64(b, uint64(at)^1<<63)
	return string(append(b, id...))
}

// splitRecordKey undoes recordKey.
func splitRecordKey(key string) (stream string, at int64, id string) {
	n := 1 + int(key[0])
	return key[1:n], int64(binary.BigEndian.Uint64([]byte(key[n:n+8])) ^ 1<<63), key[n+8:]
}

func record(at int64, id string, data []byte) Record {
	return Record{At: time.UnixMicro(at).UTC(), ID: id, Data: data}
}

// span is a Query in microseconds: records from <= at, and before (at, id).
type span struct {
	from   int64
	at     int64
	id     string
	prefix string // of the stream's keys
}

func (q Query) span(stream string) span {
	s := span{from: math.MinInt64, at: math.MaxInt64, prefix: streamPrefix(stream)}
	if !q.From.IsZero() {
		s.from = q.From.UnixMicro()
		if q.From.Nanosecond()%1000 != 0 {
			s.from++
		}
	}
	if !q.To.IsZero() {
		s.at = q.To.UnixMicro() + 1
	}
	if at := q.Before.At.UnixMicro(); q.Before.ID != "" && at < s.at {
		s.at, s.id = at, q.Before.ID
	}
	return s
}

// key is the first key after the span, in ascending order.
func (s span) key() string {
	return s.prefix + string(binary.BigEndian.AppendUint64(nil, uint64(s.at)^1<<63)) + s.id
}

// walk yields a tree's records of the span, newest first, until yield returns
// false. The tree must not change meanwhile.
func (s span) walk(records *tree, yield func(key string, r Record) bool) {
	end := s.key()
	records.Descend(end, func(key string, data []byte) bool {
		if key == end {
			return true
		}
		if len(key) < len(s.prefix)+8 || key[:len(s.prefix)] != s.prefix {
			return false
		}
		_, at, id := splitRecordKey(key)
		return at >= s.from && yield(key, record(at, id, data))
	})
}

// trim removes from a tree the records older than before: a stream's, or all
// streams' if stream is empty.
func trim(records *tree, stream string, before int64) {
	var keys []string
	if stream == "" {
		records.Scan(func(key string, _ []byte) bool {
			if _, at, _ := splitRecordKey(key); at < before {
				keys = append(keys, key)
			}
			return true
		})
	} else {
		old := span{from: math.MinInt64, at: before, prefix: streamPrefix(stream)}
		old.walk(records, func(key string, _ Record) bool {
			keys = append(keys, key)
			return true
		})
	}
	for _, key := range keys {
		records.Delete(key)
	}
}

// trimTime is the first microsecond that is not older than before.
func trimTime(before time.Time) int64 {
	at := before.UnixMicro()
	if before.Nanosecond()%1000 != 0 {
		at++
	}
	return at
}
