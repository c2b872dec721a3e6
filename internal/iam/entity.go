package iam

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

// holder is what users, groups and roles have in common: they hold policies.
type holder struct {
	Name, Path, ID string
	Created        time.Time
	// Attached are the ARNs of managed policies, sorted by the policies' names.
	Attached []string `json:",omitempty"`
	// Inline are the names of inline policies, sorted. Their texts are rows of
	// their own: see inlineKey.
	Inline []string `json:",omitempty"`
	// Boundary is the ARN of the permissions boundary.
	Boundary string `json:",omitempty"`
	Tags     tags   `json:",omitempty"`
}

func (h holder) held() holder { return h }

// holderIndexes find holders by unique id, and by the managed policies that
// they use.
func holderIndexes[T interface{ held() holder }]() []store.Index[T] {
	return []store.Index[T]{
		{Name: "id", Keys: func(_ string, v T) []string { return []string{v.held().ID} }},
		{Name: "attached", Keys: func(_ string, v T) []string { return v.held().Attached }},
		{Name: "boundary", Keys: func(_ string, v T) []string {
			if b := v.held().Boundary; b != "" {
				return []string{b}
			}
			return nil
		}},
	}
}

// entity is a user, group or role to whoever only handles its policies.
type entity struct {
	*holder
	kind *kind
	save func() error
	// linked is the service that a service-linked role belongs to.
	linked string
}

// kind is one of the three kinds of entity.
type kind struct {
	noun string // "user", as in ARNs and messages
	// attachQuota is the name of the limit on attached policies; inlineQuota is
	// how many characters the inline policies may have together.
	attachQuota string
	inlineQuota int
	read        func(store.Tx, store.Scope, string) (entity, error)
}

// attachMax is how many managed policies may be attached to one entity (IAM
// guide, "IAM and AWS STS quotas").
const attachMax = 10

var (
	userKind = &kind{
		noun: "user", attachQuota: "PoliciesPerUser", inlineQuota: policy.MaxUserInline,
		read: reader(users, "user", func(u *user) *holder { return &u.holder }, nil),
	}
	// groupKind has no boundary and no tags at AWS.
	groupKind = &kind{
		noun: "group", attachQuota: "PoliciesPerGroup", inlineQuota: policy.MaxGroupInline,
		read: reader(groups, "group", func(g *group) *holder { return &g.holder }, nil),
	}
	roleKind = &kind{
		noun: "role", attachQuota: "PoliciesPerRole", inlineQuota: policy.MaxRoleInline,
		read: reader(roles, "role", func(r *role) *holder { return &r.holder }, func(r *role) string { return r.Linked }),
	}
)

// load reads an entity of the kind by its name.
func (k *kind) load(tx store.Tx, s store.Scope, name string) (entity, error) {
	e, err := k.read(tx, s, name)
	e.kind = k
	return e, err
}

// reader makes a kind's read out of its table, and of what finds the holder in a
// row and the service of a service-linked role.
func reader[T interface{ held() holder }](t *store.Table[T], noun string, hold func(*T) *holder, linked func(*T) string) func(store.Tx, store.Scope, string) (entity, error) {
	return func(tx store.Tx, s store.Scope, name string) (entity, error) {
		row, err := get(tx, s, t, noun, name)
		if err != nil {
			return entity{}, err
		}
		e := entity{holder: hold(&row), save: func() error { return t.Put(tx, s, rowID(name), row) }}
		if linked != nil {
			e.linked = linked(&row)
		}
		return e, nil
	}
}

// rowID is the id of a row of what has a name. Names are unique without regard
// to case (IAM guide, "IAM identifiers"), but found only as they are written.
func rowID(name string) string { return strings.ToLower(name) }

// get reads a user, group or role by its name.
func get[T interface{ held() holder }](tx store.Tx, s store.Scope, t *store.Table[T], noun, name string) (T, error) {
	row, err := t.Get(tx, s, rowID(name))
	if errors.Is(err, store.ErrNotFound) || err == nil && row.held().Name != name {
		var none T
		return none, missing(noun, name)
	}
	return row, err
}

// free returns otherwise if the name is taken, in whatever case.
func free[T any](c *api.Call, t *store.Table[T], name string, otherwise error) error {
	_, err := t.Get(c.Tx, c.Global(), rowID(name))
	if err == nil {
		return otherwise
	}
	return ignoreNotFound(err)
}

// first returns the first row of a sequence, or ErrNotFound.
func first[T any](rows iter.Seq2[T, error]) (T, error) {
	for v, err := range rows {
		return v, err
	}
	var none T
	return none, store.ErrNotFound
}

// collect gathers the rows that keep accepts.
func collect[T any](rows iter.Seq2[T, error], keep func(T) bool) ([]T, error) {
	var out []T
	for v, err := range rows {
		if err != nil {
			return nil, err
		}
		if keep == nil || keep(v) {
			out = append(out, v)
		}
	}
	return out, nil
}

// count is how many rows of a kind the account has.
func count(c *api.Call, rows string) (int, error) {
	n := 0
	for _, err := range c.Tx.Scan(store.Key(c.Account, store.Global, rows)+"/", "") {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// room checks the account's quota of a kind of row before one is added.
func room(c *api.Call, rows, name string, limit int) error {
	n, err := count(c, rows)
	if err == nil && n >= limit {
		return quota(name, limit)
	}
	return err
}

// add puts s in a sorted list; false if it is there already.
func add(list []string, s string, order func(a, b string) int) ([]string, bool) {
	i, found := slices.BinarySearchFunc(list, s, order)
	if found {
		return list, false
	}
	return slices.Insert(list, i, s), true
}

// drop takes s out of a list; false if it is not there.
func drop(list []string, s string) ([]string, bool) {
	i := slices.Index(list, s)
	if i < 0 {
		return list, false
	}
	return slices.Delete(list, i, i+1), true
}

// onEntity is the target of an operation on a user, group or role. One that is
// not there is named as it would be without a path.
func onEntity[In any](k *kind, name func(*In) *string, more ...func(*api.Call, *In, entity, *target) error) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		e, err := k.load(c.Tx, c.Global(), value(name(in)))
		if err != nil && !isMissing(err) {
			return target{}, err
		}
		if err != nil {
			e = entity{holder: &holder{Path: "/", Name: value(name(in))}, kind: k}
		}
		t := target{resource: arn(c, k.noun, e.Path, e.Name)}
		e.Tags.context(&t.context, "iam:ResourceTag/", "aws:ResourceTag/")
		for _, f := range more {
			if err := f(c, in, e, &t); err != nil {
				return target{}, err
			}
		}
		return t, nil
	}
}

// bounded adds iam:PermissionsBoundary, for the operations whose conditions may
// ask for the entity's boundary.
func bounded[In any](_ *api.Call, _ *In, e entity, t *target) error {
	if e.Boundary != "" {
		t.context.Set("iam:PermissionsBoundary", e.Boundary)
	}
	return nil
}

// onPath is the target of listings: the noun with the path that is asked for.
func onPath[In any](noun string, prefix func(*In) *string) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		return target{resource: arn(c, noun, pathOr(prefix(in)), "")}, nil
	}
}
