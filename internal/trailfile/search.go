package trailfile

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Tally is what a search has read.
type Tally struct {
	// Files were read, Passed not opened because of their names. Folders that
	// cannot hold an answer are passed by as a whole and are not counted.
	Files, Passed int
	// Events were looked at, Bytes of JSON read.
	Events, Bytes int64
	// Broken is how many files and folders could not be read, or not whole; Problems
	// are the first of them, maxProblems at most.
	Broken   int
	Problems []Problem
}

// Problem is a file or a folder that could not be read, or not whole, and the
// first reason for it.
type Problem struct {
	File string
	Err  error
}

// String is the problem in words.
func (p Problem) String() string { return p.File + ": " + p.Err.Error() }

// maxProblems is how many problems a tally names.
const maxProblems = 20

// Search calls found for every event that answers the question: in no order, one
// at a time, and as often as the files have it (AWS may deliver an event twice). It
// reads on as many cores as there are. What could not be read is in the tally; the
// error is ctx's.
func (s *Set) Search(ctx context.Context, q Question, found func(Event)) (Tally, error) {
	run := &search{q: &q, sieve: newSieve(&q), found: found}
	files := make(chan file)
	var readers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			r := reader{search: run, raw: bufio.NewReaderSize(nil, rawBuffer)}
			for f := range files {
				r.read(ctx, f)
			}
		})
	}
	for _, root := range s.roots {
		root.walk(&q, func(f file) bool {
			select {
			case files <- f:
				return true
			case <-ctx.Done():
				return false
			}
		}, run.passed, run.failed)
	}
	close(files)
	readers.Wait()
	if err := ctx.Err(); err != nil {
		return run.tally, fmt.Errorf("searching the log files: %w", err)
	}
	return run.tally, nil
}

// search is one search under way.
type search struct {
	q     *Question
	sieve *sieve

	mu    sync.Mutex // guards what follows
	tally Tally
	found func(Event)
}

func (s *search) passed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.Passed++
}

func (s *search) failed(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.Broken++
	if len(s.tally.Problems) < maxProblems {
		s.tally.Problems = append(s.tally.Problems, Problem{name, err})
	}
}

func (s *search) answered(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found(e)
}

// reader reads one file after the other, with buffers of its own.
type reader struct {
	*search

	raw      *bufio.Reader
	unpacked gzip.Reader
	split    splitter
	broken   error // the first problem of the file
}

// rawBuffer is what is read of a file at a time, in bytes.
const rawBuffer = 128 << 10

func (r *reader) read(ctx context.Context, f file) {
	in, err := os.Open(f.path)
	if err != nil {
		if inner, ok := errors.AsType[*fs.PathError](err); ok {
			err = inner.Err
		}
		r.failed(f.name, err)
		return
	}
	defer in.Close()
	r.raw.Reset(in)
	r.broken, r.split.n = nil, 0
	events, err := r.events(ctx, f.name)
	r.note(err)
	r.mu.Lock()
	r.tally.Files++
	r.tally.Events += events
	r.tally.Bytes += r.split.n
	r.mu.Unlock()
	if r.broken != nil && ctx.Err() == nil {
		r.failed(f.name, r.broken)
	}
}

// note keeps the first problem of a file.
func (r *reader) note(err error) {
	if r.broken == nil {
		r.broken = err
	}
}

var gzipMagic = []byte{0x1f, 0x8b}

// events reads the events of a file, and counts them.
func (r *reader) events(ctx context.Context, name string) (n int64, err error) {
	var src io.Reader = r.raw
	// How it begins tells whether it is packed: names are lost on the way.
	if begin, _ := r.raw.Peek(len(gzipMagic)); bytes.Equal(begin, gzipMagic) {
		if err := r.unpacked.Reset(r.raw); err != nil {
			return 0, err
		}
		src = &r.unpacked
	}
	r.split.reset(&untilDone{ctx, src})
	for {
		text, err := r.split.next()
		switch {
		case errors.Is(err, io.EOF):
			if !r.split.any {
				return n, errors.New("it has no list of events: neither Records, as log files have, nor Events, as aws cloudtrail lookup-events prints")
			}
			return n, nil
		case errors.Is(err, errTooLong):
			r.note(err)
			continue
		case err != nil:
			return n, err
		}
		n++
		if r.sieve.keeps(text) {
			r.judge(name, n, text)
		}
	}
}

// judge looks at an event that may be an answer.
func (r *reader) judge(name string, number int64, text []byte) {
	if !r.split.records {
		text = lookedUp(text)
	}
	e, ok, err := r.q.answer(text)
	r.note(err)
	if ok {
		e.File, e.Number = name, number
		r.answered(e)
	}
}

// lookedUp is the event in an element of LookupEvents' answer, which has it as a
// text; any other element is an event itself.
func lookedUp(text []byte) []byte {
	var entry struct {
		Event *string `json:"CloudTrailEvent"`
	}
	if json.Unmarshal(text, &entry) == nil && entry.Event != nil {
		return []byte(*entry.Event)
	}
	return text
}

// untilDone ends reading when nobody waits for it any more.
type untilDone struct {
	ctx context.Context
	src io.Reader
}

func (u *untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.src.Read(p)
}
