package cloudtrail

import (
	"encoding/base64"
	"strings"
)

// newToken makes a NextToken of where a listing goes on.
func newToken(from string) string { return base64.StdEncoding.EncodeToString([]byte(from)) }

// readToken undoes newToken; what it gives begins with prefix.
func readToken(token, prefix string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || !strings.HasPrefix(string(raw), prefix) {
		return "", invalidToken()
	}
	return string(raw), nil
}
