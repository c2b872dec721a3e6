package sigv4

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"
)

var signedAt = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// sign has the SDK sign a request, in its header or as a presigned URL.
func sign(t rapid.TB, method, target, body, secret, token string, presign bool) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, "http://example.amazonaws.com"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "TrentService.ListKeys")
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	c := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret, SessionToken: token}
	if !presign {
		if err := v4.NewSigner().SignHTTP(context.Background(), c, r, hash, "kms", "us-east-1", signedAt); err != nil {
			t.Fatal(err)
		}
		return received(r, r.URL.RequestURI())
	}
	r.Header.Del("X-Amz-Target")
	signed, headers, err := v4.NewSigner().PresignHTTP(context.Background(), c, r, hash, "kms", "us-east-1", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	r.URL, r.Header = u, headers
	return received(r, u.RequestURI())
}

// received is the request as a server has it.
func received(r *http.Request, uri string) *http.Request {
	got := httptest.NewRequest(r.Method, uri, nil)
	got.Host, got.Header, got.ContentLength = "example.amazonaws.com", r.Header.Clone(), r.ContentLength
	return got
}

func verify(r *http.Request, body, secret string, now time.Time) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	return s.Verify(r, []byte(body), secret, now, NewKeyCache())
}

// TestAgreesWithTheSDK: whatever the SDK signs verifies, and with anything
// changed it does not.
func TestAgreesWithTheSDK(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[A-Za-z0-9/+]{40}`).Draw(t, "secret")
		body := rapid.String().Draw(t, "body")
		path := "/" + url.PathEscape(rapid.StringMatching(`[a-zA-Z0-9 ~!*'()+:@,;=é-]{0,20}`).Draw(t, "path"))
		q := url.Values{}
		for _, k := range rapid.SliceOfN(rapid.StringMatching(`[A-Za-z0-9 .-]{1,8}`), 0, 4).Draw(t, "names") {
			q.Add(k, rapid.StringMatching(`[ -~é]{0,12}`).Draw(t, "value"))
		}
		target := path
		if len(q) > 0 {
			target += "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
		}
		token := rapid.SampledFrom([]string{"", "a/token+with=signs"}).Draw(t, "token")
		presign := rapid.Bool().Draw(t, "presign")
		r := sign(t, http.MethodPost, target, body, secret, token, presign)
		if err := verify(r, body, secret, signedAt); err != nil {
			t.Fatalf("the SDK's signature does not verify: %v", err)
		}
		if err := verify(r, body+"x", secret, signedAt); err == nil {
			t.Fatal("a changed body verifies")
		}
		if err := verify(r, body, secret+"x", signedAt); err == nil {
			t.Fatal("another secret verifies")
		}
	})
}

