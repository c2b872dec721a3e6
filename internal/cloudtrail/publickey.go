package cloudtrail

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// keyValidity is how long a key signs digests: it is that of the keys in the AWS
// CLI's examples of ListPublicKeys.
const keyValidity = 30 * 24 * time.Hour

// keyBits is the length of AWS's keys.
const keyBits = 2048

// keyPurpose is what the root key seals private keys for.
const keyPurpose = "cloudtrail.digest"

// keyRow is a key pair of a region. It signs for all accounts, as AWS's do.
type keyRow struct {
	Fingerprint string
	Public      []byte // PKCS#1, DER
	Sealed      []byte // the private key, PKCS#1, DER
	From, Until time.Time
}

// signingKey is a key that is ready to sign.
type signingKey struct {
	Fingerprint string
	private     *rsa.PrivateKey
}

// keyTable holds a region's keys by the time when they were made.
var keyTable = store.NewTable[keyRow]("cloudtrail.key")

func keyScope(region string) store.Scope {
	return store.Scope{Account: courierScope.Account, Region: region}
}

// fingerprintOf is a public key's: the MD5 of its DER form, as can be seen in the
// AWS CLI's examples. It names the key and protects nothing.
func fingerprintOf(public []byte) string {
	sum := md5.Sum(public)
	return hex.EncodeToString(sum[:])
}

// keyMaker makes key pairs outside of transactions, for that takes time: one for
// a region is made, and waits until a transaction has put it into the store.
type keyMaker struct {
	mu   sync.Mutex // covers made; not held while a key is made
	made map[string]*rsa.PrivateKey
}

func (m *keyMaker) take(region string) *rsa.PrivateKey {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := m.made[region]
	delete(m.made, region)
	return key
}

func (m *keyMaker) prepare(region string) error {
	m.mu.Lock()
	_, ok := m.made[region]
	m.mu.Unlock()
	if ok {
		return nil
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return fmt.Errorf("cloudtrail: key: %w", err)
	}
	m.keep(region, key)
	return nil
}

func (m *keyMaker) keep(region string, key *rsa.PrivateKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made == nil {
		m.made = make(map[string]*rsa.PrivateKey)
	}
	m.made[region] = key
}

// currentKey returns the key with which a region's digests are signed now; nil if
// there is none.
func currentKey(tx store.Tx, region string, now time.Time) (*keyRow, error) {
	var current *keyRow
	for k, err := range keyTable.All(tx, keyScope(region)) {
		if err != nil {
			return nil, err
		}
		if !now.Before(k.From) && now.Before(k.Until) {
			current = &k
		}
	}
	return current, nil
}

// newKey puts the key that was prepared for a region into the store.
func (s *Service) newKey(tx store.Tx, region string, now time.Time) (*keyRow, error) {
	private := s.keys.take(region)
	if private == nil {
		// A transaction that has run again, after it took the key.
		if err := s.keys.prepare(region); err != nil {
			return nil, err
		}
		private = s.keys.take(region)
	}
	public := x509.MarshalPKCS1PublicKey(&private.PublicKey)
	k := keyRow{Fingerprint: fingerprintOf(public), Public: public, From: now.Truncate(time.Second), Until: now.Truncate(time.Second).Add(keyValidity)}
	k.Sealed = s.root.Seal(keyPurpose, x509.MarshalPKCS1PrivateKey(private), []byte(k.Fingerprint))
	if err := keyTable.Put(tx, keyScope(region), k.From.Format(time.RFC3339Nano), k); err != nil {
		s.keys.keep(region, private)
		return nil, err
	}
	return &k, nil
}

// signingKey returns the key of that fingerprint or, if it is empty, the one that
// signs now, which is made if need be.
func (s *Service) signingKey(ctx context.Context, st store.Store, region, fingerprint string, now time.Time) (signingKey, error) {
	var found *keyRow
	err := st.View(ctx, func(tx store.Tx) (err error) {
		if fingerprint == "" {
			found, err = currentKey(tx, region, now)
			return err
		}
		for k, err := range keyTable.All(tx, keyScope(region)) {
			if err != nil {
				return err
			}
			if k.Fingerprint == fingerprint {
				found = &k
			}
		}
		return nil
	})
	if err != nil {
		return signingKey{}, err
	}
	if found == nil {
		if err := s.keys.prepare(region); err != nil {
			return signingKey{}, err
		}
		err := st.Update(ctx, func(tx store.Tx) (err error) {
			if found, err = currentKey(tx, region, now); found != nil || err != nil {
				return err
			}
			found, err = s.newKey(tx, region, now)
			return err
		})
		if err != nil {
			return signingKey{}, err
		}
	}
	der, err := s.root.Open(keyPurpose, found.Sealed, []byte(found.Fingerprint))
	if err != nil {
		return signingKey{}, fmt.Errorf("cloudtrail: key %s: %w", found.Fingerprint, err)
	}
	defer clear(der)
	private, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return signingKey{}, errors.New("cloudtrail: key " + found.Fingerprint + " cannot be read")
	}
	return signingKey{Fingerprint: found.Fingerprint, private: private}, nil
}

func (s *Service) publicKeyOperations() []api.Operation {
	return []api.Operation{
		api.Read("ListPublicKeys", api.Anywhere[cloudtrail.ListPublicKeysInput]("cloudtrail:ListPublicKeys"), s.listPublicKeys),
	}
}

// listPublicKeys names the region's keys that were valid in a time. The current
// one comes into being when it is first asked for.
func (s *Service) listPublicKeys(c *api.Call, in *cloudtrail.ListPublicKeysInput) (*cloudtrail.ListPublicKeysOutput, error) {
	if in.NextToken != nil {
		// "Reserved for future use", says the API reference.
		return nil, &types.InvalidTokenException{Message: aws.String("Invalid token.")}
	}
	from, until := c.Now, c.Now
	if in.StartTime != nil {
		from = *in.StartTime
	}
	if in.EndTime != nil {
		until = *in.EndTime
	}
	if from.After(until) {
		return nil, &types.InvalidTimeRangeException{Message: aws.String("Start time should be before end time.")}
	}
	if !c.Now.Before(from) && !c.Now.After(until) {
		if err := s.ensureKey(c); err != nil {
			return nil, err
		}
	}
	out := &cloudtrail.ListPublicKeysOutput{PublicKeyList: []types.PublicKey{}}
	for k, err := range keyTable.All(c.Tx, keyScope(c.Region)) {
		if err != nil {
			return nil, err
		}
		if k.From.After(until) || !k.Until.After(from) {
			continue
		}
		out.PublicKeyList = append(out.PublicKeyList, types.PublicKey{
			Fingerprint: aws.String(k.Fingerprint), Value: k.Public,
			ValidityStartTime: aws.Time(k.From), ValidityEndTime: aws.Time(k.Until),
		})
	}
	return out, nil
}

// ensureKey has the region have a current key. Making one takes time: it is done
// before the transaction that may write.
func (s *Service) ensureKey(c *api.Call) error {
	k, err := currentKey(c.Tx, c.Region, c.Now)
	if k != nil || err != nil {
		return err
	}
	if err := s.keys.prepare(c.Region); err != nil {
		return err
	}
	_, err = s.newKey(c.Tx, c.Region, c.Now)
	return err
}
