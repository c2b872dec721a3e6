package ec2

import (
	"errors"
	"iter"
	"slices"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// permissions are whom the owner of a snapshot or an image lets use it.
type permissions struct {
	Public   bool     `json:"public,omitempty"`
	Accounts []string `json:"accounts,omitempty"` // sorted
}

// with returns the permissions after adding and removing grantees; "all" is
// everybody.
func (p permissions) with(add, remove []string) permissions {
	accounts := slices.Clone(p.Accounts)
	for _, a := range add {
		if a == everybody {
			p.Public = true
		} else {
			accounts = append(accounts, a)
		}
	}
	for _, r := range remove {
		if r == everybody {
			p.Public = false
		}
		accounts = slices.DeleteFunc(accounts, func(a string) bool { return a == r })
	}
	slices.Sort(accounts)
	p.Accounts = slices.Compact(accounts)
	return p
}

// grantees are those who have an entry in the directory of what is shared.
func (p permissions) grantees() []string {
	if p.Public {
		return append([]string{everybody}, p.Accounts...)
	}
	return p.Accounts
}

// everybody is the group of all accounts, and the account under which the
// directory keeps what is public.
const everybody = "all"

// sharedRow says, in the scope of the one it is shared with, whose a shared
// thing is: without it nobody could find it by its id alone.
type sharedRow struct {
	ID    string `json:"id"`
	Owner string `json:"owner"`
}

var (
	sharedSnapshotTable = store.NewTable[sharedRow]("ec2.shared-snapshot")
	sharedImageTable    = store.NewTable[sharedRow]("ec2.shared-image")
)

// share brings the directory from one set of permissions to another.
func share(c *api.Call, directory *store.Table[sharedRow], id string, before, after permissions) error {
	for _, g := range before.grantees() {
		if err := directory.Delete(c.Tx, store.Scope{Account: g, Region: c.Region}, id); err != nil {
			return err
		}
	}
	for _, g := range after.grantees() {
		if err := directory.Put(c.Tx, store.Scope{Account: g, Region: c.Region}, id, sharedRow{ID: id, Owner: c.Account}); err != nil {
			return err
		}
	}
	return nil
}

// sharedOwner returns who shares a thing with the call's account, or
// store.ErrNotFound.
func sharedOwner(c *api.Call, directory *store.Table[sharedRow], region, id string) (string, error) {
	for _, account := range []string{c.Account, everybody} {
		row, err := directory.Get(c.Tx, store.Scope{Account: account, Region: region}, id)
		if err == nil {
			return row.Owner, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
	}
	return "", store.ErrNotFound
}

// sharedWith yields what others share with the call's account, in particular
// or with everybody, each once and with its owner.
func sharedWith(c *api.Call, directory *store.Table[sharedRow]) iter.Seq2[sharedRow, error] {
	return func(yield func(sharedRow, error) bool) {
		seen := make(map[string]bool)
		for _, account := range []string{c.Account, everybody} {
			for row, err := range directory.All(c.Tx, store.Scope{Account: account, Region: c.Region}) {
				if err == nil && (seen[row.ID] || row.Owner == c.Account) {
					continue
				}
				seen[row.ID] = true
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}
