package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest is the request as both sides write it down before signing
// (IAM guide, "Elements of an AWS API request signature").
func (s Signature) canonicalRequest(r *http.Request, bodyHash string) []byte {
	b := make([]byte, 0, 512)
	b = append(b, r.Method...)
	b = append(b, '\n')
	path, query := target(r)
	b = appendPath(b, path)
	b = append(b, '\n')
	b = appendQuery(b, query, s.Presigned)
	b = append(b, '\n')
	for _, name := range s.signedHeaders {
		values, _ := headerValues(r, name)
		b = append(b, name...)
		b = append(b, ':')
		for i, v := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendTrimmed(b, v)
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	for i, name := range s.signedHeaders {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	b = append(b, '\n')
	return append(b, bodyHash...)
}

// target is the path and the query as they came over the wire.
func target(r *http.Request) (path, query string) {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, query, _ = strings.Cut(r.RequestURI, "?")
		return path, query
	}
	return r.URL.EscapedPath(), r.URL.RawQuery
}

// headerValues gives a signed header's values. net/http keeps some apart.
func headerValues(r *http.Request, name string) ([]string, bool) {
	switch name {
	case "host":
		return []string{r.Host}, true
	case "content-length":
		if v := r.Header.Values("Content-Length"); len(v) > 0 {
			return v, true
		}
		return []string{strconv.FormatInt(max(r.ContentLength, 0), 10)}, true
	case "transfer-encoding":
		return r.TransferEncoding, len(r.TransferEncoding) > 0
	}
	v, ok := r.Header[http.CanonicalHeaderKey(name)]
	return v, ok
}

// appendTrimmed drops the blanks around a value and makes those within single.
func appendTrimmed(b []byte, v string) []byte {
	v = strings.Trim(v, " \t\r\n")
	blank := false
	for i := range len(v) {
		c := v[i]
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			blank = true
			continue
		}
		if blank {
			b = append(b, ' ')
			blank = false
		}
		b = append(b, c)
	}
	return b
}

// appendPath normalizes the path and encodes it once more than it came, as all
// services but S3 do.
func appendPath(b []byte, path string) []byte {
	if path == "" || path == "/" {
		return append(b, '/')
	}
	var kept []string
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
		default:
			kept = append(kept, part)
		}
	}
	for _, part := range kept {
		b = append(b, '/')
		b = appendEncoded(b, part)
	}
	if len(kept) == 0 || strings.HasSuffix(path, "/") || strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/..") {
		b = append(b, '/')
	}
	return b
}

// appendQuery sorts the parameters by name, then by value, encoded. A presigned
// URL's own signature is no part of it.
func appendQuery(b []byte, query string, presigned bool) []byte {
	if query == "" {
		return b
	}
	var pairs [][2]string
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if part == "" || presigned && name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, [2]string{recode(name), recode(value)})
	}
	slices.SortFunc(pairs, func(x, y [2]string) int {
		if c := strings.Compare(x[0], y[0]); c != 0 {
			return c
		}
		return strings.Compare(x[1], y[1])
	})
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p[0]...)
		b = append(b, '=')
		b = append(b, p[1]...)
	}
	return b
}

// recode brings a parameter into the one encoding that is signed.
func recode(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		s = plain
	}
	return string(appendEncoded(nil, s))
}

const upperHex = "0123456789ABCDEF"

// appendEncoded encodes every byte but the unreserved ones (RFC 3986 §2.3).
func appendEncoded(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b = append(b, c)
		default:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}
