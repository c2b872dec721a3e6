package kms

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"pgregory.net/rapid"
)

// modelKey is what a key should be.
type modelKey struct {
	meta     *kmstypes.KeyMetadata
	state    kmstypes.KeyState
	deletion time.Time
	blobs    []modelBlob
	grants   map[string]modelGrant
}

type modelBlob struct {
	blob    []byte
	context map[string]string
	text    string
}

type modelGrant struct {
	grantee string
	subset  map[string]string
}

// machine plays random lives of keys and grants, and knows what must come of it.
type machine struct {
	*stage
	keys    []*modelKey
	aliases map[string]*modelKey
}

func (m *machine) pick(r *rapid.T) *modelKey {
	if len(m.keys) == 0 {
		r.Skip("no key yet")
	}
	return rapid.SampledFrom(m.keys).Draw(r, "key")
}

// expect checks an error's code; "" means none.
func expect(r *rapid.T, what string, err error, code string) {
	var e smithy.APIError
	switch {
	case code == "" && err == nil:
	case errors.As(err, &e) && e.ErrorCode() == code:
	default:
		r.Fatalf("%s: got %v, want %q", what, err, code)
	}
}

// whenUsed is what using a key in its state must answer.
func (k *modelKey) whenUsed() string {
	switch k.state {
	case kmstypes.KeyStateEnabled:
		return ""
	case kmstypes.KeyStateDisabled:
		return "DisabledException"
	case kmstypes.KeyStatePendingDeletion:
		return "KMSInvalidStateException"
	}
	return "NotFoundException"
}

// whenChanged is the same for what works on disabled keys.
func (k *modelKey) whenChanged() string {
	if k.state == kmstypes.KeyStateDisabled {
		return ""
	}
	return k.whenUsed()
}

const gone kmstypes.KeyState = "gone"

var contexts = rapid.SampledFrom([]map[string]string{nil, {"a": "1"}, {"a": "2"}, {"a": "1", "b": "2"}})

func (m *machine) CreateKey(*rapid.T) {
	if len(m.keys) < 4 {
		m.keys = append(m.keys, &modelKey{meta: m.key(root()), state: kmstypes.KeyStateEnabled, grants: map[string]modelGrant{}})
	}
}

func (m *machine) Disable(r *rapid.T) {
	k := m.pick(r)
	_, err := m.run(root(), "DisableKey", &kms.DisableKeyInput{KeyId: k.meta.KeyId})
	expect(r, "DisableKey", err, k.whenChanged())
	if err == nil {
		k.state = kmstypes.KeyStateDisabled
	}
}

func (m *machine) Enable(r *rapid.T) {
	k := m.pick(r)
	_, err := m.run(root(), "EnableKey", &kms.EnableKeyInput{KeyId: k.meta.KeyId})
	expect(r, "EnableKey", err, k.whenChanged())
	if err == nil {
		k.state = kmstypes.KeyStateEnabled
	}
}

func (m *machine) ScheduleDeletion(r *rapid.T) {
	k := m.pick(r)
	days := rapid.Int32Range(7, 30).Draw(r, "days")
	_, err := m.run(root(), "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: k.meta.KeyId, PendingWindowInDays: &days})
	expect(r, "ScheduleKeyDeletion", err, k.whenChanged())
	if err == nil {
		k.state, k.deletion = kmstypes.KeyStatePendingDeletion, m.now.Add(time.Duration(days)*day)
	}
}

func (m *machine) CancelDeletion(r *rapid.T) {
	k := m.pick(r)
	_, err := m.run(root(), "CancelKeyDeletion", &kms.CancelKeyDeletionInput{KeyId: k.meta.KeyId})
	switch k.state {
	case kmstypes.KeyStatePendingDeletion:
		expect(r, "CancelKeyDeletion", err, "")
		k.state = kmstypes.KeyStateDisabled
	case gone:
		expect(r, "CancelKeyDeletion", err, "NotFoundException")
	default:
		expect(r, "CancelKeyDeletion", err, "KMSInvalidStateException")
	}
}

func (m *machine) Wait(r *rapid.T) {
	m.advance(time.Duration(rapid.IntRange(1, 20).Draw(r, "days")) * day)
	for _, k := range m.keys {
		if k.state == kmstypes.KeyStatePendingDeletion && !m.now.Before(k.deletion) {
			k.state = gone
			clear(k.grants)
			for name, of := range m.aliases {
				if of == k {
					delete(m.aliases, name)
				}
			}
		}
	}
}

func (m *machine) Rotate(r *rapid.T) {
	k := m.pick(r)
	_, err := m.run(root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.meta.KeyId})
	if code := k.whenUsed(); code != "" || err == nil {
		expect(r, "RotateKeyOnDemand", err, code)
		return
	}
	expect(r, "RotateKeyOnDemand", err, "LimitExceededException")
}

func (m *machine) Encrypt(r *rapid.T) {
	k := m.pick(r)
	b := modelBlob{context: contexts.Draw(r, "context"), text: rapid.StringN(1, 20, -1).Draw(r, "text")}
	out, err := m.run(root(), "Encrypt", &kms.EncryptInput{KeyId: k.meta.Arn, Plaintext: []byte(b.text), EncryptionContext: b.context})
	expect(r, "Encrypt", err, k.whenUsed())
	if err == nil {
		b.blob = out.(*kms.EncryptOutput).CiphertextBlob
		k.blobs = append(k.blobs, b)
	}
}

