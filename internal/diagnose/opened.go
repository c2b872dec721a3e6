package diagnose

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/access/reach"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/requestset"
)

// withoutService are the requests that the caller makes directly: neither
// through a service nor for its sake.
var withoutService = func() requestset.Set {
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{
		"BoolIfExists":{"aws:ViaAWSService":"false","kms:GrantIsForAWSResource":"false"},"Null":{"kms:ViaService":"true"}}}}`))
	if err != nil {
		panic("diagnose: " + err.Error())
	}
	return requestset.Allowed(requestset.Document{Policy: p})
}()

// opened tells exactly which requests the fixes let through that were not let
// through before, for the caller, and by a key's policy for others. direct is
// whether the caller can make one of them directly: No is a proof.
func opened(before, after *Evidence) (list []Opening, direct policy.Truth) {
	for _, key := range before.keyARNs() {
		was, err := before.reach(key)
		if err != nil {
			return nil, policy.Maybe
		}
		is, err := after.reach(key)
		if err != nil {
			return nil, policy.Maybe
		}
		more := is.Minus(was)
		list = addOpening(list, before.who(), false, more.Find(requestset.Options{Known: true}))
		direct = direct.Or(more.And(withoutService).Find(requestset.Options{}).Any)
	}
	// What the caller's own policies say of anything but these keys.
	more, err := ownReach(before, after)
	if err != nil {
		return nil, policy.Maybe
	}
	direct = direct.Or(more.And(withoutService).Minus(before.intended()).Find(requestset.Options{}).Any)
	for i := range after.Keys {
		k := &after.Keys[i]
		b := before.key(k.ARN)
		if k.Policy == nil || b == nil || b.Policy == nil || k.Policy.Policy.Text() == b.Policy.Policy.Text() {
			continue
		}
		for _, a := range requestset.NewAccessTo(named(*b.Policy), named(*k.Policy), requestset.Options{Resource: k.ARN}) {
			if callers := before.others(a.Callers); len(callers) > 0 {
				list = addOpening(list, callersWords(callers), a.Delegated, a.Answer)
			}
		}
	}
	return list, direct
}

// addOpening adds an answer that is not empty.
func addOpening(list []Opening, who phrase.Text, delegated bool, a requestset.Answer) []Opening {
	if a.Any == policy.No {
		return list
	}
	o := Opening{Who: who, Delegated: delegated, Complete: a.Complete, Requests: []phrase.Text{}}
	for i := range a.Regions {
		o.Requests = append(o.Requests, regionWords(&a.Regions[i]))
	}
	return append(list, o)
}

func callersWords(names []string) phrase.Text {
	all := make([]phrase.Text, len(names))
	for i, n := range names {
		all[i] = callerWords(n)
	}
	return phrase.Join(", ", all...)
}

// reach is all that the caller can do with a key.
func (e *Evidence) reach(key string) (requestset.Set, error) {
	r := access.Request{Principal: e.principal(), Resource: key}
	return reach.Of(e.principal(), reach.Resource{ARN: key, Account: accountOf(key), Kind: access.KMSKey}, e.policies(&r, true))
}

// ownReach is what the caller's own policies allow after the fix and did not
// before, on resources that have no policy.
func ownReach(before, after *Evidence) (requestset.Set, error) {
	of := func(e *Evidence) (requestset.Set, error) {
		p := e.policies(&access.Request{Principal: e.principal()}, true)
		p.Resource, p.Grants = nil, nil
		return reach.Of(e.principal(), reach.Resource{}, p)
	}
	was, err := of(before)
	if err != nil {
		return requestset.Set{}, err
	}
	is, err := of(after)
	if err != nil {
		return requestset.Set{}, err
	}
	return is.Minus(was), nil
}

// keyARNs are the keys that the start asks for: those of the volumes, and of the
// snapshots that they are made from.
func (e *Evidence) keyARNs() []string {
	var list []string
	for _, s := range e.steps() {
		for _, key := range [...]string{s.Key, s.SourceKey} {
			if key != "" && !slices.Contains(list, key) {
				list = append(list, key)
			}
		}
	}
	return list
}

// others leaves out the caller, of whom more is known than a key policy tells.
func (e *Evidence) others(callers []string) []string {
	p := e.principal()
	return slices.DeleteFunc(slices.Clone(callers), func(c string) bool {
		return strings.HasSuffix(c, " "+p.PrincipalARN()) || strings.HasSuffix(c, " "+p.ARN)
	})
}

func named(d access.Document) []requestset.Document {
	return []requestset.Document{{Name: d.Name, Policy: d.Policy}}
}
