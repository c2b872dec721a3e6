package kms

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"pgregory.net/rapid"
)

// wrapOnce is one wrapping key for all imports that are not about wrapping: to make
// one takes longer than everything else.
var wrapOnce = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// quickly is a wrapped import whose token was not asked for.
func (s *stage) quickly(k *kmstypes.KeyMetadata, secret []byte) *kms.ImportKeyMaterialInput {
	s.t.Helper()
	pair, err := encodePair(wrapOnce(), wrapOnce().Public())
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := s.kms.sealImportToken(*k.Arn, importToken{Algorithm: kmstypes.AlgorithmSpecRsaesOaepSha256, Wrapping: pair.private, ValidTo: s.now.Add(importTime)})
	if err != nil {
		s.t.Fatal(err)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &wrapOnce().PublicKey, secret, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &kms.ImportKeyMaterialInput{KeyId: k.Arn, ImportToken: token, EncryptedKeyMaterial: wrapped, ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE"}
}

// importMachine plays random lives of a multi-Region key with imported material
// and its replica, and knows which material each must have.
type importMachine struct {
	*stage
	who  [2]who
	arn  [2]string
	id   string
	have [2]map[byte]time.Time // the material there, with its end; zero for none
	// used are the materials of the key, in order; next waits to be rotated to.
	used  []byte
	next  byte
	off   [2]bool // disabled
	blobs []importBlob
}

type importBlob struct {
	blob []byte
	of   byte
}

// complete reports whether a Region has all material of the key.
func (m *importMachine) complete(i int) bool {
	for _, b := range m.used {
		if _, ok := m.have[i][b]; !ok {
			return false
		}
	}
	return len(m.used) > 0
}

func (m *importMachine) state(i int) kmstypes.KeyState {
	switch {
	case !m.complete(i):
		return kmstypes.KeyStatePendingImport
	case m.off[i]:
		return kmstypes.KeyStateDisabled
	}
	return kmstypes.KeyStateEnabled
}

func (m *importMachine) use(i int) string {
	return map[kmstypes.KeyState]string{
		kmstypes.KeyStatePendingImport: "KMSInvalidStateException", kmstypes.KeyStateDisabled: "DisabledException",
	}[m.state(i)]
}

var regionOf = rapid.IntRange(0, 1)

func material32(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func (m *importMachine) Import(r *rapid.T) {
	i, b := regionOf.Draw(r, "region"), byte(rapid.IntRange(1, 4).Draw(r, "material"))
	in := m.quickly(&kmstypes.KeyMetadata{Arn: &m.arn[i]}, material32(b))
	isNew, expires := rapid.Bool().Draw(r, "new"), rapid.Bool().Draw(r, "expires")
	if isNew {
		in.ImportType = kmstypes.ImportTypeNewKeyMaterial
	}
	var end time.Time
	if expires {
		end = m.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(r, "hours")) * time.Hour)
		in.ExpirationModel, in.ValidTo = "KEY_MATERIAL_EXPIRES", &end
	}
	known := slices.Contains(m.used, b) || m.next == b
	first := len(m.used) == 0
	code := ""
	switch {
	case isNew && known, !isNew && !known && (!first || i == 1):
		code = "IncorrectKeyMaterialException"
	case !known && i == 1:
		code = "UnsupportedOperationException"
	case !known && !first && m.next != 0:
		code = "KMSInvalidStateException"
	}
	_, err := m.run(m.who[i], "ImportKeyMaterial", in)
	expect(r, "ImportKeyMaterial", err, code)
	if err != nil {
		return
	}
	switch before := m.complete(i); {
	case first:
		m.used = []byte{b}
		m.off[i] = false
	case !known:
		m.next = b
	case !before:
		m.off[i] = false // it comes back enabled
	}
	m.have[i][b] = end
}

func (m *importMachine) Delete(r *rapid.T) {
	i := regionOf.Draw(r, "region")
	if len(m.used) == 0 {
		r.Skip("no material yet")
	}
	b := rapid.SampledFrom(append(slices.Clone(m.used), m.used[len(m.used)-1])).Draw(r, "material")
	if m.next != 0 && rapid.Bool().Draw(r, "the next") {
		b = m.next
	}
	id := materialID(m.id, material32(b))
	_, err := m.run(m.who[i], "DeleteImportedKeyMaterial", &kms.DeleteImportedKeyMaterialInput{KeyId: &m.arn[i], KeyMaterialId: &id})
	expect(r, "DeleteImportedKeyMaterial", err, "")
	m.lose(i, b)
}

// lose is what is left when a material goes.
func (m *importMachine) lose(i int, b byte) {
	if _, there := m.have[i][b]; !there {
		return
	}
	delete(m.have[i], b)
	if b == m.next && i == 0 {
		m.next = 0
		delete(m.have[1], b)
	}
}

func (m *importMachine) Wait(r *rapid.T) {
	for range rapid.IntRange(1, 60).Draw(r, "hours") {
		m.advance(time.Hour)
		for i := range m.have {
			for b, end := range m.have[i] {
				if !end.IsZero() && !m.now.Before(end) {
					m.lose(i, b)
				}
			}
		}
	}
}

func (m *importMachine) Disable(r *rapid.T) {
	i := regionOf.Draw(r, "region")
	off := rapid.Bool().Draw(r, "off")
	operation, in := "EnableKey", any(&kms.EnableKeyInput{KeyId: &m.arn[i]})
	if off {
		operation, in = "DisableKey", &kms.DisableKeyInput{KeyId: &m.arn[i]}
	}
	_, err := m.run(m.who[i], operation, in)
	if !m.complete(i) {
		expect(r, operation, err, "KMSInvalidStateException")
		return
	}
	expect(r, operation, err, "")
	m.off[i] = off
}

func (m *importMachine) Rotate(r *rapid.T) {
	_, err := m.run(m.who[0], "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: &m.arn[0]})
	_, here := m.have[0][m.next]
	_, there := m.have[1][m.next]
	switch code := m.use(0); {
	case code != "":
		expect(r, "RotateKeyOnDemand", err, code)
	case m.next == 0 || !here || !there:
		expect(r, "RotateKeyOnDemand", err, "KMSInvalidStateException")
	default:
		expect(r, "RotateKeyOnDemand", err, "")
		m.used, m.next = append(m.used, m.next), 0
	}
}

func (m *importMachine) Encrypt(r *rapid.T) {
	i := regionOf.Draw(r, "region")
	out, err := m.run(m.who[i], "Encrypt", &kms.EncryptInput{KeyId: &m.arn[i], Plaintext: []byte("text")})
	expect(r, "Encrypt", err, m.use(i))
	if err == nil {
		m.blobs = append(m.blobs, importBlob{out.(*kms.EncryptOutput).CiphertextBlob, m.used[len(m.used)-1]})
	}
}

func (m *importMachine) Decrypt(r *rapid.T) {
	if len(m.blobs) == 0 {
		r.Skip("no ciphertext yet")
	}
	i, b := regionOf.Draw(r, "region"), rapid.SampledFrom(m.blobs).Draw(r, "blob")
	out, err := m.run(m.who[i], "Decrypt", &kms.DecryptInput{CiphertextBlob: b.blob})
	expect(r, "Decrypt", err, m.use(i))
	if err == nil && *out.(*kms.DecryptOutput).KeyMaterialId != materialID(m.id, material32(b.of)) {
		r.Fatal("decrypted with another material")
	}
}

func (m *importMachine) Check(r *rapid.T) {
	for i := range m.who {
		out, err := m.run(m.who[i], "DescribeKey", &kms.DescribeKeyInput{KeyId: &m.arn[i]})
		expect(r, "DescribeKey", err, "")
		k := out.(*kms.DescribeKeyOutput).KeyMetadata
		if k.KeyState != m.state(i) {
			r.Fatalf("the key in %s is %s, want %s", m.who[i].region, k.KeyState, m.state(i))
		}
		if len(m.used) > 0 && aws.ToString(k.CurrentKeyMaterialId) != materialID(m.id, material32(m.used[len(m.used)-1])) {
			r.Fatalf("the key in %s has another current material", m.who[i].region)
		}
		list, err := m.run(m.who[i], "ListKeyRotations", &kms.ListKeyRotationsInput{KeyId: &m.arn[i], IncludeKeyMaterial: "ALL_KEY_MATERIAL"})
		expect(r, "ListKeyRotations", err, "")
		want := len(m.used)
		if m.next != 0 {
			want++
		}
		if got := list.(*kms.ListKeyRotationsOutput).Rotations; len(got) != want {
			r.Fatalf("the key in %s has %d materials, want %d", m.who[i].region, len(got), want)
		}
	}
}

func TestLifeOfImportedMaterial(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s := newStage(t)
		defer s.store.Close()
		m := &importMachine{stage: s, who: [2]who{root().in(region), root().in(abroad)}, have: [2]map[byte]time.Time{{}, {}}}
		k := s.primary(func(in *kms.CreateKeyInput) { in.Origin = "EXTERNAL" })
		m.id, m.arn = *k.KeyId, [2]string{*k.Arn, *s.replicate(k, abroad).Arn}
		r.Repeat(rapid.StateMachineActions(m))
	})
}