func (m *machine) Decrypt(r *rapid.T) {
	k := m.pick(r)
	if len(k.blobs) == 0 {
		r.Skip("no ciphertext yet")
	}
	b := rapid.SampledFrom(k.blobs).Draw(r, "blob")
	context := contexts.Draw(r, "with")
	out, err := m.run(root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: b.blob, EncryptionContext: context})
	code := k.whenUsed()
	switch {
	case k.state == gone:
		code = "AccessDeniedException"
	case code == "" && !sameContext(context, b.context):
		code = "InvalidCiphertextException"
	}
	expect(r, "Decrypt", err, code)
	if err == nil && string(out.(*kms.DecryptOutput).Plaintext) != b.text {
		r.Fatalf("decrypted %q, want %q", out.(*kms.DecryptOutput).Plaintext, b.text)
	}
}

func sameContext(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

var grantees = rapid.SampledFrom([]string{"one", "two"})

func (m *machine) CreateGrant(r *rapid.T) {
	k := m.pick(r)
	g := modelGrant{grantee: grantees.Draw(r, "grantee"), subset: contexts.Draw(r, "subset")}
	in := &kms.CreateGrantInput{
		KeyId: k.meta.KeyId, GranteePrincipal: aws.String(user(account, g.grantee).principal.ARN), Operations: operations{"Decrypt"},
	}
	if g.subset != nil {
		in.Constraints = &kmstypes.GrantConstraints{EncryptionContextSubset: g.subset}
	}
	out, err := m.run(root(), "CreateGrant", in)
	expect(r, "CreateGrant", err, k.whenUsed())
	if err == nil {
		k.grants[*out.(*kms.CreateGrantOutput).GrantId] = g
	}
}

func (m *machine) EndGrant(r *rapid.T) {
	k := m.pick(r)
	var ids []string
	for id := range k.grants {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		r.Skip("no grant yet")
	}
	slices.Sort(ids)
	id := rapid.SampledFrom(ids).Draw(r, "grant")
	var err error
	if rapid.Bool().Draw(r, "revoke") {
		_, err = m.run(root(), "RevokeGrant", &kms.RevokeGrantInput{KeyId: k.meta.KeyId, GrantId: &id})
	} else {
		_, err = m.run(root(), "RetireGrant", &kms.RetireGrantInput{KeyId: k.meta.Arn, GrantId: &id})
	}
	expect(r, "ending a grant", err, "")
	delete(k.grants, id)
}

// DecryptByGrant tries to decrypt as somebody who has nothing but grants.
func (m *machine) DecryptByGrant(r *rapid.T) {
	k := m.pick(r)
	if len(k.blobs) == 0 {
		r.Skip("no ciphertext yet")
	}
	b := rapid.SampledFrom(k.blobs).Draw(r, "blob")
	name := grantees.Draw(r, "as")
	allowed := false
	for _, g := range k.grants {
		allowed = allowed || g.grantee == name && within(g.subset, b.context)
	}
	_, err := m.run(user(account, name), "Decrypt", &kms.DecryptInput{CiphertextBlob: b.blob, EncryptionContext: b.context})
	code := k.whenUsed()
	if !allowed || k.state == gone {
		code = "AccessDeniedException"
	}
	expect(r, "Decrypt by grant", err, code)
}

func within(subset, context map[string]string) bool {
	for k, v := range subset {
		if context[k] != v {
			return false
		}
	}
	return true
}

func (m *machine) Alias(r *rapid.T) {
	k := m.pick(r)
	name := rapid.SampledFrom([]string{"alias/a", "alias/b"}).Draw(r, "alias")
	_, err := m.run(root(), "CreateAlias", &kms.CreateAliasInput{AliasName: &name, TargetKeyId: k.meta.KeyId})
	switch code := k.whenChanged(); {
	case code == "NotFoundException":
		expect(r, "CreateAlias", err, code)
	case m.aliases[name] != nil:
		expect(r, "CreateAlias", err, "AlreadyExistsException")
	default:
		expect(r, "CreateAlias", err, code)
		if err == nil {
			m.aliases[name] = k
		}
	}
}

// Check compares the whole with the model after every step.
func (m *machine) Check(r *rapid.T) {
	for _, k := range m.keys {
		out, err := m.run(root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: k.meta.KeyId})
		if k.state == gone {
			expect(r, "DescribeKey", err, "NotFoundException")
			continue
		}
		expect(r, "DescribeKey", err, "")
		if got := out.(*kms.DescribeKeyOutput).KeyMetadata.KeyState; got != k.state {
			r.Fatalf("key is %s, want %s", got, k.state)
		}
		list, err := m.run(root(), "ListGrants", &kms.ListGrantsInput{KeyId: k.meta.KeyId, Limit: aws.Int32(100)})
		expect(r, "ListGrants", err, "")
		if got := list.(*kms.ListGrantsOutput).Grants; len(got) != min(len(k.grants), 100) {
			r.Fatalf("%d grants, want %d", len(got), len(k.grants))
		}
	}
	out, err := m.run(root(), "ListAliases", &kms.ListAliasesInput{})
	expect(r, "ListAliases", err, "")
	if got := out.(*kms.ListAliasesOutput).Aliases; len(got) != len(m.aliases) {
		r.Fatalf("%d aliases, want %d", len(got), len(m.aliases))
	}
	for name, k := range m.aliases {
		out, err := m.run(root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: &name})
		expect(r, "DescribeKey by alias", err, "")
		if got := out.(*kms.DescribeKeyOutput).KeyMetadata.KeyId; *got != *k.meta.KeyId {
			r.Fatalf("%s is of %s", name, *got)
		}
	}
}

func TestLifeOfKeysAndGrants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		m := &machine{stage: newStage(t), aliases: make(map[string]*modelKey)}
		defer m.store.Close()
		r.Repeat(rapid.StateMachineActions(m))
	})
}
