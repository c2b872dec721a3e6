package diagnose

import (
	"slices"
	"strings"
	"time"

	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// attempt looks for somebody who tried to make the grant that a service-linked
// role needs on another account's key, and was refused. The denial of a foreign
// key does not name the key, so the last attempt is taken that names no other.
func (g *gatherer) attempt() {
	e := g.evidence
	if e.Caller == nil || !e.Caller.Principal.ServiceLinked || !slices.ContainsFunc(e.Keys, func(k Key) bool { return k.Foreign }) {
		return
	}
	events, _ := g.lookup(cttypes.LookupAttributeKeyEventName, "CreateGrant", time.Time{}, time.Time{})
	for i := range events {
		v := &events[i]
		if !v.failed() || v.InvokedBy != "" || strings.Contains(v.identity.Session.Issuer.ARN, ":role/aws-service-role/") {
			continue // a service's, or of another service's role
		}
		if k := e.key(v.Key); v.Key != "" && (k == nil || !k.Foreign) {
			continue
		}
		e.Attempt = v
		return
	}
}
