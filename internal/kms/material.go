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
// and decrypts with all it ever had (KMS guide, "Rotating AWS KMS keys").
type material struct {
	ID      string // 64 hex digits
	KeyID   string
	Sealed  []byte // under the root key
	Created time.Time
	// Rotation is how it came to replace the one before; empty for the first.
	Rotation kmstypes.RotationType `json:",omitempty"`
}

// materials holds every generation, the current one too, by materialRowID. The
// current one is also in the key's row, where Encrypt finds it.
var materials = store.NewTable[material]("kms.material")

func materialRowID(keyID, materialID string) string { return keyID + ":" + materialID }

const materialPurpose = "kms.key-material"

// newMaterial makes 256 random bits and seals them to the key.
func (s *Service) newMaterial(c *api.Call, keyID, arn string) (material, error) {
	secret := make([]byte, materialSize)
	defer clear(secret)
	if _, err := io.ReadFull(c.Rand, secret); err != nil {
		return material{}, fmt.Errorf("kms: no randomness: %w", err)
	}
	m := material{ID: c.NewHex(64), KeyID: keyID, Created: c.Now}
	m.Sealed = s.root.Seal(materialPurpose, secret, materialAAD(arn, m.ID))
	return m, nil
}

func materialAAD(arn, id string) []byte { return []byte(arn + "|" + id) }

// cipher gives the cipher of a key material.
func (s *Service) cipher(arn string, m material) (*messageKeys, error) {
	if x := s.ciphers.get(m.Sealed); x != nil {
		return x, nil
	}
	secret, err := s.root.Open(materialPurpose, m.Sealed, materialAAD(arn, m.ID))
	if err != nil {
		return nil, fmt.Errorf("kms: key material of %s: %w", arn, err)
	}
	defer clear(secret)
	x, err := newMessageKeys(secret)
	if err != nil {
		return nil, err
	}
	s.ciphers.put(m.Sealed, x)
	return x, nil
}

// materialOf finds one generation of a key's material.
func materialOf(tx store.Tx, t target, id string) (material, error) {
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
	m, err := materialOf(c.Tx, t, h.materialID)
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
