package cloud_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// calls keeps what clients ask.
type calls struct {
	mu  sync.Mutex
	all []string
}

// watch is the configuration of clients whose calls are kept: one that is tried
// again is one.
func (c *calls) watch(cfg aws.Config) aws.Config {
	cfg = cfg.Copy()
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("keyturn.calls", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			text, err := json.Marshal(in.Parameters)
			if err != nil {
				return middleware.InitializeOutput{}, middleware.Metadata{}, err
			}
			c.mu.Lock()
			c.all = append(c.all, awsmiddleware.GetServiceID(ctx)+" "+awsmiddleware.GetOperationName(ctx)+" "+string(text))
			c.mu.Unlock()
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	})
	return cfg
}

// twice are the calls that were made more than once.
func (c *calls) twice() []string {
	seen := make(map[string]bool)
	var again []string
	for _, call := range c.all {
		if seen[call] {
			again = append(again, call)
		}
		seen[call] = true
	}
	return again
}

// TestDiagnoseCalls: the article's diagnosis takes 20 calls at most.
func TestDiagnoseCalls(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.deniedStart()
	r := s.diagnose(s.root, id, "")
	s.wantCause(r, diagnose.IdentityMissing, "No identity-based policy of user test")
	for i, call := range s.calls.all {
		t.Logf("%2d %s", i+1, call)
	}
	if n := len(s.calls.all); n > 20 {
		t.Errorf("%d calls, want 20 at most", n)
	}

	s.start(s.root, id)
	s.await(id, ec2types.InstanceStateNameRunning)
	s.diagnose(s.root, id, "")
	if n := len(s.calls.all); n > 8 {
		t.Errorf("%d calls about an instance that runs, want 8 at most", n)
	}
}
