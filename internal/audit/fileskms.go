package audit

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/keyturn/keyturn/access"
)

func keysMember(f *files, d *json.Decoder, w whereabouts) error {
	return each(d, func(k *struct{ KeyId, KeyArn string }) {
		r := f.in(w.of(k.KeyArn))
		r.region.KeysRead = true
		r.key(k.KeyId).key.ARN = k.KeyArn
	})
}

func aliasesMember(f *files, d *json.Decoder, w whereabouts) error {
	return each(d, func(a *struct{ AliasName, AliasArn, TargetKeyId string }) {
		r := f.in(w.of(a.AliasArn))
		r.aliasesRead = true
		if a.TargetKeyId != "" {
			r.aliases[a.TargetKeyId] = append(r.aliases[a.TargetKeyId], a.AliasName)
		}
	})
}

type metadataFile struct {
	Arn, KeyId, KeyState, KeyManager, Origin, KeySpec, KeyUsage, Description string
	MultiRegion                                                              bool
}

func (f *files) metadata(w whereabouts, m *metadataFile) error {
	k := &f.in(w.of(m.Arn)).key(m.KeyId).key
	k.ARN, k.StateUnread = m.Arn, false
	k.State, k.Manager, k.Origin, k.Spec, k.Usage = m.KeyState, m.KeyManager, m.Origin, m.KeySpec, m.KeyUsage
	k.Description, k.MultiRegion = m.Description, strconv.FormatBool(m.MultiRegion)
	return nil
}

// ofKey is the dump of the key that the path names.
func (f *files) ofKey(w whereabouts, what string) (*keyDump, error) {
	if w.key == "" {
		return nil, fmt.Errorf("the path does not tell which key the %s is of: put the key's id into the name of the file or of its folder", what)
	}
	return f.in(w).key(w.key), nil
}

func (f *files) keyPolicy(w whereabouts, p *json.RawMessage) error {
	var s text
	if err := s.UnmarshalJSON(*p); err != nil {
		return err
	}
	if f.org.controlPolicy(*p) {
		return nil // of organizations describe-policy
	}
	k, err := f.ofKey(w, "key policy")
	if err == nil {
		k.policy = string(s)
	}
	return err
}

type grantFile struct {
	KeyId, GrantId, GranteePrincipal, RetiringPrincipal, IssuingAccount string
	Operations                                                          []string
	Constraints                                                         *struct {
		EncryptionContextEquals, EncryptionContextSubset map[string]string
	}
}

func grantsMember(f *files, d *json.Decoder, w whereabouts) error {
	if w.key != "" {
		k, err := f.ofKey(w, "list of grants")
		if err != nil {
			return err
		}
		k.key.GrantsUnread = false
	}
	return each(d, func(g *grantFile) {
		k := &f.in(w.of(g.KeyId)).key(lastPart(g.KeyId)).key
		k.GrantsUnread = false
		n := access.Grant{ID: g.GrantId, Grantee: g.GranteePrincipal, Retiring: g.RetiringPrincipal, Account: accountOf(g.IssuingAccount), Operations: g.Operations}
		if c := g.Constraints; c != nil {
			n.ContextEquals, n.ContextSubset = c.EncryptionContextEquals, c.EncryptionContextSubset
		}
		k.addGrant(n)
	})
}

func tagsMember(f *files, d *json.Decoder, w whereabouts) error {
	k, err := f.ofKey(w, "list of tags")
	if err != nil {
		return err
	}
	k.key.Tags = make(map[string]string)
	return each(d, func(t *struct{ TagKey, TagValue string }) { k.key.Tags[t.TagKey] = t.TagValue })
}
