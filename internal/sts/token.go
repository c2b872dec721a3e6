package sts

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keyturn/keyturn/internal/api"
)

// What the root key seals for. A token's access key id goes with it, so that a
// token cannot be used with another key.
const (
	tokenPurpose   = "session-token"
	messagePurpose = "authorization-message"
)

// keyPrefix begins the ids of temporary access keys.
const keyPrefix = "ASIA"

// session is what a token holds.
type session struct {
	Caller api.Caller
	Secret string
}

// tokenMax is how long a session token may be, in bytes (STS API reference,
// "AssumeRole", SessionTokenUtilization).
const tokenMax = 4096

// issued are new credentials, and how much of the longest token theirs is.
type issued struct {
	*types.Credentials
	size, utilization *int32
}

// issue makes temporary credentials for a caller, whose Expires is set. The token
// is at least so many bytes long, if that is asked for.
func (s *Service) issue(c *api.Call, account string, caller api.Caller, least *int32) (issued, error) {
	if n := aws.ToInt32(least); n < 0 || n > tokenMax {
		return issued{}, invalid("1 validation error detected: Value '%d' at 'minimumSessionTokenSize' failed to satisfy constraint: Member must have value %s", n, bound(n))
	}
	caller.IssuedAt = c.Now
	caller.AccessKeyID = newKeyID(c, account)
	var b [30]byte
	fill(c.Rand, b[:])
	secret := base64.StdEncoding.EncodeToString(b[:])
	raw, err := json.Marshal(session{Caller: caller, Secret: secret})
	if err != nil {
		return issued{}, err
	}
	content, id := pack(raw), []byte(caller.AccessKeyID)
	sealed := s.root.Seal(tokenPurpose, content, id)
	// What comes after the packed session is not read.
	if short := (int(aws.ToInt32(least))*3+3)/4 - len(sealed); short > 0 {
		sealed = s.root.Seal(tokenPurpose, append(content, bytes.Repeat([]byte{' '}, short)...), id)
	}
	token := base64.StdEncoding.EncodeToString(sealed)
	percent := (len(token)*100 + tokenMax - 1) / tokenMax
	if percent > 100 && len(caller.SessionPolicies) == 0 {
		return issued{}, tooLarge("Packed size of session tags consumes %d%% of allotted space.", percent)
	}
	if percent > 100 {
		return issued{}, tooLarge("Packed policy consumes %d%% of allotted space, please use smaller policy.", percent)
	}
	return issued{
		Credentials: &types.Credentials{
			AccessKeyId: aws.String(caller.AccessKeyID), SecretAccessKey: aws.String(secret),
			SessionToken: aws.String(token), Expiration: aws.Time(caller.Expires),
		},
		size: aws.Int32(int32(len(token))), utilization: aws.Int32(int32(percent)),
	}, nil
}

// bound words the limit that a size of token is beyond.
func bound(n int32) string {
	if n < 0 {
		return "greater than or equal to 0"
	}
	return "less than or equal to " + strconv.Itoa(tokenMax)
}

// Session opens a session token that came with an access key id. It reads no
// store and does not look at the time. What is not a token of ours, was changed
// or belongs to another key gives api.ErrInvalidToken. The Caller's maps and
// slices are shared and must not be changed.
func (s *Service) Session(accessKeyID, token string) (api.Caller, string, error) {
	id := sha256.Sum256([]byte(accessKeyID + "\x00" + token))
	if found, ok := s.opened.get(id); ok {
		return found.Caller, found.Secret, nil
	}
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return api.Caller{}, "", api.ErrInvalidToken
	}
	raw, err := s.root.Open(tokenPurpose, sealed, []byte(accessKeyID))
	if err != nil {
		return api.Caller{}, "", api.ErrInvalidToken
	}
	if raw, err = unpack(raw); err != nil {
		return api.Caller{}, "", api.ErrInvalidToken
	}
	found := new(session)
	if err := json.Unmarshal(raw, found); err != nil || found.Secret == "" {
		return api.Caller{}, "", api.ErrInvalidToken
	}
	s.opened.put(id, found)
	return found.Caller, found.Secret, nil
}

