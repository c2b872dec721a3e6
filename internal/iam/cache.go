package iam

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

// cache keeps what was made of some bytes under those bytes. What is in it can
// never be stale, so it needs to be told of no change, by nobody. It is bounded
// by two generations: when the younger is full it becomes the older, and what
// was not asked for since is forgotten.
type cache[V any] struct {
	mu         sync.RWMutex
	used       int
	young, old map[string]V
}

const (
	// generation is how many bytes one generation may hold.
	generation = 4 << 20
	// overhead is what an entry is taken to cost beyond its text.
	overhead = 256
)

func (c *cache[V]) get(key []byte) (V, bool) {
	c.mu.RLock()
	v, found := c.young[string(key)]
	if found {
		c.mu.RUnlock()
		return v, true
	}
	v, found = c.old[string(key)]
	c.mu.RUnlock()
	if found {
		c.put(string(key), v, len(key))
	}
	return v, found
}

// put keeps v, which costs about as much as size bytes of text.
func (c *cache[V]) put(key string, v V, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young == nil || c.used > generation {
		c.old, c.young, c.used = c.young, make(map[string]V), 0
	}
	if _, there := c.young[key]; !there {
		c.used += size + overhead
	}
	c.young[key] = v
}

// documentCache holds compiled policies by their text.
type documentCache struct{ cache[*policy.Policy] }

// parse compiles a text, or finds it compiled.
func (d *documentCache) parse(text []byte) (*policy.Policy, error) {
	if p, found := d.get(text); found {
		return p, nil
	}
	p, err := policy.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("iam: a policy in the store: %w", err)
	}
	d.put(string(text), p, len(text))
	return p, nil
}

// decoded reads rows through a cache, for what every request needs. The rows
// that it returns are shared and must not be changed.
type decoded[T any] struct{ cache cache[*T] }

func (d *decoded[T]) get(tx store.Tx, s store.Scope, kind, id string) (*T, error) {
	raw, err := tx.Get(store.Key(s.Account, s.Region, kind, id))
	if err != nil {
		return nil, err
	}
	if v, found := d.cache.get(raw); found {
		return v, nil
	}
	v := new(T)
	if err := json.Unmarshal(raw, v); err != nil {
		return nil, fmt.Errorf("iam: row %s %s: %w", kind, id, err)
	}
	d.cache.put(string(raw), v, len(raw))
	return v, nil
}
