package cloud_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signed is a request signed by hand, so that a test can spoil any part of it.
type signed struct {
	service, region string
	target          string // X-Amz-Target, for JSON services
	body            string
	at              time.Time
	id, secret      string
	token           string
	// spoil changes the request after it was signed.
	spoil func(*http.Request)
}

// send returns the answer's status and body.
func (s *stage) send(q signed) (int, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+"/", strings.NewReader(q.body))
	s.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if q.target != "" {
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", q.target)
	}
	sum := sha256.Sum256([]byte(q.body))
	err = v4.NewSigner().SignHTTP(s.Context(), aws.Credentials{AccessKeyID: q.id, SecretAccessKey: q.secret, SessionToken: q.token},
		r, hex.EncodeToString(sum[:]), q.service, q.region, q.at)
	s.must(err)
	if q.spoil != nil {
		q.spoil(r)
	}
	resp, err := http.DefaultClient.Do(r)
	s.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	s.must(err)
	return resp.StatusCode, string(body)
}

// protocols has one harmless request for each protocol, and the code that the
// service answers to each kind of bad signature (each service's "Common Errors").
var protocols = []struct {
	name                         string
	request                      signed
	unknownKey, wrongSecret, old string
	noSignature                  string
}{
	{
		name:       "EC2 query",
		request:    signed{service: "ec2", body: "Action=DescribeInstances&Version=2016-11-15"},
		unknownKey: "AuthFailure", wrongSecret: "AuthFailure", old: "RequestExpired", noSignature: "MissingAuthenticationToken",
	},
	{
		name:       "AWS query",
		request:    signed{service: "sts", body: "Action=GetCallerIdentity&Version=2011-06-15"},
		unknownKey: "InvalidClientTokenId", wrongSecret: "SignatureDoesNotMatch", old: "SignatureDoesNotMatch", noSignature: "MissingAuthenticationToken",
	},
	{
		name:       "AWS JSON",
		request:    signed{service: "kms", target: "TrentService.ListKeys", body: "{}"},
		unknownKey: "UnrecognizedClientException", wrongSecret: "InvalidSignatureException", old: "InvalidSignatureException", noSignature: "MissingAuthenticationTokenException",
	},
}

// TestNobodyElse tries every way in that is none, in every protocol.
func TestNobodyElse(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id, secret := s.cloud.RootCredentials()
	for _, p := range protocols {
		for _, v := range []struct {
			name, code string
			change     func(*signed)
		}{
			{"unknown access key", p.unknownKey, func(q *signed) { q.id = "AKIAIOSFODNN7EXAMPLE" }},
			{"wrong secret", p.wrongSecret, func(q *signed) { q.secret = "wrong" }},
			{"an old date", p.old, func(q *signed) { q.at = q.at.Add(-time.Hour) }},
			{"a date to come", "", func(q *signed) { q.at = q.at.Add(time.Hour) }},
			{"changed body", p.wrongSecret, func(q *signed) {
				q.spoil = func(r *http.Request) {
					b := strings.Replace(q.body, "{}", `{"Limit":7}`, 1)
					if b == q.body {
						b += "&Extra=1"
					}
					r.Body, r.ContentLength = io.NopCloser(strings.NewReader(b)), int64(len(b))
				}
			}},
			{"foreign region in the scope", p.wrongSecret, func(q *signed) {
				q.spoil = func(r *http.Request) {
					r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/"+region+"/", "/us-west-2/", 1))
				}
			}},
			{"region that AWS does not have", "", func(q *signed) { q.region = "eu-nowhere-1" }},
			{"another service in the scope", "", func(q *signed) { q.service = "s3" }},
			{"no signature", p.noSignature, func(q *signed) {
				q.spoil = func(r *http.Request) { r.Header.Del("Authorization") }
			}},
			{"long-term key with a session token", p.unknownKey, func(q *signed) { q.token = "token" }},
			{"invented temporary key", p.unknownKey, func(q *signed) { q.id, q.token = "ASIAIOSFODNN7EXAMPLE", "token" }},
			{"empty signature", "", func(q *signed) {
				q.spoil = func(r *http.Request) {
					unsigned, _, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
					r.Header.Set("Authorization", unsigned+"Signature=")
				}
			}},
		} {
			t.Run(p.name+"/"+v.name, func(t *testing.T) {
				q := p.request
				q.region, q.id, q.secret, q.at = region, id, secret, time.Now()
				if q.service == "sts" {
					q.region = region
				}
				v.change(&q)
				status, body := s.send(q)
				if status < 400 || status >= 500 {
					t.Fatalf("answered %d: %s", status, body)
				}
				if !strings.Contains(body, v.code) {
					t.Errorf("want %s, answered %d: %s", v.code, status, body)
				}
				if isJSON := strings.HasPrefix(body, "{"); isJSON != (q.target != "") {
					t.Errorf("answered in another protocol's form: %s", body)
				}
				if strings.Contains(body, secret) {
					t.Error("the answer holds the secret")
				}
			})
		}
		t.Run(p.name+"/signed well", func(t *testing.T) {
			q := p.request
			q.region, q.id, q.secret, q.at = region, id, secret, time.Now()
			if status, body := s.send(q); status != http.StatusOK {
				t.Errorf("answered %d: %s", status, body)
			}
		})
	}
}

// TestTrailPrefixes: clients name CloudTrail in two ways.
func TestTrailPrefixes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id, secret := s.cloud.RootCredentials()
	for _, prefix := range []string{"CloudTrail_20131101.", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."} {
		status, body := s.send(signed{
			service: "cloudtrail", region: region, target: prefix + "LookupEvents", body: "{}",
			at: s.cloud.Now(), id: id, secret: secret,
		})
		if status != http.StatusOK || !strings.Contains(body, `"Events"`) {
			t.Errorf("%s: answered %d: %s", prefix, status, body)
		}
	}
}

// TestNotBuilt: an operation that AWS has and Keyturn has not says so; one that
// never was is unknown. Each in its service's form.
func TestNotBuilt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id, secret := s.cloud.RootCredentials()
	for _, v := range []struct {
		name string
		q    signed
		want []string
	}{
		{"EC2 not built", signed{service: "ec2", body: "Action=CreateVpnGateway&Type=ipsec.1&Version=2016-11-15"}, []string{"<Response>", "UnsupportedOperation", "CreateVpnGateway"}},
		{"EC2 never was", signed{service: "ec2", body: "Action=LaunchRocket&Version=2016-11-15"}, []string{"<Response>", "InvalidAction"}},
		{"IAM never was", signed{service: "iam", body: "Action=LaunchRocket&Version=2010-05-08"}, []string{"<ErrorResponse", "InvalidAction"}},
		{"KMS not built", signed{service: "kms", target: "TrentService.CreateCustomKeyStore", body: `{"CustomKeyStoreName":"x"}`}, []string{"UnsupportedOperationException", "CreateCustomKeyStore"}},
		{"KMS never was", signed{service: "kms", target: "TrentService.LaunchRocket", body: "{}"}, []string{"UnknownOperationException"}},
	} {
		t.Run(v.name, func(t *testing.T) {
			q := v.q
			q.region, q.id, q.secret, q.at = region, id, secret, time.Now()
			if q.service == "iam" {
				q.region = "us-east-1"
			}
			status, body := s.send(q)
			if status < 400 {
				t.Errorf("answered %d", status)
			}
			for _, w := range v.want {
				if !strings.Contains(body, w) {
					t.Errorf("want %q in: %s", w, body)
				}
			}
		})
	}
}
