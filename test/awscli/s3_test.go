//go:build awscli

package awscli

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// s3 stands for Amazon S3 itself: it reads what lies in a folder of buckets. A
// CLI of any age can be led to it, for it is a proxy that answers for AWS, with a
// certificate of its own.
type s3 struct {
	t       *testing.T
	buckets string
	// proxy is its address, ca the file with its certificate.
	proxy, ca string
	config    *tls.Config
}

func newS3(t *testing.T, buckets string) *s3 {
	t.Helper()
	s := &s3{t: t, buckets: buckets, ca: filepath.Join(t.TempDir(), "ca.pem")}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames:              []string{"*.amazonaws.com", "*.s3.amazonaws.com", "s3." + region + ".amazonaws.com", "*.s3." + region + ".amazonaws.com"},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	s.config = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server := httptest.NewServer(http.HandlerFunc(s.connect))
	t.Cleanup(server.Close)
	s.proxy = server.URL
	return s
}

// through is the same person, whose AWS is behind the proxy but for the server.
func (p *person) through(s *s3) *person {
	env := slices.DeleteFunc(slices.Clone(p.env), func(v string) bool { return strings.HasPrefix(v, "AWS_ENDPOINT_URL=") })
	return &person{s: p.s, env: append(env, "HTTPS_PROXY="+s.proxy, "NO_PROXY=127.0.0.1", "AWS_CA_BUNDLE="+s.ca)}
}

// connect takes the proxy's CONNECT and answers as whoever was asked for.
func (s *s3) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect || !strings.HasSuffix(r.URL.Hostname(), ".amazonaws.com") {
		http.Error(w, "this is S3's stand-in", http.StatusForbidden)
		return
	}
	raw, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.t.Errorf("hijack: %v", err)
		return
	}
	defer raw.Close()
	if _, err := raw.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")); err != nil {
		return
	}
	c := tls.Server(raw, s.config)
	defer c.Close()
	for in := bufio.NewReader(c); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return // the client has had enough
		}
		if err := s.answer(c, r); err != nil {
			s.t.Errorf("answer: %v", err)
			return
		}
	}
}

func (s *s3) answer(c net.Conn, r *http.Request) error {
	out := httptest.NewRecorder()
	key := strings.TrimPrefix(r.URL.Path, "/")
	bucket, path, _ := strings.Cut(key, "/")
	if host, ok := strings.CutSuffix(r.Host, ".s3."+region+".amazonaws.com"); ok {
		bucket = host
	} else {
		key = path
	}
	switch query := r.URL.Query(); {
	case r.Method != http.MethodGet || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		fail(out, http.StatusForbidden, "AccessDenied")
	case query.Has("location"):
		fmt.Fprintf(out, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</LocationConstraint>`, region)
	case key == "":
		s.list(out, bucket, query)
	default:
		s.get(out, bucket, key)
	}
	result := out.Result()
	result.ContentLength = int64(out.Body.Len())
	return result.Write(c)
}

func fail(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
}

// pageSize is small, so that listings have several pages.
const pageSize = 2

// list is ListObjects, the first of its name.
func (s *s3) list(w http.ResponseWriter, bucket string, query url.Values) {
	root := filepath.Join(s.buckets, bucket)
	var keys []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".metadata.json") {
			return err
		}
		key, err := filepath.Rel(root, path)
		if key = filepath.ToSlash(key); strings.HasPrefix(key, query.Get("prefix")) && key > query.Get("marker") {
			keys = append(keys, key)
		}
		return err
	})
	if err != nil {
		fail(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	slices.Sort(keys)
	type object struct{ Key string }
	var page struct {
		XMLName     xml.Name `xml:"ListBucketResult"`
		Name        string
		IsTruncated bool
		NextMarker  string `xml:",omitempty"`
		Contents    []object
	}
	page.Name = bucket
	for _, key := range keys[:min(pageSize, len(keys))] {
		page.Contents = append(page.Contents, object{key})
	}
	if len(keys) > pageSize {
		page.IsTruncated, page.NextMarker = true, keys[pageSize-1]
	}
	_ = xml.NewEncoder(w).Encode(page) // to a recorder
}

// get is GetObject, with the metadata that lies beside the object.
func (s *s3) get(w http.ResponseWriter, bucket, key string) {
	path := filepath.Join(s.buckets, bucket, filepath.FromSlash(key))
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		fail(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	metadata := make(map[string]string)
	if raw, err := os.ReadFile(path + ".metadata.json"); err == nil {
		if err := json.Unmarshal(raw, &metadata); err != nil {
			s.t.Errorf("metadata of %s: %v", key, err)
		}
	}
	for name, v := range metadata {
		w.Header()["x-amz-meta-"+name] = []string{v} // S3 writes it in lower case, and the CLI looks for that
	}
	_, _ = w.Write(content) // to a recorder
}
