package cloudtrail

import (
	"context"
	"io"
	"net/netip"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// noBuckets is what a cloud has that was given no place for any.
type noBuckets struct{}

func (noBuckets) Look(context.Context, string) {}

func (noBuckets) HasBucket(string) (bool, error) { return false, nil }

func (noBuckets) Put(context.Context, string, string, map[string]string, func(io.Writer) error) error {
	return api.ErrNoBucket
}

// checkBucket wants a well-formed name of a bucket that is there.
func (s *Service) checkBucket(name string) error {
	if !isBucketName(name) {
		return invalidBucketName(name)
	}
	ok, err := s.buckets.HasBucket(name)
	if err == nil && !ok {
		return noBucket(name)
	}
	return err
}

// isBucketName holds a name to S3's rules (S3 guide, "General purpose bucket
// naming rules").
func isBucketName(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Contains(name, "..") {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (c != '.' && c != '-' || i == 0 || i == len(name)-1) {
			return false
		}
	}
	_, err := netip.ParseAddr(name)
	return err != nil
}

// maxPrefix is the longest key prefix (API reference, "CreateTrail").
const maxPrefix = 200

// checkPrefix refuses what is no key prefix, and what a folder cannot hold: S3
// has no folders, and would take a part that is empty, "." or "..".
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if len(prefix) > maxPrefix {
		return invalidPrefix("S3 prefix is too long. Maximum allowed length: %d characters. Specified prefix length: %d characters.", maxPrefix, len(prefix))
	}
	for part := range strings.SplitSeq(prefix, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\\\x00") {
			return invalidPrefix("S3 prefix %s is invalid.", prefix)
		}
	}
	return nil
}
