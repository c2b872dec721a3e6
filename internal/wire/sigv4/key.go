package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"sync"
)

// KeyCache keeps signing keys, which hold for one day, region and service, so
// that a request costs one HMAC and not five. It is safe for concurrent use.
//
// It is keyed by the secret's hash and so never stale; a secret that was
// revoked is refused before its signing key is asked for.
type KeyCache struct {
	mu   sync.RWMutex // covers keys
	keys map[keyID]signingKey
}

type signingKey [sha256.Size]byte

type keyID struct {
	secret                [sha256.Size]byte
	date, region, service string
}

// maxKeys bounds the cache; when it is full it starts anew.
const maxKeys = 1024

// NewKeyCache returns an empty cache.
func NewKeyCache() *KeyCache { return &KeyCache{keys: make(map[keyID]signingKey)} }

func (c *KeyCache) key(secret, date, region, service string) signingKey {
	id := keyID{secret: sha256.Sum256([]byte(secret)), date: date, region: region, service: service}
	c.mu.RLock()
	k, ok := c.keys[id]
	c.mu.RUnlock()
	if ok {
		return k
	}
	k = deriveKey(secret, date, region, service)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.keys) >= maxKeys {
		clear(c.keys)
	}
	c.keys[id] = k
	return k
}

// deriveKey is the chain of HMACs from the secret to the day's key.
func deriveKey(secret, date, region, service string) signingKey {
	k := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, terminator} {
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(part))
		clear(k)
		k = mac.Sum(nil)
	}
	defer clear(k)
	return signingKey(k)
}
