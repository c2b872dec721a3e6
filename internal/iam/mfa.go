package iam

import (
	"bytes"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"image/png"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	// devicesMax is how many MFA devices a user may have (IAM guide, "IAM and AWS
	// STS quotas").
	devicesMax = 8
	// seedSize is the length of a virtual device's seed in bytes, seedPurpose what
	// it is sealed for.
	seedSize    = 40
	seedPurpose = "iam.mfa"
	// codePeriod is how long a code of a device stands, codeDrift how many periods
	// a device's clock may be off.
	codePeriod = 30 * time.Second
	codeDrift  = 1
)

// device is a virtual MFA device, a row of its table.
type device struct {
	Name, Path string
	Created    time.Time
	Seed       []byte // sealed
	// User is the unique id of whose it is, and since when; empty: nobody's.
	User    string    `json:",omitempty"`
	Enabled time.Time `json:",omitzero"`
	// Last is the period of the last code that was taken: a code is good once.
	Last int64 `json:",omitempty"`
	Tags tags  `json:",omitempty"`
}

var devices = store.NewTable("iam.mfa", store.Index[device]{
	Name: "user", Keys: func(_ string, d device) []string {
		if d.User == "" {
			return nil
		}
		return []string{d.User}
	},
})

// serial is the device's serial number, which is its ARN.
func (d device) serial(c *api.Call) string { return arn(c, "mfa", d.Path, d.Name) }

func (d device) put(c *api.Call) error { return devices.Put(c.Tx, c.Global(), rowID(d.Name), d) }

// getDevice finds a device by its serial number.
func getDevice(c *api.Call, serial string) (device, error) {
	n, ok := parseARN(serial)
	if ok && n.noun == "mfa" && n.account == c.Account {
		d, err := devices.Get(c.Tx, c.Global(), rowID(n.name))
		if err == nil && d.serial(c) == serial {
			return d, nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return device{}, err
		}
	}
	return device{}, notFound("VirtualMFADevice with serial number %s doesn't exist.", serial)
}

// newSeed makes a device's secret: the seed sealed, and as people are given it,
// in base 32 and as a picture that authenticator apps read.
func (s *Service) newSeed(c *api.Call, d *device) (text, picture []byte, err error) {
	seed := make([]byte, seedSize)
	defer clear(seed)
	if _, err := io.ReadFull(c.Rand, seed); err != nil {
		return nil, nil, fmt.Errorf("iam: seed of an MFA device: %w", err)
	}
	text = []byte(base32.StdEncoding.EncodeToString(seed))
	key, err := otp.NewKeyFromURL("otpauth://totp/Amazon%20Web%20Services:" + d.Name + "@" + c.Account + "?secret=" + string(text) + "&issuer=Amazon%20Web%20Services")
	if err != nil {
		return nil, nil, fmt.Errorf("iam: MFA device: %w", err)
	}
	drawn, err := key.Image(200, 200)
	if err != nil {
		return nil, nil, fmt.Errorf("iam: picture of an MFA device's seed: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, drawn); err != nil {
		return nil, nil, fmt.Errorf("iam: picture of an MFA device's seed: %w", err)
	}
	d.Seed = s.root.Seal(seedPurpose, text, []byte(d.serial(c)))
	return text, b.Bytes(), nil
}

// period is the number of the code period that a time is in.
func period(now time.Time) int64 { return now.Unix() / int64(codePeriod/time.Second) }

// takes reports in which period a run of codes is the device's, one after the
// other, if in any that its clock may be in and that was not used before.
func (s *Service) takes(c *api.Call, d device, codes ...string) (int64, bool, error) {
	seed, err := s.root.Open(seedPurpose, d.Seed, []byte(d.serial(c)))
	if err != nil {
		return 0, false, fmt.Errorf("iam: seed of MFA device %s: %w", d.serial(c), err)
	}
	defer clear(seed)
	now := period(c.Now)
	for at := now - codeDrift - int64(len(codes)) + 1; at <= now+codeDrift; at++ {
		if at <= d.Last {
			continue
		}
		same := 1
		for i, code := range codes {
			want, err := hotp.GenerateCodeCustom(string(seed), uint64(at)+uint64(i), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
			if err != nil {
				return 0, false, fmt.Errorf("iam: code of MFA device %s: %w", d.serial(c), err)
			}
			same &= subtle.ConstantTimeCompare([]byte(want), []byte(code))
		}
		if same == 1 {
			return at + int64(len(codes)) - 1, true, nil
		}
	}
	return 0, false, nil
}

// VerifyMFA reports whether a code is one of the calling user's device with that
// serial number. take keeps it from being used again.
func (s *Service) VerifyMFA(c *api.Call, serial, code string, take bool) (bool, error) {
	if c.Caller.Principal.Type != access.User {
		return false, nil
	}
	d, err := getDevice(c, serial)
	if isMissing(err) || err == nil && d.User != c.Caller.Principal.UserID {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	at, ok, err := s.takes(c, d, code)
	if err != nil || !ok || !take {
		return ok, err
	}
	d.Last = at
	return true, d.put(c)
}

// devicesOf are a user's devices.
func devicesOf(c *api.Call, userID string) ([]device, error) {
	return collect(devices.Find(c.Tx, c.Global(), "user", userID), nil)
}

func invalidCode() error {
	return &types.InvalidAuthenticationCodeException{Message: aws.String("Authentication code for device is not valid.")}
}

// deviceARN is the ARN that a new device will have.
func deviceARN(c *api.Call, path, name *string) string {
	return arn(c, "mfa", pathOr(path), value(name))
}

// onDevice is the target of an operation on a device.
func onDevice[In any](serial func(*In) *string) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		t := target{resource: value(serial(in))}
		if !strings.HasPrefix(t.resource, "arn:") {
			t.resource = arn(c, "mfa", "/", t.resource)
		}
		d, err := getDevice(c, t.resource)
		if isMissing(err) {
			return t, nil
		}
		d.Tags.context(&t.context, "aws:ResourceTag/", "iam:ResourceTag/")
		return t, err
	}
}
