package autoscaling

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// pageSize are the default and the most of MaxRecords. Auto Scaling takes no
// more than the most, and no fewer than one.
type pageSize struct{ normal, most int32 }

var (
	pages100 = pageSize{50, 100}
	// pagesOfActivities: DescribeScalingActivities gives 100 by default.
	pagesOfActivities = pageSize{100, 100}
	// pagesOf50 is DescribeAutoScalingInstances'.
	pagesOf50 = pageSize{50, 50}
)

const tokenMark = "after:"

// page cuts rows, in the order of their keys, to those after the token.
func page[T any](rows []T, key func(T) string, size pageSize, maxRecords *int32, token *string) ([]T, *string, error) {
	n := size.normal
	if maxRecords != nil {
		if *maxRecords < 1 || *maxRecords > size.most {
			return nil, nil, invalid("MaxRecords must be between 1 and %d", size.most)
		}
		n = *maxRecords
	}
	if token != nil && *token != "" {
		after, err := readToken(*token)
		if err != nil {
			return nil, nil, err
		}
		at := slices.IndexFunc(rows, func(row T) bool { return strings.Compare(key(row), after) > 0 })
		if at < 0 {
			at = len(rows)
		}
		rows = rows[at:]
	}
	if len(rows) <= int(n) {
		return rows, nil, nil
	}
	next := base64.URLEncoding.EncodeToString([]byte(tokenMark + key(rows[n-1])))
	return rows[:n], &next, nil
}

func readToken(token string) (string, error) {
	raw, err := base64.URLEncoding.Strict().DecodeString(token)
	if err == nil {
		if after, ok := strings.CutPrefix(string(raw), tokenMark); ok && after != "" {
			return after, nil
		}
	}
	return "", api.Error("InvalidNextToken", "The token '"+token+"' is invalid.")
}
