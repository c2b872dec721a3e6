package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Skew is how far a request's time may be from ours (IAM guide, "Troubleshoot
// Signature Version 4": 15 minutes).
const Skew = 15 * time.Minute

// mismatch does not show what was calculated: it would help who guesses.
var mismatch = &Error{
	Kind:    SignatureMismatch,
	Message: "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
}

// Verify holds the signature against the secret: the request must be the one
// that was signed, body included, at about this time. The error is an *Error.
func (s Signature) Verify(r *http.Request, body []byte, secret string, now time.Time, keys *KeyCache) error {
	if err := s.checkTime(now); err != nil {
		return err
	}
	if err := s.checkHeaders(r); err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed != "" && claimed != hash {
		return mismatch
	}
	canonical := s.canonicalRequest(r, hash)
	key := keys.key(secret, s.Date, s.Region, s.Service)
	mac := hmac.New(sha256.New, key[:])
	mac.Write(s.stringToSign(canonical))
	want := make([]byte, 0, 2*sha256.Size)
	want = hex.AppendEncode(want, mac.Sum(nil))
	if !hmac.Equal(want, []byte(s.signature)) {
		return mismatch
	}
	return nil
}

func (s Signature) checkTime(now time.Time) error {
	if day := s.Time.Format(dayFormat); day != s.Date {
		return &Error{Kind: SignatureMismatch, Message: "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" + printable(s.Date) + "' != '" + day + "', from '" + s.stamp + "'."}
	}
	if latest := now.Add(Skew); s.Time.After(latest) {
		return &Error{Kind: Expired, Message: "Signature not yet current: " + s.stamp + " is still later than " + latest.Format(timeFormat) + " (" + now.Format(timeFormat) + " + 15 min.)"}
	}
	if s.Presigned {
		if end := s.Time.Add(s.Expires); now.After(end) {
			return &Error{Kind: Expired, Message: "Signature expired: " + s.stamp + " is now earlier than " + now.Add(-s.Expires).Format(timeFormat) + "."}
		}
		return nil
	}
	if earliest := now.Add(-Skew); s.Time.Before(earliest) {
		return &Error{Kind: Expired, Message: "Signature expired: " + s.stamp + " is now earlier than " + earliest.Format(timeFormat) + " (" + now.Format(timeFormat) + " - 15 min.)"}
	}
	return nil
}

// checkHeaders wants every x-amz- header signed: one that is not could have
// been added on the way (IAM guide, "Create a signed AWS API request"). Only the
// session token may be added after signing, as some clients do: a token goes
// with its own secret, so that another in its place does not verify.
func (s Signature) checkHeaders(r *http.Request) error {
	for name := range r.Header {
		if len(name) < 6 || !strings.EqualFold(name[:6], "X-Amz-") {
			continue
		}
		lower := strings.ToLower(name)
		if lower == "x-amz-security-token" {
			// Some signers add it after signing, as one of AWS's vectors does. It is
			// bound to the access key, so that changing it gets nobody in.
			continue
		}
		if !slices.Contains(s.signedHeaders, lower) {
			return &Error{Kind: SignatureMismatch, Message: "There were headers present in the request which were not signed: " + printable(lower)}
		}
	}
	for _, name := range s.signedHeaders {
		if _, ok := headerValues(r, name); !ok {
			return mismatch
		}
	}
	return nil
}

func (s Signature) stringToSign(canonical []byte) []byte {
	sum := sha256.Sum256(canonical)
	b := make([]byte, 0, 160)
	b = append(b, Algorithm...)
	b = append(b, '\n')
	b = append(b, s.stamp...)
	b = append(b, '\n')
	b = append(b, s.Date...)
	b = append(b, '/')
	b = append(b, s.Region...)
	b = append(b, '/')
	b = append(b, s.Service...)
	b = append(b, '/')
	b = append(b, terminator...)
	b = append(b, '\n')
	return hex.AppendEncode(b, sum[:])
}
