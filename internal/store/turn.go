package store

import "context"

// turn is a lock that can be waited for with a context. The zero value is not
// usable: make(turn, 1).
type turn chan struct{}

func (t turn) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// must takes the turn for what cannot be given up any more.
func (t turn) must() { t <- struct{}{} }

func (t turn) give() { <-t }
