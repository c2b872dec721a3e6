package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Fatal("opened twice")
	} else {
		t.Log(err)
	}
	ctx := context.Background()
	at := time.Now()
	err = s.Update(ctx, func(tx Tx) error {
		for i := range 200 {
			if err := tx.Append("s", Record{At: at.Add(time.Duration(i) * time.Millisecond), ID: fmt.Sprintf("%03d", i), Data: []byte("x")}); err != nil {
				return err
			}
		}
		n := 0
		for _, err := range tx.Records("s", Query{}) {
			if err != nil {
				return err
			}
			n++
		}
		if n != 200 {
			t.Errorf("own %d", n)
		}
		return tx.Put("a/b", []byte("v"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.View(ctx, func(Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	s, err = Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.View(ctx, func(tx Tx) error {
		v, err := tx.Get("a/b")
		if string(v) != "v" || err != nil {
			t.Error(v, err)
		}
		n := 0
		for r, err := range tx.Records("s", Query{Before: Record{At: at.Add(100 * time.Millisecond).UTC().Truncate(time.Microsecond), ID: "100"}}) {
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 && r.ID != "099" {
				t.Error(r.ID)
			}
			n++
		}
		if n != 100 {
			t.Error(n)
		}
		return nil
	})
	s.Close()
}
