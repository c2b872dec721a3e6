package kms

import (
	"errors"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// forms says how an operation lets its key be named.
type forms int

const (
	// byID: the key's id or its ARN.
	byID forms = 0
	// byAlias: also the name or the ARN of an alias.
	byAlias forms = 1 << iota
	// crossAccount: also a key of another account, by ARN (KMS guide, "Allowing
	// users in other accounts to use a KMS key").
	crossAccount
)

// target is what a reference names: a key, which may not exist.
type target struct {
	scope store.Scope
	id    string
	arn   string
	found bool
	key   keyRow
	// alias is the alias by which the request named the key, if it did.
	alias string
}

// find returns the key that a reference names, or an error for a reference that
// can name none. A key that is well named but does not exist has found unset:
// whether the caller is told so is for authorization to say first.
func (s *Service) find(c *api.Call, ref string, f forms) (target, error) {
	switch {
	case strings.HasPrefix(ref, "arn:"):
		return s.findARN(c, ref, f)
	case strings.HasPrefix(ref, "alias/"):
		if f&byAlias == 0 {
			return target{}, aliasUnsupported()
		}
		return s.findAlias(c, c.Scope(), ref)
	case isKeyID(ref):
		return findKey(c, c.Scope(), ref)
	}
	return target{}, invalidKeyID(ref)
}

func (s *Service) findARN(c *api.Call, ref string, f forms) (target, error) {
	parts := strings.SplitN(ref, ":", 6)
	if len(parts) < 6 || parts[1] != c.Partition || parts[2] != "kms" || !isAccount(parts[4]) {
		return target{}, invalidARN("Invalid arn " + ref)
	}
	if parts[3] != c.Region {
		return target{}, foreignRegion(parts[3])
	}
	scope := store.Scope{Account: parts[4], Region: c.Region}
	kind, id, _ := strings.Cut(parts[5], "/")
	switch {
	case kind == "alias" && f&byAlias != 0:
		return s.findAlias(c, scope, parts[5])
	case kind == "alias":
		return target{}, aliasUnsupported()
	case kind != "key":
		return target{}, invalidARN("Invalid arn " + ref)
	case !isKeyID(id):
		return target{}, invalidKeyID(id)
	}
	return findKey(c, scope, id)
}

func findKey(c *api.Call, scope store.Scope, id string) (target, error) {
	t := target{scope: scope, id: id, arn: keyARN(c, scope, id)}
	row, err := keys.Get(c.Tx, scope, id)
	if errors.Is(err, store.ErrNotFound) {
		return t, nil
	}
	if err != nil {
		return target{}, err
	}
	t.key, t.found = row, true
	return t, nil
}

func (s *Service) findAlias(c *api.Call, scope store.Scope, name string) (target, error) {
	row, err := aliases.Get(c.Tx, scope, name)
	switch {
	case errors.Is(err, store.ErrNotFound) && name == ebsAlias && scope == c.Scope():
		if row, err = s.createManagedKey(c, name); err != nil {
			return target{}, err
		}
	case errors.Is(err, store.ErrNotFound) && scope != c.Scope():
		return target{scope: scope, arn: aliasARN(c, scope, name), alias: name}, nil
	case errors.Is(err, store.ErrNotFound):
		return target{}, aliasNotFound(aliasARN(c, scope, name))
	case err != nil:
		return target{}, err
	}
	t, err := findKey(c, scope, row.Key)
	t.alias = name
	return t, err
}

// existing is find for a handler: by then the caller was authorized, and may be
// told that there is no such key.
func (s *Service) existing(c *api.Call, ref *string, f forms) (target, error) {
	t, err := s.find(c, value(ref), f)
	if err == nil && !t.found {
		err = keyNotFound(t.arn)
	}
	return t, err
}

func keyARN(c *api.Call, scope store.Scope, id string) string {
	return "arn:" + c.Partition + ":kms:" + scope.Region + ":" + scope.Account + ":key/" + id
}

func aliasARN(c *api.Call, scope store.Scope, name string) string {
	return "arn:" + c.Partition + ":kms:" + scope.Region + ":" + scope.Account + ":" + name
}

// multiRegionPrefix begins the ids of multi-Region keys.
const multiRegionPrefix = "mrk-"

// isKeyID reports whether s has the form of a key id: a UUID, or mrk- and 32
// hex digits for a multi-Region key.
func isKeyID(s string) bool {
	if hex, ok := strings.CutPrefix(s, multiRegionPrefix); ok {
		return len(hex) == 32 && isHex(hex)
	}
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	return isHex(s[:8]) && isHex(s[9:13]) && isHex(s[14:18]) && isHex(s[19:23]) && isHex(s[24:])
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// value is what a pointer points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
