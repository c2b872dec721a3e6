package main

import (
	"compress/flate"
	"io"
	"strings"
	"testing"
)

func TestBuild(t *testing.T) {
	t.Parallel()
	// B is listed first; of its six versions the newest five are kept.
	const file = `{
	 "B": {"arn": "arn:aws:iam::aws:policy/service-role/B", "latestVersionId": "v10",
	  "createdDate": "2015-02-06T18:40:15.000Z", "lastUpdatedDate": "2018-11-27T02:16:56.000Z", "versions": {
	   "v1": {"createdDate": "2015-02-06T18:40:15.000Z", "document": {"n": 1}}, "v2": {"document": {"n": 2}}, "v3": {"document": {"n": 3}},
	   "v4": {"document": {"n": 4}}, "v5": {"document": {"n": 5}}, "v10": {"document": {"n": [1, 0]}}}},
	 "A": {"arn": "arn:aws:iam::aws:policy/A", "latestVersionId": "v1",
	  "createdDate": "1970-01-01T00:00:01.000Z", "lastUpdatedDate": "1970-01-01T00:00:02.000Z", "versions": {
	   "v1": {"createdDate": "1970-01-01T00:00:03.000Z", "document": {"a": "b"}}}}}`
	index, blocks, err := build([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(flate.NewReader(strings.NewReader(string(blocks))))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"n":[1,0]}{"n":5}{"n":4}{"n":3}{"n":2}{"a":"b"}`; string(text) != want {
		t.Errorf("text = %s, want %s", text, want)
	}
	lines := strings.Split(string(index), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "A\t/\t1\t1\t2\t1\t1:3:0:") || !strings.HasSuffix(lines[0], ":39:9") {
		t.Errorf("lines = %q", lines)
	}
	if f := strings.Split(lines[1], "\t"); len(f) != 11 || f[0] != "B" || f[1] != "/service-role/" || f[2] != "0" || f[5] != "10" || !strings.HasPrefix(f[6], "10:") {
		t.Errorf("line = %q", f)
	}
}

func TestBuildRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	for rule, file := range map[string]string{
		"no JSON":              `{`,
		"another account":      `{"A": {"arn": "arn:aws:iam::123456789012:policy/A", "latestVersionId": "v1", "versions": {"v1": {"document": {}}}}}`,
		"another name":         `{"A": {"arn": "arn:aws:iam::aws:policy/B", "latestVersionId": "v1", "versions": {"v1": {"document": {}}}}}`,
		"no default version":   `{"A": {"arn": "arn:aws:iam::aws:policy/A", "latestVersionId": "v2", "versions": {"v1": {"document": {}}}}}`,
		"a version of no sort": `{"A": {"arn": "arn:aws:iam::aws:policy/A", "latestVersionId": "v1", "versions": {"x": {"document": {}}}}}`,
	} {
		if _, _, err := build([]byte(file)); err == nil {
			t.Errorf("%s: no error", rule)
		}
	}
}
