package iam

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/crypto/ssh"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	// sshKeysMax is how many SSH keys a user may have (IAM guide, "IAM and AWS STS
	// quotas").
	sshKeysMax = 5
	// An SSH key has so many bits (IAM API reference, "UploadSSHPublicKey").
	sshBitsMin, sshBitsMax = 2048, 16384
)

// sshKey is a row of its table: a key for CodeCommit.
type sshKey struct {
	ID       string
	Owner    string // the user's unique id
	Uploaded time.Time
	Inactive bool   `json:",omitempty"`
	Wire     []byte // the key as the SSH protocol has it
}

var sshKeys = store.NewTable("iam.sshkey", store.Index[sshKey]{
	Name: "owner", Keys: func(_ string, k sshKey) []string { return []string{k.Owner} },
})

func (s *Service) sshKeyOperations() []api.Operation {
	return []api.Operation{
		op("UploadSSHPublicKey", onEntity(userKind, func(in *iam.UploadSSHPublicKeyInput) *string { return in.UserName }), uploadSSHKey),
		read("GetSSHPublicKey", onEntity(userKind, func(in *iam.GetSSHPublicKeyInput) *string { return in.UserName }), getSSHKey),
		read("ListSSHPublicKeys", onCaller(func(in *iam.ListSSHPublicKeysInput) *string { return in.UserName }), listSSHKeys),
		op("UpdateSSHPublicKey", onEntity(userKind, func(in *iam.UpdateSSHPublicKeyInput) *string { return in.UserName }), updateSSHKey),
		op("DeleteSSHPublicKey", onEntity(userKind, func(in *iam.DeleteSSHPublicKeyInput) *string { return in.UserName }), deleteSSHKey),
	}
}

// parseSSHKey reads a public key in the form of OpenSSH or in PEM.
func parseSSHKey(body string) (ssh.PublicKey, error) {
	unrecognized := &types.UnrecognizedPublicKeyEncodingException{Message: aws.String("Invalid public key uploaded.")}
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(body))
	if err != nil {
		public, ok := parsePEMKey(body)
		if !ok {
			return nil, unrecognized
		}
		if key, err = ssh.NewPublicKey(public); err != nil {
			return nil, unrecognized
		}
		// PEM may hold what the SSH protocol does not let through.
		if key, err = ssh.ParsePublicKey(key.Marshal()); err != nil {
			return nil, unrecognized
		}
	} else if strings.TrimSpace(string(rest)) != "" {
		return nil, unrecognized
	}
	// That other algorithms get the error for a wrong length rests on no source.
	of, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil, unrecognized
	}
	public, ok := of.CryptoPublicKey().(*rsa.PublicKey)
	if !ok || public.N.BitLen() < sshBitsMin || public.N.BitLen() > sshBitsMax {
		return nil, &types.InvalidPublicKeyException{Message: aws.String("Invalid body for public key")}
	}
	return key, nil
}

func parsePEMKey(body string) (any, bool) {
	block, rest := pem.Decode([]byte(body))
	if block == nil || strings.TrimSpace(string(rest)) != "" {
		return nil, false
	}
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, false
	}
	return key, err == nil
}

// body is the key in an encoding, without its comment.
func (k sshKey) body(encoding types.EncodingType) (string, error) {
	key, err := ssh.ParsePublicKey(k.Wire)
	if err != nil {
		return "", err
	}
	if encoding != types.EncodingTypePem {
		return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), nil
	}
	of, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return "", errors.New("iam: an SSH key without a public key")
	}
	der, err := x509.MarshalPKIXPublicKey(of.CryptoPublicKey())
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

func statusOf(inactive bool) types.StatusType {
	if inactive {
		return types.StatusTypeInactive
	}
	return types.StatusTypeActive
}

// toInactive reads the status that an operation sets. Expired is one that only
// time sets.
func toInactive(status types.StatusType) (bool, error) {
	if status == types.StatusTypeExpired {
		return false, invalidInput("Operation does not support status Expired")
	}
	return status == types.StatusTypeInactive, nil
}

func (k sshKey) describe(u user, body string) (*types.SSHPublicKey, error) {
	key, err := ssh.ParsePublicKey(k.Wire)
	if err != nil {
		return nil, err
	}
	return &types.SSHPublicKey{
		UserName: aws.String(u.Name), SSHPublicKeyId: aws.String(k.ID), Fingerprint: aws.String(ssh.FingerprintLegacyMD5(key)),
		SSHPublicKeyBody: aws.String(body), Status: statusOf(k.Inactive), UploadDate: aws.Time(k.Uploaded),
	}, nil
}

