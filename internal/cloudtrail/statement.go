package cloudtrail

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
)

// noLake is what a cloud has that was given nothing to answer queries with.
type noLake struct{}

func (noLake) Check(context.Context, string) (api.LakeStatement, error) {
	return api.LakeStatement{}, api.ErrNoLake
}

func (noLake) Run(context.Context, api.LakeRun) (api.LakeStatistics, error) {
	return api.LakeStatistics{}, api.ErrNoLake
}

// maxStatement is the longest statement (API reference, "StartQuery").
const maxStatement = 10000

// checked is what is known of a statement.
type checked struct {
	api.LakeStatement
	err error
}

// checkedStatements remember the last statements that were checked: it is done
// ahead of the transaction that wants to know, and takes too long for inside.
type checkedStatements struct {
	mu    sync.Mutex // covers known; not held while a statement is checked
	known map[string]checked
}

// maxChecked bounds the statements that are remembered.
const maxChecked = 64

// check reads a statement, or remembers what came of it.
func (s *Service) check(ctx context.Context, statement string) checked {
	s.checks.mu.Lock()
	k, ok := s.checks.known[statement]
	s.checks.mu.Unlock()
	if ok {
		return k
	}
	if len(statement) > maxStatement {
		return checked{err: &api.StatementError{Message: "The query statement is too long."}}
	}
	k.LakeStatement, k.err = s.lake.Check(ctx, statement)
	if wrong := new(api.StatementError); k.err != nil && !errors.As(k.err, &wrong) {
		return k
	}
	s.checks.mu.Lock()
	defer s.checks.mu.Unlock()
	if len(s.checks.known) >= maxChecked || s.checks.known == nil {
		s.checks.known = make(map[string]checked)
	}
	s.checks.known[statement] = k
	return k
}

// prepareQuery does what must not be waited for in a transaction.
func (s *Service) prepareQuery(ctx context.Context, in *cloudtrail.StartQueryInput) {
	if in.QueryStatement != nil {
		s.check(ctx, *in.QueryStatement)
	}
	if bucket, _, ok := deliveryPlace(aws.ToString(in.DeliveryS3Uri)); ok {
		s.look(ctx, &bucket)
	}
}

func invalidStatement(message string) error {
	return &types.InvalidQueryStatementException{Message: aws.String(message)}
}

// statementError is how StartQuery tells what is wrong with a statement.
func statementError(err error) error {
	if wrong, ok := errors.AsType[*api.StatementError](err); ok {
		return invalidStatement(wrong.Message)
	}
	if errors.Is(err, api.ErrNoLake) {
		return unsupported("StartQuery is not supported: this build of the server has no SQL engine. Build it with cgo (CGO_ENABLED=1 and a C++ compiler).")
	}
	return err
}