// TestRefused spoils one good request in every way.
func TestRefused(t *testing.T) {
	t.Parallel()
	const secret, body = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "{}"
	auth := func(old, replacement string) func(*http.Request) {
		return func(r *http.Request) {
			a := r.Header.Get("Authorization")
			b := strings.Replace(a, old, replacement, 1)
			if a == b {
				t.Errorf("nothing to replace: %s", old)
			}
			r.Header.Set("Authorization", b)
		}
	}
	for _, v := range []struct {
		name  string
		spoil func(*http.Request)
		now   time.Time
		kind  Kind
	}{
		{name: "another path", spoil: func(r *http.Request) { r.RequestURI = "/x" }, kind: SignatureMismatch},
		{name: "another query", spoil: func(r *http.Request) { r.RequestURI = "/?x=1" }, kind: SignatureMismatch},
		{name: "a presigned URL's parameter", spoil: func(r *http.Request) { r.RequestURI = "/?X-Amz-Signature=1" }, kind: SignatureMismatch},
		{name: "another method", spoil: func(r *http.Request) { r.Method = http.MethodPut }, kind: SignatureMismatch},
		{name: "another host", spoil: func(r *http.Request) { r.Host = "example.com" }, kind: SignatureMismatch},
		{name: "another operation", spoil: func(r *http.Request) { r.Header.Set("X-Amz-Target", "TrentService.CreateKey") }, kind: SignatureMismatch},
		{name: "an added x-amz header", spoil: func(r *http.Request) { r.Header.Set("X-Amz-Extra", "1") }, kind: SignatureMismatch},
		{name: "a claimed body hash", spoil: func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }, kind: SignatureMismatch},
		{name: "a signed header taken away", spoil: func(r *http.Request) { r.Header.Del("X-Amz-Target") }, kind: SignatureMismatch},
		{name: "another region", spoil: auth("/us-east-1/", "/us-west-2/"), kind: SignatureMismatch},
		{name: "another service", spoil: auth("/kms/", "/sts/"), kind: SignatureMismatch},
		{name: "another day", spoil: auth("/20261123/", "/20261124/"), kind: SignatureMismatch},
		{name: "another terminator", spoil: auth("aws4_request", "aws5_request"), kind: InvalidScope},
		{name: "host not signed", spoil: auth(";host;", ";"), kind: SignatureMismatch},
		{name: "no signature", spoil: auth("Signature=", "Nothing="), kind: Incomplete},
		{name: "a credential cut", spoil: auth("/kms/aws4_request", ""), kind: Incomplete},
		{name: "another algorithm", spoil: auth("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), kind: Incomplete},
		{name: "no header", spoil: func(r *http.Request) { r.Header.Del("Authorization") }, kind: MissingToken},
		{name: "two headers", spoil: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, kind: Incomplete},
		{name: "no date", spoil: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, kind: Incomplete},
		{name: "a malformed date", spoil: func(r *http.Request) { r.Header.Set("X-Amz-Date", "yesterday") }, kind: Incomplete},
		{name: "sixteen minutes late", now: signedAt.Add(16 * time.Minute), kind: Expired},
		{name: "sixteen minutes early", now: signedAt.Add(-16 * time.Minute), kind: Expired},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			r := sign(t, http.MethodPost, "/", body, secret, "", false)
			now := signedAt
			if !v.now.IsZero() {
				now = v.now
			}
			if v.spoil != nil {
				v.spoil(r)
			}
			err := verify(r, body, secret, now)
			var e *Error
			if !errors.As(err, &e) || e.Kind != v.kind {
				t.Errorf("got %v, want kind %d", err, v.kind)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Error("the error holds the secret")
			}
		})
	}
	t.Run("fourteen minutes late", func(t *testing.T) {
		t.Parallel()
		if err := verify(sign(t, http.MethodPost, "/", body, secret, "", false), body, secret, signedAt.Add(14*time.Minute)); err != nil {
			t.Error(err)
		}
	})
}

// TestWordsOfIncomplete: AWS says all that is missing at once, and never shows
// a header that may hold another system's password.
func TestWordsOfIncomplete(t *testing.T) {
	t.Parallel()
	const (
		noCredential = "Authorization header requires 'Credential' parameter."
		noSignature  = "Authorization header requires 'Signature' parameter."
		noHeaders    = "Authorization header requires 'SignedHeaders' parameter."
		noDate       = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
		is           = " (Hashed with SHA-256 and encoded with Base64) Authorization="
		scope        = "AKIDEXAMPLE/20261123/us-east-1/kms/aws4_request"
	)
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	for _, v := range []struct {
		name, header, date, want string
	}{
		{"a word", "allow", "", noCredential + " " + noSignature + " " + noHeaders + " " + noDate + is + hash("allow")},
		{"a bearer token", "Bearer abc", "20261123T120000Z", "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '" + hash("Bearer abc") + "'."},
		{"a password", "Basic dTpwYXNz=", "20261123T120000Z", noCredential + " " + noSignature + " " + noHeaders + is + hash("Basic dTpwYXNz=")},
		{"nothing but the algorithm", Algorithm, "20261123T120000Z", noCredential + " " + noSignature + " " + noHeaders + is + hash(Algorithm)},
		{"no signature", Algorithm + " Credential=" + scope + ", SignedHeaders=host", "20261123T120000Z", noSignature + is + hash(Algorithm+" Credential="+scope+", SignedHeaders=host")},
		{"no date", Algorithm + " Credential=" + scope + ", SignedHeaders=host, Signature=a", "", noDate + is + hash(Algorithm+" Credential="+scope+", SignedHeaders=host, Signature=a")},
		{"another algorithm", "AWS4-HMAC-SHA512 Credential=" + scope + ", SignedHeaders=host, Signature=a", "20261123T120000Z", "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). "},
		{"a credential cut", Algorithm + " Credential=AKIDEXAMPLE, SignedHeaders=host, Signature=a", "20261123T120000Z", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE'"},
		{"a date of no form", Algorithm + " Credential=" + scope + ", SignedHeaders=host, Signature=a", "2026-11-23", "Date must be in ISO-8601 'basic format'. Got '2026-11-23'. See http://en.wikipedia.org/wiki/ISO_8601"},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header.Set("Authorization", v.header)
			if v.date != "" {
				r.Header.Set("X-Amz-Date", v.date)
			}
			_, err := Parse(r)
			var e *Error
			if !errors.As(err, &e) || e.Kind != Incomplete || e.Message != v.want {
				t.Errorf("got %v\nwant %s", err, v.want)
			}
		})
	}
}

