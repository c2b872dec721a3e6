package trailfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// startBuffer is what is read at a time, in bytes.
	startBuffer = 256 << 10
	// maxEvent bounds one event, in bytes: CloudTrail's own limit is 256 KB
	// (CloudTrail guide, "Quotas in AWS CloudTrail"), and as text within
	// LookupEvents' answer it may be twice as long.
	maxEvent = 4 << 20
)

// utf8Mark are the bytes that some editors put before a text. They are passed over
// between lists.
const utf8Mark = "\ufeff"

var errTooLong = fmt.Errorf("an event is longer than %d MiB", maxEvent>>20)

// splitter cuts the elements out of a file's lists as the file streams by. It
// looks for ends alone: whether an element is JSON is found out by who parses it.
type splitter struct {
	src io.Reader
	buf []byte
	// buf[pos:end] is not read yet. What lies before keep is not needed any more;
	// keep is -1 where nothing behind pos is.
	pos, end, keep int
	err            error // what the source ended with

	depth int // of objects and lists that are open around the elements
	list  bool
	n     int64 // bytes that were read

	any     bool // there was a list
	records bool // the list is called Records
}

// reset begins anew with another file.
func (s *splitter) reset(src io.Reader) {
	buf := s.buf
	if len(buf) != startBuffer {
		buf = make([]byte, startBuffer)
	}
	*s = splitter{src: src, buf: buf, keep: -1}
}

// next returns the next element of a list that is called Records or Events, or
// that is not in an object. The bytes are good until next is called again. It ends
// with io.EOF; errTooLong is one element's, and others follow.
func (s *splitter) next() ([]byte, error) {
	for {
		if s.list {
			text, done, err := s.element()
			if err != nil || !done {
				return text, err
			}
		}
		if err := s.seek(); err != nil {
			return nil, err
		}
	}
}

// element reads an element of the list; done tells that the list has ended.
func (s *splitter) element() (text []byte, done bool, err error) {
	c, err := s.token()
	if err == nil && c == ',' {
		s.pos++
		c, err = s.token()
	}
	if err != nil {
		return nil, false, cut(err)
	}
	switch c {
	case ']':
		s.pos++
		s.depth--
		s.list = false
		return nil, true, nil
	case '{':
		s.keep = s.pos
		err := s.skip()
		if err != nil {
			s.keep = -1
			return nil, false, cut(err)
		}
		if s.keep < 0 {
			return nil, false, errTooLong
		}
		text = s.buf[s.keep:s.pos]
		s.keep = -1
		return text, false, nil
	}
	return nil, false, fmt.Errorf("a list of events holds %q where an event should begin", c)
}

// seek goes to the next list of events.
func (s *splitter) seek() error {
	for {
		c, err := s.token()
		switch {
		case err != nil && s.depth > 0:
			return cut(err)
		case err != nil:
			return err
		case s.depth == 0 && c == '{':
			s.pos++
			s.depth = 1
		case s.depth == 0 && strings.IndexByte(utf8Mark, c) >= 0:
			s.pos++
		case s.depth == 0 && c == '[':
			s.pos++
			s.depth, s.list, s.any, s.records = 1, true, true, false
			return nil
		case s.depth == 1 && c == '}':
			s.pos++
			s.depth = 0
		case s.depth == 1 && c == ',':
			s.pos++
		case s.depth == 1 && c == '"':
			found, err := s.member()
			if err != nil || found {
				return cut(err)
			}
		default:
			return fmt.Errorf("no JSON as CloudTrail writes it: %q where a member should begin", c)
		}
	}
}