// tokenCache keeps the sessions of tokens that were opened, by the hash of
// token and key. Nothing in it can be stale: a token is what it is. It is
// bounded by two generations.
type tokenCache struct {
	mu         sync.RWMutex
	young, old map[[32]byte]*session
}

// generation is how many tokens one generation holds.
const generation = 1024

func (t *tokenCache) get(id [32]byte) (*session, bool) {
	t.mu.RLock()
	v, found := t.young[id]
	if found {
		t.mu.RUnlock()
		return v, true
	}
	v, found = t.old[id]
	t.mu.RUnlock()
	if found {
		t.put(id, v)
	}
	return v, found
}

func (t *tokenCache) put(id [32]byte, v *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.young == nil || len(t.young) >= generation {
		t.old, t.young = t.young, make(map[[32]byte]*session)
	}
	t.young[id] = v
}

// The first byte of what pack makes.
const (
	plain    = 0
	deflated = 1
)

// deflaters are kept because one is big.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(io.Discard, flate.BestCompression)
	if err != nil {
		panic(err) // the level is a constant that is right
	}
	return w
}}

// deflate returns b compressed.
func deflate(b []byte) []byte {
	var out bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	if _, err := w.Write(b); err != nil {
		panic(err) // a buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// pack makes a text smaller, if it is worth it.
func pack(b []byte) []byte {
	if small := deflate(b); len(small) < len(b) {
		return append([]byte{deflated}, small...)
	}
	return append([]byte{plain}, b...)
}

// unpackMax is more than any token or message of ours holds.
const unpackMax = 1 << 20

var errNotPacked = errors.New("sts: not what pack makes")

func unpack(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errNotPacked
	}
	switch b[0] {
	case plain:
		return b[1:], nil
	case deflated:
		out, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b[1:])), unpackMax+1))
		if err == nil && len(out) > unpackMax {
			err = errNotPacked
		}
		return out, err
	}
	return nil, errNotPacked
}

// newKeyID returns a temporary access key id: ASIA and 16 letters and digits.
// As in AWS's, the account is in it: 40 bits after the first.
func newKeyID(c *api.Call, account string) string {
	var b [10]byte
	fill(c.Rand, b[:])
	number, _ := strconv.ParseUint(account, 10, 64)
	head := 1<<47 | number<<7 | uint64(b[5]&0x7f)
	for i := range 6 {
		b[i] = byte(head >> (40 - 8*i))
	}
	return keyPrefix + base32.StdEncoding.EncodeToString(b[:])
}

// keyAccount is the account that an access key id names.
func keyAccount(id string) (string, bool) {
	if len(id) != 20 {
		return "", false
	}
	b, err := base32.StdEncoding.DecodeString(id[4:])
	if err != nil || b[0]&0x80 == 0 {
		return "", false
	}
	var head uint64
	for _, v := range b[:6] {
		head = head<<8 | uint64(v)
	}
	number := head >> 7 & (1<<40 - 1)
	account := strconv.FormatUint(number, 10)
	if len(account) > 12 {
		return "", false
	}
	return "000000000000"[len(account):] + account, true
}

// fill reads random bytes. A source that fails leaves nothing safe to do.
func fill(r io.Reader, b []byte) {
	if _, err := io.ReadFull(r, b); err != nil {
		panic("sts: no randomness: " + err.Error())
	}
}

// eventTime is a time as CloudTrail shows it in the answers of STS.
func eventTime(t time.Time) string { return t.UTC().Format("Jan 2, 2006, 3:04:05 PM") }

// elements are what an event shows of credentials: enough to find the calls made
// with them, and neither the secret nor the token it is sealed in.
func (i issued) elements() map[string]any {
	return map[string]any{
		"credentials":      map[string]any{"accessKeyId": *i.AccessKeyId, "expiration": eventTime(*i.Expiration)},
		"sessionTokenSize": *i.size, "sessionTokenUtilization": *i.utilization,
	}
}
