// Package sigv4 verifies AWS Signature Version 4, in headers and in presigned
// URLs (IAM guide, "AWS Signature Version 4 for API requests").
//
// [Parse] finds the signature and whose it claims to be; [Signature.Verify]
// holds it against the secret.
package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Algorithm is the only one that is taken.
const Algorithm = "AWS4-HMAC-SHA256"

const (
	terminator = "aws4_request"
	timeFormat = "20060102T150405Z"
	dayFormat  = "20060102"
	// maxExpires is how long a presigned URL may hold (IAM guide, "Create a
	// signed AWS API request": 7 days).
	maxExpires = 604800
	// maxSignedHeaders bounds what a request makes us canonicalize.
	maxSignedHeaders = 128
)

// Signature is what a request says of its own signature.
type Signature struct {
	AccessKeyID string
	// Date, Region and Service are the credential's scope.
	Date, Region, Service string
	// Time is when the request was signed.
	Time time.Time
	// SessionToken came with the request, empty for long-term keys.
	SessionToken string
	// Presigned: the signature is in the query and holds for Expires.
	Presigned bool
	Expires   time.Duration

	signedHeaders []string
	signature     string
	stamp         string // the time as the request has it
}

// Parse reads a request's signature. The error is an *Error.
func Parse(r *http.Request) (Signature, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return Signature{}, incomplete("Authorization header must be given once.")
	}
	if len(headers) == 1 && headers[0] != "" {
		return parseHeader(r, headers[0])
	}
	if strings.Contains(r.URL.RawQuery, "X-Amz-Signature=") || strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm=") {
		return parseQuery(r)
	}
	return Signature{}, &Error{Kind: MissingToken, Message: "Request is missing Authentication Token"}
}

func incomplete(message string) *Error { return &Error{Kind: Incomplete, Message: message} }

func unsupported(algorithm string) *Error {
	return incomplete("Unsupported AWS 'algorithm': '" + printable(algorithm) + "' (only " + Algorithm + " for now). ")
}

// hashed stands for a header in a message: it could hold another system's
// password or token, sent here by mistake.
func hashed(header string) string {
	sum := sha256.Sum256([]byte(header))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// parseHeader reads the Authorization header.
func parseHeader(r *http.Request, header string) (Signature, error) {
	algorithm, rest, _ := strings.Cut(header, " ")
	var credential, signed, signature string
	for part := range strings.SplitSeq(rest, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return Signature{}, incomplete("Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '" + hashed(header) + "'.")
		}
		switch name {
		case "Credential":
			credential = value
		case "SignedHeaders":
			signed = value
		case "Signature":
			signature = value
		}
	}
	var missing []string
	for _, p := range []struct{ name, value string }{{"Credential", credential}, {"Signature", signature}, {"SignedHeaders", signed}} {
		if p.value == "" {
			missing = append(missing, "Authorization header requires '"+p.name+"' parameter.")
		}
	}
	stamp := r.Header.Get("X-Amz-Date")
	if stamp == "" && r.Header.Get("Date") == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if len(missing) > 0 {
		return Signature{}, incomplete(strings.Join(missing, " ") + " (Hashed with SHA-256 and encoded with Base64) Authorization=" + hashed(header))
	}
	if algorithm != Algorithm {
		return Signature{}, unsupported(algorithm)
	}
	s := Signature{SessionToken: r.Header.Get("X-Amz-Security-Token"), signature: signature}
	if err := s.setTime(stamp, r.Header.Get("Date")); err != nil {
		return Signature{}, err
	}
	return s, s.set(credential, signed)
}

// parseQuery reads a presigned URL's parameters.
func parseQuery(r *http.Request) (Signature, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Signature{}, incomplete("The query string is malformed.")
	}
	if a := q.Get("X-Amz-Algorithm"); a != Algorithm {
		return Signature{}, unsupported(a)
	}
	for _, name := range []string{"X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"} {
		if len(q[name]) != 1 || q[name][0] == "" {
			return Signature{}, incomplete("AWS query-string parameters must include '" + name + "'.")
		}
	}
	s := Signature{SessionToken: q.Get("X-Amz-Security-Token"), Presigned: true, signature: q.Get("X-Amz-Signature")}
	s.Expires = 15 * time.Minute
	if e := q.Get("X-Amz-Expires"); e != "" {
		seconds, err := strconv.Atoi(e)
		if err != nil || seconds < 1 || seconds > maxExpires {
			return Signature{}, incomplete("X-Amz-Expires must be between 1 and " + strconv.Itoa(maxExpires) + " seconds.")
		}
		s.Expires = time.Duration(seconds) * time.Second
	}
	if err := s.setTime(q.Get("X-Amz-Date"), ""); err != nil {
		return Signature{}, err
	}
	return s, s.set(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"))
}

// setTime reads X-Amz-Date, or Date where that is missing.
func (s *Signature) setTime(stamp, date string) error {
	if stamp != "" {
		t, err := time.Parse(timeFormat, stamp)
		if err != nil {
			return incomplete("Date must be in ISO-8601 'basic format'. Got '" + printable(stamp) + "'. See http://en.wikipedia.org/wiki/ISO_8601")
		}
		s.Time, s.stamp = t, stamp
		return nil
	}
	t, err := time.Parse(timeFormat, date)
	if err != nil {
		t, err = http.ParseTime(date)
	}
	if err != nil {
		return incomplete("Date must be in ISO-8601 'basic format'. Got '" + printable(date) + "'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	s.Time = t.UTC()
	s.stamp = s.Time.Format(timeFormat)
	return nil
}

// set takes the credential apart and checks the list of signed headers.
func (s *Signature) set(credential, signed string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || slices.Contains(parts, "") {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + printable(credential) + "'")
	}
	s.AccessKeyID, s.Date, s.Region, s.Service = parts[0], parts[1], parts[2], parts[3]
	if parts[4] != terminator {
		return &Error{Kind: InvalidScope, Message: "Credential should be scoped with a valid terminator: '" + terminator + "', not '" + printable(parts[4]) + "'."}
	}
	s.signedHeaders = strings.Split(signed, ";")
	if len(s.signedHeaders) > maxSignedHeaders {
		return incomplete("Too many signed headers.")
	}
	if !slices.IsSorted(s.signedHeaders) || strings.ToLower(signed) != signed {
		return &Error{Kind: SignatureMismatch, Message: "'SignedHeaders' must be sorted and in lower case."}
	}
	if !slices.Contains(s.signedHeaders, "host") {
		return &Error{Kind: SignatureMismatch, Message: "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."}
	}
	return nil
}

// printable keeps what a client sent short and harmless in a message.
func printable(s string) string {
	const most = 128
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	if len(s) > most {
		s = s[:most]
	}
	return s
}
