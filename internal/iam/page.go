package iam

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The sizes of a page (IAM API reference, "MaxItems").
const (
	pageDefault = 100
	pageMax     = 1000
)

// page is one part of a listing.
type page[T any] struct {
	items     []T
	truncated bool
	marker    *string
}

// paginate cuts one page out of a whole listing, whose order must follow key. A
// marker names the last item that was given, so a listing goes on in the right
// place though items come and go.
func paginate[T any](all []T, key func(T) string, marker *string, max *int32) (page[T], error) {
	size := pageDefault
	if max != nil {
		size = int(*max)
	}
	if size < 1 || size > pageMax {
		size = pageMax
	}
	start := 0
	if marker != nil {
		last, err := decodeMarker(*marker)
		if err != nil {
			return page[T]{}, err
		}
		start = after(all, key, last)
	}
	p := page[T]{items: all[start:min(start+size, len(all))]}
	if start+size < len(all) {
		p.truncated = true
		p.marker = aws.String(base64.StdEncoding.EncodeToString([]byte(key(p.items[len(p.items)-1]))))
	}
	if p.items == nil {
		p.items = []T{}
	}
	return p, nil
}

// decodeMarker is the key that a marker names.
func decodeMarker(marker string) (string, error) {
	last, err := base64.StdEncoding.DecodeString(marker)
	if err != nil || len(last) == 0 {
		return "", invalid("Invalid Marker.")
	}
	return string(last), nil
}

// after is the index of the first item that comes after the one with that key.
func after[T any](all []T, key func(T) string, last string) int {
	if i := slices.IndexFunc(all, func(v T) bool { return key(v) == last }); i >= 0 {
		return i + 1
	}
	i := slices.IndexFunc(all, func(v T) bool { return strings.Compare(key(v), last) > 0 })
	if i < 0 {
		return len(all)
	}
	return i
}

// convert makes the SDK's items of a page's.
func convert[T, U any](items []T, f func(T) U) []U {
	out := make([]U, 0, len(items))
	for _, v := range items {
		out = append(out, f(v))
	}
	return out
}