// TestCodes: each protocol's own code and status for the same refusal.
func TestCodes(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		kind     Kind
		protocol string
		code     string
		status   int
	}{
		{MissingToken, "query", "MissingAuthenticationToken", 403},
		{MissingToken, "json", "MissingAuthenticationTokenException", 400},
		{InvalidAccessKey, "ec2", "AuthFailure", 401},
		{InvalidAccessKey, "query", "InvalidClientTokenId", 403},
		{InvalidAccessKey, "json", "UnrecognizedClientException", 400},
		{InvalidAccessKey, "rest-json", "UnrecognizedClientException", 403},
		{SignatureMismatch, "ec2", "AuthFailure", 401},
		{SignatureMismatch, "query", "SignatureDoesNotMatch", 403},
		{SignatureMismatch, "json", "InvalidSignatureException", 400},
		{Expired, "ec2", "RequestExpired", 400},
		{Expired, "query", "SignatureDoesNotMatch", 403},
		{ExpiredToken, "query", "ExpiredToken", 403},
		{ExpiredToken, "json", "ExpiredTokenException", 400},
		{ExpiredToken, "ec2", "RequestExpired", 400},
		{Incomplete, "json", "IncompleteSignatureException", 400},
	} {
		if code, status := v.kind.Code(v.protocol), v.kind.Status(v.protocol); code != v.code || status != v.status {
			t.Errorf("kind %d in %s: %s, %d; want %s, %d", v.kind, v.protocol, code, status, v.code, v.status)
		}
	}
}

// TestPresignedExpires when its own time is over.
func TestPresignedExpires(t *testing.T) {
	t.Parallel()
	r := sign(t, http.MethodGet, "/?Action=GetCallerIdentity&X-Amz-Expires=60", "", "secret", "", true)
	if err := verify(r, "", "secret", signedAt.Add(time.Minute)); err != nil {
		t.Errorf("within its time: %v", err)
	}
	var e *Error
	if err := verify(r, "", "secret", signedAt.Add(time.Minute+time.Second)); !errors.As(err, &e) || e.Kind != Expired {
		t.Errorf("after its time: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Algorithm+" Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa0", "20150830T123600Z", "")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b/c/d/aws4_request&X-Amz-Signature=x&X-Amz-SignedHeaders=host&X-Amz-Date=20150830T123600Z")
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header["Authorization"], r.Header["X-Amz-Date"] = []string{authorization}, []string{date}
		r.URL.RawQuery, r.RequestURI = query, "/?"+query
		if err := verify(r, "", "secret", signedAt); err == nil {
			t.Error("an invented signature verifies")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	r := sign(b, http.MethodPost, "/", "{}", secret, "", false)
	keys := NewKeyCache()
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Verify(r, []byte("{}"), secret, signedAt, keys); err != nil {
			b.Fatal(err)
		}
	}
}
