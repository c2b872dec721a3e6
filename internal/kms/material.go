package kms

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// material is one generation of a key's secret. A key encrypts with its newest
// and decrypts with all it ever had (KMS guide, "Rotating AWS KMS keys"). Keys that
// do not rotate have one.
type material struct {
	// ID is 64 hex digits. That of imported material follows from the material
	// and the key's id.
	ID    string
	KeyID string
	// Sealed is the secret under the root key: the bytes of a symmetric key, or a
	// private key as PKCS #8. It is empty where imported material was deleted, has
	// expired, or is still to be imported here.
	Sealed []byte `json:",omitempty"`
	// Public is the public key of a pair.
	Public []byte `json:",omitempty"`
	// Created is when it became the key's current material; for imported material
	// that waits for that, when it was imported.
	Created time.Time
	// Rotation is how it came to replace the one before; empty for the first.
	Rotation kmstypes.RotationType `json:",omitempty"`
	// Imported is set for keys of origin EXTERNAL.
	Imported *imported `json:",omitempty"`
}

// imported is what is to be known of imported key material.
type imported struct {
	Description string `json:",omitempty"`
	// Expires is when the material is deleted; zero if it does not expire.
	Expires time.Time `json:",omitzero"`
	// Waiting: the key does not rotate to it before RotateKeyOnDemand.
	Waiting bool `json:",omitempty"`
}

// waiting reports whether a material is not yet part of its key for good.
func (m material) waiting() bool { return m.Imported != nil && m.Imported.Waiting }

// materials holds every generation, the current one too, by materialRowID. The
// current one is also in the key's row, where Encrypt finds it.
var materials = store.NewTable[material]("kms.material")

func materialRowID(keyID, materialID string) string { return keyID + ":" + materialID }

// putMaterial stores one generation, and in the key's row too if it is the
// current one. The key's row is for the caller to store.
func (t *target) putMaterial(c *api.Call, m material) error {
	if m.ID == t.key.Material.ID {
		t.key.Material = m
	}
	return materials.Put(c.Tx, t.scope, materialRowID(t.id, m.ID), m)
}

const materialPurpose = "kms.key-material"

// newMaterial makes a secret for the key and seals it.
func (s *Service) newMaterial(c *api.Call, k keyRow) (material, error) {
	m := material{ID: c.NewHex(64), KeyID: k.ID, Created: c.Now}
	d := kinds[k.Spec]
	if d.pair() {
		pair, err := s.spare.take(k.Spec)
		if err != nil {
			return material{}, err
		}
		defer pair.clear()
		s.seal(&m, k.ARN, pair.private)
		m.Public = pair.public
		return m, nil
	}
	secret := make([]byte, d.bytes)
	defer clear(secret)
	if _, err := io.ReadFull(c.Rand, secret); err != nil {
		return material{}, fmt.Errorf("kms: no randomness: %w", err)
	}
	s.seal(&m, k.ARN, secret)
	return m, nil
}

func materialAAD(arn, id string) []byte { return []byte(arn + "|" + id) }

// seal keeps a secret as the material of the key with that ARN.
func (s *Service) seal(m *material, arn string, secret []byte) {
	m.Sealed = s.root.Seal(materialPurpose, secret, materialAAD(arn, m.ID))
}

// openMaterial gives a material's secret, which is the caller's to clear.
func (s *Service) openMaterial(arn string, m material) ([]byte, error) {
	secret, err := s.root.Open(materialPurpose, m.Sealed, materialAAD(arn, m.ID))
	if err != nil {
		return nil, fmt.Errorf("kms: key material of %s: %w", arn, err)
	}
	return secret, nil
}

// cipher gives the cipher of a key material.
func (s *Service) cipher(arn string, m material) (*messageKeys, error) {
	if x := s.ciphers.get(m.Sealed); x != nil {
		return x, nil
	}
	secret, err := s.openMaterial(arn, m)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	x, err := newMessageKeys(secret)
	if err != nil {
		return nil, err
	}
	s.ciphers.put(m.Sealed, x)
	return x, nil
}

// material finds one generation of the key's material.
func (t target) material(tx store.Tx, id string) (material, error) {
	if id == t.key.Material.ID {
		return t.key.Material, nil
	}
	m, err := materials.Get(tx, t.scope, materialRowID(t.id, id))
	if errors.Is(err, store.ErrNotFound) {
		return m, invalidCiphertext()
	}
	return m, err
}

// encrypt seals plaintext under the key's current material.
func (s *Service) encrypt(c *api.Call, t target, plaintext []byte, context map[string]string) ([]byte, error) {
	x, err := s.cipher(t.arn, t.key.Material)
	if err != nil {
		return nil, err
	}
	blob := make([]byte, 0, headerSize+nonceSize+len(plaintext)+tagSize)
	blob = header{account: t.scope.Account, keyID: t.id, materialID: t.key.Material.ID}.append(blob)
	blob = blob[:headerSize+nonceSize]
	nonce := blob[headerSize:]
	if _, err := io.ReadFull(c.Rand, nonce); err != nil {
		return nil, fmt.Errorf("kms: no randomness: %w", err)
	}
	return x.seal(blob, nonce, plaintext, additional(blob[:headerSize], context))
}

// decrypt opens a parsed ciphertext of the key. Whatever is wrong with it, the
// answer is the same.
func (s *Service) decrypt(c *api.Call, t target, h header, head, body []byte, context map[string]string) ([]byte, error) {
	m, err := t.material(c.Tx, h.materialID)
	if err != nil {
		return nil, err
	}
	x, err := s.cipher(t.arn, m)
	if err != nil {
		return nil, err
	}
	plaintext, err := x.open(body[:nonceSize], body[nonceSize:], additional(head, context))
	if err != nil {
		return nil, invalidCiphertext()
	}
	return plaintext, nil
}

func additional(head []byte, context map[string]string) []byte {
	size := len(head) + 4
	for k, v := range context {
		size += 8 + len(k) + len(v)
	}
	return appendContext(append(make([]byte, 0, size), head...), context)
}

// cipherCache keeps the ciphers of materials in use, so that not every request
// opens the root key's seal. It is keyed by the sealed bytes, which come from
// the store in the transaction of each call: a key that was disabled or deleted
// is refused there, before anybody asks the cache, and a cipher can never be
// used for another material than the one that was read.
type cipherCache struct {
	mu      sync.RWMutex
	entries map[string]*messageKeys
}

// maxCiphers bounds the cache; each entry is about 100 bytes.
const maxCiphers = 1024

func newCipherCache() *cipherCache { return &cipherCache{entries: make(map[string]*messageKeys)} }

func (cc *cipherCache) get(sealed []byte) *messageKeys {
	cc.mu.RLock()
	defer cc.mu.RUnlock()
	return cc.entries[string(sealed)]
}

func (cc *cipherCache) put(sealed []byte, x *messageKeys) {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	if len(cc.entries) >= maxCiphers {
		// Any will do: one that is needed again is made again.
		for k := range cc.entries {
			delete(cc.entries, k)
			break
		}
	}
	cc.entries[string(sealed)] = x
}

func (cc *cipherCache) forget(sealed []byte) {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	delete(cc.entries, string(sealed))
}
