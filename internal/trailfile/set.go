package trailfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Set is the folders and files in which events are looked for. It may be searched
// by several goroutines at once.
type Set struct {
	roots []root
}

// root is a folder, or one file.
type root struct {
	path   string
	folder bool
}

// Open makes a set of folders, which are searched with all that is below them,
// and of files. It fails if one is not there or is neither.
func Open(paths ...string) (*Set, error) {
	s := new(Set)
	for _, p := range paths {
		// A folder that is a link is searched; links within are not followed.
		real, err := filepath.EvalSymlinks(p)
		if err != nil {
			return nil, notOpened(p, err)
		}
		if real, err = filepath.Abs(real); err != nil {
			return nil, notOpened(p, err)
		}
		info, err := os.Stat(real)
		if err != nil {
			return nil, notOpened(p, err)
		}
		if !info.IsDir() && !info.Mode().IsRegular() {
			return nil, notOpened(p, errors.New("it is neither a folder nor a file"))
		}
		s.roots = append(s.roots, root{real, info.IsDir()})
	}
	return s, nil
}

func notOpened(path string, err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		err = inner.Err
	}
	return fmt.Errorf("the log files in %s cannot be read: %w", path, err)
}

// file is a file to read.
type file struct {
	path string
	// name is what people are told: the path below the folder.
	name string
}

// walk calls found for every file whose path leaves it open that it holds an
// answer, until found returns false. passed is called for files that are left out.
func (r root) walk(q *Question, found func(file) bool, passed func(), failed func(name string, err error)) {
	if !r.folder {
		found(file{r.path, filepath.Base(r.path)})
		return
	}
	// The errors are all reported by failed.
	_ = filepath.WalkDir(r.path, func(path string, d fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(r.path, path)
		if relErr != nil {
			name = path
		}
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			if inner, ok := errors.AsType[*fs.PathError](err); ok {
				err = inner.Err
			}
			failed(name, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir():
			if !q.mayLead(filepath.ToSlash(path)) {
				return fs.SkipDir
			}
		case !d.Type().IsRegular() || !named(name):
		case !q.mayHold(name):
			passed()
		case !found(file{path, name}):
			return fs.SkipAll
		}
		return nil
	})
}

// named tells whether a file in a folder is taken for one with events.
func named(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return strings.HasSuffix(name, ".json")
}
