package cloud

import (
	"strings"
	"testing"
)

// FuzzEndpointHost: any Host is split or is no endpoint's; what is split is made
// of what was given.
func FuzzEndpointHost(f *testing.F) {
	for _, host := range []string{
		"vpce-0123456789abcdef0-abcdefgh.kms.us-east-1.vpce.amazonaws.com", "VPCE-1.kms.us-east-1.vpce.localhost:8080",
		"localhost:8080", ".vpce.localhost", "[::1]:80", "a.vpce.amazonaws.com.cn.",
	} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		label, domain, ok := endpointHost(host)
		if !ok {
			if label != "" || domain != "" {
				t.Errorf("%q is no endpoint's, and yet has %q and %q", host, label, domain)
			}
			return
		}
		if strings.Contains(label, ".") || !strings.HasPrefix(strings.ToLower(strings.Trim(host, "[]")), label) {
			t.Errorf("%q begins with %q", host, label)
		}
	})
}