// member reads a member of the outermost object; found tells that its value is a
// list of events, into which it has gone.
func (s *splitter) member() (found bool, err error) {
	s.keep = s.pos
	if err := s.skip(); err != nil {
		return false, err
	}
	var name []byte
	if s.keep >= 0 {
		name = s.buf[s.keep:s.pos]
	}
	records := string(name) == `"Records"`
	named := records || string(name) == `"Events"`
	s.keep = -1
	c, err := s.token()
	if err != nil {
		return false, err
	}
	if c != ':' {
		return false, fmt.Errorf("no JSON as CloudTrail writes it: %q where a colon should be", c)
	}
	s.pos++
	if c, err = s.token(); err != nil {
		return false, err
	}
	if named && c == '[' {
		s.pos++
		s.depth, s.list, s.any, s.records = 2, true, true, records
		return true, nil
	}
	return false, s.skip()
}

// token goes to the next byte that is no white space, and returns it.
func (s *splitter) token() (byte, error) {
	for {
		for ; s.pos < s.end; s.pos++ {
			switch c := s.buf[s.pos]; c {
			case ' ', '\t', '\n', '\r':
			default:
				return c, nil
			}
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// The kinds of bytes between strings.
const (
	plain = iota
	opens
	closes
	quotes
	ends // a comma or white space: where a number or a word ends
)

var kinds = [256]uint8{
	'{': opens, '[': opens, '}': closes, ']': closes, '"': quotes,
	',': ends, ' ': ends, '\t': ends, '\n': ends, '\r': ends,
}

// skip goes over a value.
func (s *splitter) skip() error {
	depth := 0
	for {
		buf, i := s.buf[:s.end], s.pos
		for i < len(buf) {
			switch kinds[buf[i]] {
			case opens:
				depth++
			case closes:
				if depth == 0 { // the end of what is around a number or a word
					s.pos = i
					return nil
				}
				if depth--; depth == 0 {
					s.pos = i + 1
					return nil
				}
			case quotes:
				// Most strings are short and without escapes.
				k := bytes.IndexByte(buf[i+1:], '"')
				if k < 0 || buf[i+k] == '\\' {
					s.pos = i + 1
					if err := s.quoted(); err != nil {
						return err
					}
					buf, i = s.buf[:s.end], s.pos-1
				} else {
					i += k + 1
				}
				if depth == 0 {
					s.pos = i + 1
					return nil
				}
			case ends:
				if depth == 0 {
					s.pos = i
					return nil
				}
			}
			i++
		}
		s.pos = i
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// quoted goes behind the end of a string, from behind its beginning.
func (s *splitter) quoted() error {
	odd := false // an odd number of backslashes stands before pos
	for {
		b := s.buf[s.pos:s.end]
		k := bytes.IndexByte(b, '"')
		end := k
		if k < 0 {
			end = len(b)
		}
		n := 0
		for n < end && b[end-1-n] == '\\' {
			n++
		}
		escaped := n%2 == 1
		if n == end {
			escaped = escaped != odd
		}
		if k < 0 {
			s.pos, odd = s.end, escaped
			if err := s.fill(); err != nil {
				return err
			}
			continue
		}
		s.pos += k + 1
		if !escaped {
			return nil
		}
		odd = false
	}
}

// fill reads more. What is kept moves to the front; if it becomes too long, it is
// kept no longer.
func (s *splitter) fill() error {
	if s.err != nil {
		return s.err
	}
	from := s.pos
	if s.keep >= 0 {
		from = s.keep
	}
	switch {
	case from > 0:
		copy(s.buf, s.buf[from:s.end])
		s.pos, s.end = s.pos-from, s.end-from
		if s.keep >= 0 {
			s.keep = 0
		}
	case s.end < len(s.buf):
	case len(s.buf) < maxEvent:
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	default:
		s.keep = -1
		s.pos, s.end = 0, 0
	}
	for range 100 {
		n, err := s.src.Read(s.buf[s.end:])
		s.end += n
		s.n += int64(n)
		if err != nil {
			s.err = err
		}
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// cut words the end of a file that comes too early.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file ends in the middle: %w", io.ErrUnexpectedEOF)
	}
	return err
}
