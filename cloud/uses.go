package cloud

import (
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/iam"
	"github.com/keyturn/keyturn/internal/store"
)

// useEvery is how exact IAM's "last used" is (IAM guide, "Find unused AWS
// credentials": the information is not kept for every call).
const useEvery = 15 * time.Minute

// uses remembers when this process last wrote that an access key, a role or an
// action was used, so that it is written once in a while and not on every call. Forgetting
// costs a write, nothing else.
type uses struct {
	mu      sync.Mutex // covers written
	written map[string]time.Time
}

// maxUses bounds what is remembered.
const maxUses = 4096

func newUses() *uses { return &uses{written: make(map[string]time.Time)} }

// due reports whether a use is to be written, and remembers that it was.
func (u *uses) due(id string, at time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, ok := u.written[id]; ok && at.Sub(last) < useEvery {
		return false
	}
	if len(u.written) >= maxUses {
		clear(u.written)
	}
	u.written[id] = at
	return true
}

// write tells IAM which long-term keys and roles made these calls, and what users
// and roles attempted.
func (u *uses) write(tx store.Tx, to *iam.Service, events []event) error {
	for _, e := range events {
		service, _, _ := strings.Cut(e.EventSource, ".")
		if who := e.UserIdentity.entity(); who != "" && u.due(who+" "+service+" "+e.EventName, e.at) {
			if err := to.TouchAction(tx, e.UserIdentity.AccountID, who, service, e.EventName, e.AWSRegion, e.at); err != nil {
				return err
			}
		}
		if key := e.UserIdentity.AccessKeyID; strings.HasPrefix(key, "AKIA") && u.due(key, e.at) {
			if err := to.TouchAccessKey(tx, key, service, e.AWSRegion, e.at); err != nil {
				return err
			}
		}
		issuer := e.UserIdentity.issuer()
		if !strings.HasPrefix(issuer, "AROA") || !u.due(issuer, e.at) {
			continue
		}
		if err := to.TouchRole(tx, e.UserIdentity.AccountID, issuer, e.AWSRegion, e.at); err != nil {
			return err
		}
	}
	return nil
}
