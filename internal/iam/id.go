package iam

import (
	"encoding/base32"
	"encoding/base64"
	"io"
	"strconv"

	"github.com/keyturn/keyturn/internal/api"
)

// The prefixes of unique identifiers (IAM guide, "IAM identifiers").
const (
	userPrefix    = "AIDA"
	groupPrefix   = "AGPA"
	rolePrefix    = "AROA"
	policyPrefix  = "ANPA"
	profilePrefix = "AIPA"
	keyPrefix     = "AKIA"

	sshKeyPrefix            = "APKA"
	serverCertificatePrefix = "ASCA"
	credentialPrefix        = "ACCA"
)

// newID returns a prefix and 17 random letters and digits.
func newID(c *api.Call, prefix string) string {
	var b [11]byte
	fill(c.Rand, b[:])
	return prefix + base32.StdEncoding.EncodeToString(b[:])[:17]
}

// newKeyID returns the id of an access key or an SSH key: a prefix and 16 letters
// and digits. As in AWS's, the account is in it: 40 bits after the first.
func newKeyID(c *api.Call, prefix string) string {
	var b [10]byte
	fill(c.Rand, b[:])
	account, _ := strconv.ParseUint(c.Account, 10, 64)
	head := 1<<47 | account<<7 | uint64(b[5]&0x7f)
	for i := range 6 {
		b[i] = byte(head >> (40 - 8*i))
	}
	return prefix + base32.StdEncoding.EncodeToString(b[:])
}

// newSecret returns the 40 characters of a secret access key: 240 random bits.
func newSecret(c *api.Call) string {
	var b [30]byte
	fill(c.Rand, b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// fill reads random bytes. A source that fails leaves nothing safe to do.
func fill(r io.Reader, b []byte) {
	if _, err := io.ReadFull(r, b); err != nil {
		panic("iam: no randomness: " + err.Error())
	}
}
