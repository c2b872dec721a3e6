// Package rootkey seals what must not be read out of the database: access-key
// secrets, KMS key material, session tokens. The root key lives in a file
// beside the database, or in memory, and never in it.
package rootkey

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// size is the root key's length in bytes.
const size = 32

// version is the first byte of everything that is sealed.
const version = 1

// ErrSealed is returned by Open for what this key did not seal: changed, cut,
// sealed for another purpose or with other associated data.
var ErrSealed = errors.New("rootkey: not sealed with this key")

// Key seals and opens. It is safe for concurrent use and never shows itself.
type Key struct {
	// secret is behind a pointer, for a copy of the struct printed as a struct
	// would show an array.
	secret *[size]byte
	// ciphers holds a cipher.AEAD for each purpose. Purposes are few and fixed
	// in the code, so the map does not grow.
	ciphers sync.Map
}

// New returns a key made of random's bytes, crypto/rand's if random is nil.
func New(random io.Reader) (*Key, error) {
	if random == nil {
		random = rand.Reader
	}
	k := &Key{secret: new([size]byte)}
	if _, err := io.ReadFull(random, k.secret[:]); err != nil {
		return nil, fmt.Errorf("rootkey: %w", err)
	}
	return k, nil
}

// Open reads the key from a file, which it makes with mode 0600 if it is not
// there. A file that is not exactly one key long is refused, never replaced:
// everything sealed would be lost with it.
func Open(path string) (*Key, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("rootkey: %w", err)
	}
	defer clear(raw)
	if len(raw) != size {
		return nil, fmt.Errorf("rootkey: %s is not a root key of %d bytes; put the right file back, or start with an empty data folder", path, size)
	}
	return &Key{secret: (*[size]byte)(bytes.Clone(raw))}, nil
}

// create writes a new key so that the file is whole or not there at all. If
// another process is quicker, its key is taken: one must not replace the other.
func create(path string) (*Key, error) {
	k, err := New(nil)
	if err != nil {
		return nil, err
	}
	next, err := writeNew(filepath.Dir(path), k.secret[:])
	if err != nil {
		return nil, fmt.Errorf("rootkey: %w", err)
	}
	err = os.Link(next, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		// Some file systems have no links; there the last one wins.
		err = os.Rename(next, path)
	} else {
		err = errors.Join(err, os.Remove(next))
	}
	if errors.Is(err, fs.ErrExist) {
		return Open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("rootkey: %w", err)
	}
	syncFolder(filepath.Dir(path))
	return k, nil
}

// syncFolder puts the file's name on the disk, where the system lets one.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}

// writeNew writes a file of mode 0600 under a name of its own. What is sealed
// with the key must not reach the disk before the key does.
func writeNew(dir string, secret []byte) (name string, err error) {
	f, err := os.CreateTemp(dir, ".root.key-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(secret)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// Seal encrypts plaintext for a purpose. aad is bound to it: Open wants the same.
func (k *Key) Seal(purpose string, plaintext, aad []byte) []byte {
	c := k.cipher(purpose)
	out := make([]byte, 1+c.NonceSize(), 1+c.NonceSize()+len(plaintext)+c.Overhead())
	out[0] = version
	if _, err := rand.Read(out[1:]); err != nil {
		panic("rootkey: no randomness: " + err.Error())
	}
	return c.Seal(out, out[1:], plaintext, aad)
}

// Open decrypts what Seal returned for the same purpose and aad, or returns
// ErrSealed.
func (k *Key) Open(purpose string, sealed, aad []byte) ([]byte, error) {
	c := k.cipher(purpose)
	if len(sealed) < 1+c.NonceSize()+c.Overhead() || sealed[0] != version {
		return nil, ErrSealed
	}
	nonce, body := sealed[1:1+c.NonceSize()], sealed[1+c.NonceSize():]
	plaintext, err := c.Open(nil, nonce, body, aad)
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// cipher is the purpose's own: a subkey for each keeps what is sealed for one
// from being opened for another.
func (k *Key) cipher(purpose string) cipher.AEAD {
	if c, ok := k.ciphers.Load(purpose); ok {
		return c.(cipher.AEAD)
	}
	sub, err := hkdf.Key(sha256.New, k.secret[:], nil, "keyturn "+purpose, size)
	if err != nil {
		panic("rootkey: " + err.Error()) // the lengths are constants
	}
	defer clear(sub)
	block, err := aes.NewCipher(sub)
	if err != nil {
		panic("rootkey: " + err.Error())
	}
	c, err := cipher.NewGCM(block)
	if err != nil {
		panic("rootkey: " + err.Error())
	}
	k.ciphers.Store(purpose, c)
	return c
}

const redacted = "rootkey.Key(redacted)"

// Format hides the key from every verb of package fmt.
func (k *Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// String hides the key.
func (k *Key) String() string { return redacted }

// LogValue hides the key.
func (k *Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the key.
func (k *Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }
