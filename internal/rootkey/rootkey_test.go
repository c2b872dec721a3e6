package rootkey

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
)

func TestSealOpens(t *testing.T) {
	t.Parallel()
	k, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed := k.Seal("secret", []byte("plain"), []byte("id"))
	if bytes.Contains(sealed, []byte("plain")) {
		t.Error("the sealed form shows the plaintext")
	}
	got, err := k.Open("secret", sealed, []byte("id"))
	if err != nil || string(got) != "plain" {
		t.Errorf("Open gave %q, %v", got, err)
	}
	if again := k.Seal("secret", []byte("plain"), []byte("id")); bytes.Equal(again, sealed) {
		t.Error("sealing twice gave the same bytes")
	}
	other, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another purpose": func() ([]byte, error) { return k.Open("token", sealed, []byte("id")) },
		"other data":      func() ([]byte, error) { return k.Open("secret", sealed, []byte("di")) },
		"another key":     func() ([]byte, error) { return other.Open("secret", sealed, []byte("id")) },
		"a changed byte":  func() ([]byte, error) { return k.Open("secret", changed, []byte("id")) },
		"cut":             func() ([]byte, error) { return k.Open("secret", sealed[:20], []byte("id")) },
		"nothing":         func() ([]byte, error) { return k.Open("secret", nil, []byte("id")) },
	} {
		if got, err := open(); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: opened to %q, %v", name, got, err)
		}
	}
}

func TestFileIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "root.key")
	first, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Open("x", first.Seal("x", []byte("plain"), nil), nil); err != nil {
		t.Errorf("the key read from the file is another: %v", err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil {
		t.Error("a damaged file was accepted")
	}
}

// TestFileIsMadeOnceByMany: processes that start together have the same key.
func TestFileIsMadeOnceByMany(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "root.key")
	keys := make([]*Key, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = Open(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	sealed := keys[0].Seal("x", []byte("plain"), nil)
	for i, k := range keys {
		if _, err := k.Open("x", sealed, nil); err != nil {
			t.Errorf("key %d is another: %v", i, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("the folder has %v, %v", left, err)
	}
}

// TestSealIsForever: what an older keyturn sealed opens, as long as this passes.
func TestSealIsForever(t *testing.T) {
	t.Parallel()
	k, err := New(bytes.NewReader(bytes.Repeat([]byte{7}, size)))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := hex.DecodeString("01bb0cb1a6e9d33509be90051b081aaa5fa70ce8d93828c325530cb44158e9f7cf5559dc82")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Open("iam.key", sealed, []byte("AKIDEXAMPLE")); err != nil || string(got) != "a secret" {
		t.Errorf("opened to %q, %v", got, err)
	}
}

func TestNeverShown(t *testing.T) {
	t.Parallel()
	k, err := New(bytes.NewReader(bytes.Repeat([]byte("A"), size)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", k)
	in := struct{ Key *Key }{k}
	for _, s := range []string{
		fmt.Sprint(k), fmt.Sprintf("%#v %+v %d %x %q %s", k, k, k, k, k, k), fmt.Sprintf("%v %+v %d", in, in, in),
		fmt.Sprint(reflect.ValueOf(k).Elem()),
		string(text), k.LogValue().String(), log.String(),
	} {
		if bytes.Contains([]byte(s), []byte("AAAA")) || bytes.Contains([]byte(s), []byte("65 65")) || bytes.Contains([]byte(s), []byte("4141")) {
			t.Errorf("shown as %s", s)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k, err := New(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(k.Seal("other", []byte("plain"), nil))
	f.Add([]byte{version})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := k.Open("fuzz", sealed, nil); err == nil {
			t.Errorf("opened %x to %x", sealed, got)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	k, err := New(nil)
	if err != nil {
		b.Fatal(err)
	}
	sealed := k.Seal("bench", make([]byte, 40), []byte("AKIDEXAMPLE"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open("bench", sealed, []byte("AKIDEXAMPLE")); err != nil {
			b.Fatal(err)
		}
	}
}
