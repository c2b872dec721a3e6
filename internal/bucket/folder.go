// Package bucket is where CloudTrail's files are delivered: a folder whose
// sub-folders are buckets, or the buckets of another server.
package bucket

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// MetadataSuffix ends the name of the file that lies beside an object which has
// metadata and holds it: a JSON object of texts, the keys without "x-amz-meta-".
// A folder has no other place for it.
const MetadataSuffix = ".metadata.json"

// Folder keeps buckets as the sub-folders of one folder, and objects as files in
// them. Whoever makes a sub-folder makes a bucket. It holds no state and is safe
// for concurrent use.
type Folder struct{ dir string }

var _ api.Buckets = (*Folder)(nil)

// Open returns the buckets in a folder, which must be there.
func Open(dir string) (*Folder, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: errors.New("not a folder")}
	}
	if err != nil {
		return nil, fmt.Errorf("bucket: %w", err)
	}
	return &Folder{dir: dir}, nil
}

// Look implements api.Buckets: HasBucket looks by itself.
func (f *Folder) Look(context.Context, string) {}

// HasBucket implements api.Buckets.
func (f *Folder) HasBucket(name string) (bool, error) {
	root, err := f.bucket(name)
	if errors.Is(err, api.ErrNoBucket) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, root.Close()
}

// bucket opens a bucket's folder, out of which no key leads.
func (f *Folder) bucket(name string) (*os.Root, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`) {
		return nil, api.ErrNoBucket
	}
	all, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, fmt.Errorf("bucket: %w", err)
	}
	root, err := all.OpenRoot(name)
	err = errors.Join(err, all.Close())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, api.ErrNoBucket
	case err != nil:
		return nil, fmt.Errorf("bucket: %w", err)
	}
	return root, nil
}

// Put implements api.Buckets: it writes to another name, and to the disk, before
// the object's name is there. The metadata is there before the object is.
func (f *Folder) Put(ctx context.Context, bucket, key string, metadata map[string]string, write func(io.Writer) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	root, err := f.bucket(bucket)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := root.MkdirAll(path.Dir(key), 0o750); err != nil {
		return fmt.Errorf("bucket: %w", err)
	}
	if len(metadata) > 0 {
		err := place(root, key+MetadataSuffix, func(w io.Writer) error { return json.NewEncoder(w).Encode(metadata) })
		if err != nil {
			return err
		}
	}
	if err := place(root, key, write); err != nil {
		return err
	}
	for dir := path.Dir(key); ; dir = path.Dir(dir) {
		syncFolder(root, dir)
		if dir == "." || dir == "/" {
			return nil
		}
	}
}

// syncFolder puts a folder's names on the disk, where the system lets one.
func syncFolder(root *os.Root, dir string) {
	if d, err := root.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

// partSuffix ends the name of a file that is not whole. The one writer of a
// bucket writes it anew if it finds one that was left behind.
const partSuffix = ".part"

func place(root *os.Root, name string, write func(io.Writer) error) error {
	part := name + partSuffix
	file, err := root.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("bucket: %w", err)
	}
	if err := fill(file, write); err != nil {
		_ = root.Remove(part) // one that stays is found out by who reads it
		return err
	}
	if err := root.Rename(part, name); err != nil {
		return fmt.Errorf("bucket: %w", err)
	}
	return nil
}

// fill writes a file and closes it.
func fill(file *os.File, write func(io.Writer) error) error {
	w := bufio.NewWriter(file)
	err := write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}
