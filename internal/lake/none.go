//go:build !cgo || !(linux || darwin || windows) || !(amd64 || arm64) || (windows && arm64)

package lake

import (
	"context"

	"github.com/keyturn/keyturn/internal/api"
)

// Engine runs statements; here there is none.
type Engine struct{}

var _ api.Lake = Engine{}

// Available reports whether there is an engine in this build.
const Available = false

// New returns the engine.
func New() Engine { return Engine{} }

// Check implements api.Lake.
func (Engine) Check(context.Context, string) (api.LakeStatement, error) {
	return api.LakeStatement{}, api.ErrNoLake
}

// Run implements api.Lake.
func (Engine) Run(context.Context, api.LakeRun) (api.LakeStatistics, error) {
	return api.LakeStatistics{}, api.ErrNoLake
}
