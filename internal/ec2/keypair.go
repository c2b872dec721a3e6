package ec2

import (
	"errors"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// keyPair is the public half of an SSH key. EC2 never keeps the private half.
type keyPair struct {
	ID, Name    string
	Type        string // "rsa", "ed25519"
	Fingerprint string
	Public      string // in OpenSSH's form
	Created     time.Time
}

// keyPairTable is keyed by name.
var keyPairTable = store.NewTable[keyPair]("ec2.keypair")

func keyPairNamed(c *api.Call, name string) (keyPair, error) {
	k, err := keyPairTable.Get(c.Tx, c.Scope(), name)
	if errors.Is(err, store.ErrNotFound) {
		return k, api.Error("InvalidKeyPair.NotFound", "The key pair '"+name+"' does not exist")
	}
	return k, err
}
