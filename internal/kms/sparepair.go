package kms

import (
	"sync"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// sparePairs holds RSA key pairs that were made before the transactions that
// take them: making one inside would keep every other writer waiting. They are in
// memory only.
type sparePairs struct {
	mu     sync.Mutex // covers bySpec
	bySpec map[kmstypes.KeySpec][]keyPair
}

// maxSpare bounds the pairs of one spec that wait for a transaction. Who makes
// more keys at a time waits for them inside.
const maxSpare = 4

func newSparePairs() *sparePairs { return &sparePairs{bySpec: make(map[kmstypes.KeySpec][]keyPair)} }

// prepare makes a pair if the spec is slow to make one and there are few. That it
// failed comes out when the pair is missed.
func (p *sparePairs) prepare(spec kmstypes.KeySpec) {
	if kinds[spec].bits == 0 || p.count(spec) >= maxSpare {
		return
	}
	pair, err := newKeyPair(spec)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.bySpec[spec]) >= maxSpare {
		pair.clear() // others were quicker
		return
	}
	p.bySpec[spec] = append(p.bySpec[spec], pair)
}

func (p *sparePairs) count(spec kmstypes.KeySpec) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.bySpec[spec])
}

// take gives a pair, made before or now. It is the caller's to clear.
func (p *sparePairs) take(spec kmstypes.KeySpec) (keyPair, error) {
	p.mu.Lock()
	if n := len(p.bySpec[spec]); n > 0 {
		pair := p.bySpec[spec][n-1]
		p.bySpec[spec] = p.bySpec[spec][:n-1]
		p.mu.Unlock()
		return pair, nil
	}
	p.mu.Unlock()
	return newKeyPair(spec)
}