// sshKeysOf are a user's keys, the oldest first.
func sshKeysOf(c *api.Call, userID string) ([]sshKey, error) {
	all, err := collect(sshKeys.Find(c.Tx, c.Global(), "owner", userID), nil)
	slices.SortStableFunc(all, func(a, b sshKey) int { return a.Uploaded.Compare(b.Uploaded) })
	return all, err
}

// uploadSSHKey shows the key as it was uploaded. That the same key may be
// another user's too is as at AWS.
func uploadSSHKey(c *api.Call, in *iam.UploadSSHPublicKeyInput) (*iam.UploadSSHPublicKeyOutput, error) {
	u, err := get(c.Tx, c.Global(), users, "user", value(in.UserName))
	if err != nil {
		return nil, err
	}
	key, err := parseSSHKey(value(in.SSHPublicKeyBody))
	if err != nil {
		return nil, err
	}
	held, err := sshKeysOf(c, u.ID)
	if err != nil {
		return nil, err
	}
	wire := key.Marshal()
	if slices.ContainsFunc(held, func(k sshKey) bool { return slices.Equal(k.Wire, wire) }) {
		return nil, &types.DuplicateSSHPublicKeyException{Message: aws.String("Duplicate SSH public key uploaded.")}
	}
	if len(held) >= sshKeysMax {
		// The quota's name rests on no source.
		return nil, quota("SSHPublicKeysPerUser", sshKeysMax)
	}
	k := sshKey{ID: newKeyID(c, sshKeyPrefix), Owner: u.ID, Uploaded: c.Now, Wire: wire}
	shown, err := k.describe(u, value(in.SSHPublicKeyBody))
	if err != nil {
		return nil, err
	}
	return &iam.UploadSSHPublicKeyOutput{SSHPublicKey: shown}, sshKeys.Put(c.Tx, c.Global(), k.ID, k)
}

// ownSSHKey reads a user's key.
func ownSSHKey(c *api.Call, name, id *string) (user, sshKey, error) {
	u, err := get(c.Tx, c.Global(), users, "user", value(name))
	if err != nil {
		return u, sshKey{}, err
	}
	k, err := sshKeys.Get(c.Tx, c.Global(), value(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && k.Owner != u.ID {
		err = notFound("User has no Public Key with id %s.", value(id))
	}
	return u, k, err
}

func getSSHKey(c *api.Call, in *iam.GetSSHPublicKeyInput) (*iam.GetSSHPublicKeyOutput, error) {
	u, k, err := ownSSHKey(c, in.UserName, in.SSHPublicKeyId)
	if err != nil {
		return nil, err
	}
	body, err := k.body(in.Encoding)
	if err != nil {
		return nil, err
	}
	shown, err := k.describe(u, body)
	return &iam.GetSSHPublicKeyOutput{SSHPublicKey: shown}, err
}

func listSSHKeys(c *api.Call, in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	o, err := ownerOf(c, in.UserName)
	if err != nil {
		return nil, err
	}
	held, err := sshKeysOf(c, o.id)
	if err != nil {
		return nil, err
	}
	p, err := paginate(held, func(k sshKey) string { return k.ID }, in.Marker, in.MaxItems)
	return &iam.ListSSHPublicKeysOutput{
		SSHPublicKeys: convert(p.items, func(k sshKey) types.SSHPublicKeyMetadata {
			return types.SSHPublicKeyMetadata{
				UserName: aws.String(o.name), SSHPublicKeyId: aws.String(k.ID), Status: statusOf(k.Inactive), UploadDate: aws.Time(k.Uploaded),
			}
		}),
		IsTruncated: p.truncated, Marker: p.marker,
	}, err
}

func updateSSHKey(c *api.Call, in *iam.UpdateSSHPublicKeyInput) (*iam.UpdateSSHPublicKeyOutput, error) {
	_, k, err := ownSSHKey(c, in.UserName, in.SSHPublicKeyId)
	if err != nil {
		return nil, err
	}
	if k.Inactive, err = toInactive(in.Status); err != nil {
		return nil, err
	}
	return &iam.UpdateSSHPublicKeyOutput{}, sshKeys.Put(c.Tx, c.Global(), k.ID, k)
}

func deleteSSHKey(c *api.Call, in *iam.DeleteSSHPublicKeyInput) (*iam.DeleteSSHPublicKeyOutput, error) {
	_, k, err := ownSSHKey(c, in.UserName, in.SSHPublicKeyId)
	if err != nil {
		return nil, err
	}
	return &iam.DeleteSSHPublicKeyOutput{}, sshKeys.Delete(c.Tx, c.Global(), k.ID)
}
