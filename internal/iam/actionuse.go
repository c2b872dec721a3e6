package iam

import (
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// usesKept is how far back last accessed information reaches (IAM guide,
// "Refine permissions in AWS using last accessed information").
const usesKept = 400 * 24 * time.Hour

// actionUse is when and where a user or role last attempted an action, allowed
// or not. A row's id begins with the unique id of the user or role.
type actionUse struct {
	Principal       string
	Service, Action string // "kms", "CreateGrant"
	At              time.Time
	Region          string
}

var actionUses = store.NewTable[actionUse]("iam.actionuse")

// TouchAction records that a user or role of an account, known by its unique id,
// attempted an action.
func (s *Service) TouchAction(tx store.Tx, account, principalID, service, action, region string, at time.Time) error {
	u := actionUse{Principal: principalID, Service: service, Action: action, At: at, Region: region}
	return actionUses.Put(tx, store.Scope{Account: account, Region: store.Global}, principalID+" "+service+" "+action, u)
}

// usesOf are what a user or role attempted in the time that is reported on.
func usesOf(c *api.Call, principalID string) ([]actionUse, error) {
	var all []actionUse
	for u, err := range actionUses.From(c.Tx, c.Global(), principalID+" ") {
		if err != nil {
			return nil, err
		}
		if u.Principal != principalID {
			break
		}
		if c.Now.Sub(u.At) <= usesKept {
			all = append(all, u)
		}
	}
	return all, nil
}

// forgetUses takes away what a user or role that is deleted attempted.
func forgetUses(c *api.Call, principalID string) error {
	var keys []string
	prefix := store.Key(c.Account, store.Global, "iam.actionuse") + "/"
	for row, err := range c.Tx.Scan(prefix+principalID+" ", "") {
		if err != nil {
			return err
		}
		keys = append(keys, strings.Clone(row.Key))
	}
	for _, k := range keys {
		if err := c.Tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
