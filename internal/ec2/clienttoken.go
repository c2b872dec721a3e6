package ec2

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// clientTokenLife is how long EC2 remembers a client token.
const clientTokenLife = 24 * time.Hour

// clientToken is a request that was carried out under a token.
type clientToken struct {
	Request  []byte    `json:"request"` // SHA-256 of its parameters
	Resource string    `json:"resource"`
	At       time.Time `json:"at"`
}

var clientTokenTable = store.NewTable[clientToken]("ec2.client-token")

// usedToken returns the resource that an earlier request with the same token
// made, empty if there was none. The same token with other parameters is an
// error (EC2 API reference, "Ensuring idempotency").
func usedToken(c *api.Call, token *string, in any) (resource string, err error) {
	if token == nil || *token == "" {
		return "", nil
	}
	row, err := clientTokenTable.Get(c.Tx, c.Scope(), c.Operation+" "+*token)
	if errors.Is(err, store.ErrNotFound) || err == nil && c.Now.Sub(row.At) >= clientTokenLife {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	sum, err := requestSum(in)
	if err != nil {
		return "", err
	}
	if string(sum) != string(row.Request) {
		return "", api.Error("IdempotentParameterMismatch",
			"The client token you have provided is already associated with a resource. Please use a different client token.")
	}
	return row.Resource, nil
}

// keepToken remembers what a request with a token made.
func keepToken(c *api.Call, token *string, in any, resource string) error {
	if token == nil || *token == "" {
		return nil
	}
	sum, err := requestSum(in)
	if err != nil {
		return err
	}
	return clientTokenTable.Put(c.Tx, c.Scope(), c.Operation+" "+*token, clientToken{Request: sum, Resource: resource, At: c.Now})
}

func requestSum(in any) ([]byte, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("ec2: cannot sum up the request: %w", err)
	}
	sum := sha256.Sum256(raw)
	return sum[:], nil
}
