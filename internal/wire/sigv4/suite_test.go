package sigv4

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// suiteSecret signs all of AWS's vectors.
const suiteSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

// TestSuite runs AWS's own signing vectors: canonical request, string to sign
// and signature of each.
func TestSuite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "..", "..", "shared", "sigv4-suite")
	var files []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".req") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Skipf("AWS's signing vectors are not here: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			runVector(t, strings.TrimSuffix(file, ".req"))
		})
	}
	t.Logf("%d vectors", len(files))
}

func runVector(t *testing.T, base string) {
	t.Helper()
	read := func(kind string) string {
		raw, err := os.ReadFile(base + kind)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(raw), "\r\n", "\n")
	}
	r, body := vectorRequest(t, read(".req"))
	r.Header.Set("Authorization", read(".authz"))
	// A session's token is the signer's to add: it is in the signed request only.
	if _, token, ok := strings.Cut(read(".sreq"), "X-Amz-Security-Token:"); ok {
		token, _, _ = strings.Cut(token, "\n")
		r.Header.Set("X-Amz-Security-Token", token)
	}
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	want := read(".creq")
	canonical := s.canonicalRequest(r, want[strings.LastIndexByte(want, '\n')+1:])
	if string(canonical) != want {
		t.Errorf("canonical request\n%s\nwant\n%s", canonical, want)
	}
	if got, want := string(s.stringToSign(canonical)), read(".sts"); got != want {
		t.Errorf("string to sign\n%s\nwant\n%s", got, want)
	}
	now := time.Date(2015, 8, 30, 12, 40, 0, 0, time.UTC)
	if err := s.Verify(r, body, suiteSecret, now, NewKeyCache()); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if err := s.Verify(r, append(body, 'x'), suiteSecret, now, NewKeyCache()); err == nil {
		t.Error("a changed body verifies")
	}
}

// vectorRequest reads a vector's request. Some are no valid HTTP, as a path may
// have blanks and other characters that a client would have encoded.
func vectorRequest(t *testing.T, text string) (*http.Request, []byte) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	line, headers, _ := strings.Cut(head, "\n")
	method, rest, _ := strings.Cut(line, " ")
	uri := rest[:strings.LastIndexByte(rest, ' ')]
	raw := method + " / HTTP/1.1\r\n" + strings.ReplaceAll(headers, "\n", "\r\n") + "\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	r.RequestURI = uri
	r.Body = io.NopCloser(bytes.NewReader([]byte(body)))
	r.ContentLength = int64(len(body))
	return r, []byte(body)
}
