package organizations

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// pageMax is the greatest and the usual size of a page (Organizations API
// reference, "MaxResults").
const pageMax = 20

// paginate cuts one page out of a whole listing, whose order must follow key.
// A token names the last item that was given.
func paginate[T any](all []T, key func(T) string, token *string, max *int32) ([]T, *string, error) {
	size := pageMax
	if max != nil {
		size = min(int(*max), pageMax)
	}
	start := 0
	if token != nil {
		last, err := base64.StdEncoding.DecodeString(*token)
		if err != nil || len(last) == 0 {
			return nil, nil, invalid(types.InvalidInputExceptionReasonInvalidPaginationToken, "You specified an invalid next token.")
		}
		start, _ = slices.BinarySearchFunc(all, string(last), func(v T, last string) int {
			if key(v) <= last {
				return -1
			}
			return 1
		})
	}
	end := min(start+size, len(all))
	if end == len(all) {
		return all[start:], nil, nil
	}
	return all[start:end], aws.String(base64.StdEncoding.EncodeToString([]byte(key(all[end-1])))), nil
}

// sorted are a map's values in the order of its keys.
func sorted[K cmp.Ordered, V any](m map[K]V) []V {
	out := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// convert makes the SDK's items.
func convert[T, U any](items []T, f func(T) U) []U {
	out := make([]U, 0, len(items))
	for _, v := range items {
		out = append(out, f(v))
	}
	return out
}
