package iam

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/crypto/argon2"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// How passwords are kept: as Argon2id hashes with the parameters that OWASP
// names ("Password Storage Cheat Sheet"), each with a salt of its own, sealed by
// the root key. The parameters stand in front of each hash, so that they can be
// raised without losing old ones.
const (
	passwordPurpose = "iam.password"
	argonMemory     = 19 * 1024 // KiB
	argonTime       = 2
	argonThreads    = 1
	saltSize        = 16
	hashSize        = 32
)

// argonForm is a hash as it is kept, in the form of the reference implementation.
const argonForm = "$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s"

// sealPassword makes of a user's password what is kept of it.
func (s *Service) sealPassword(c *api.Call, userID, password string) []byte {
	var salt [saltSize]byte
	fill(c.Rand, salt[:])
	hash := argon2.IDKey([]byte(password), salt[:], argonTime, argonMemory, argonThreads, hashSize)
	form := fmt.Sprintf(argonForm, argon2.Version, argonMemory, argonTime, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt[:]), base64.RawStdEncoding.EncodeToString(hash))
	return s.root.Seal(passwordPurpose, []byte(form), []byte(userID))
}

// isPassword reports whether what is kept was made of that password.
func (s *Service) isPassword(userID string, sealed []byte, password string) (bool, error) {
	form, err := s.root.Open(passwordPurpose, sealed, []byte(userID))
	if err != nil {
		return false, fmt.Errorf("iam: password of %s: %w", userID, err)
	}
	var version int
	var memory, time uint32
	var threads uint8
	var rest string
	// Scan knows no text that ends at a dollar sign: the two last parts are one.
	if _, err := fmt.Sscanf(string(form), "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &memory, &time, &threads, &rest); err != nil || version != argon2.Version {
		return false, fmt.Errorf("iam: password of %s: not in a form that is known", userID)
	}
	first, second, _ := strings.Cut(rest, "$")
	salt, err1 := base64.RawStdEncoding.DecodeString(first)
	want, err2 := base64.RawStdEncoding.DecodeString(second)
	if err := errors.Join(err1, err2); err != nil || len(want) == 0 {
		return false, fmt.Errorf("iam: password of %s: not in a form that is known", userID)
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// passwordSymbols are what a password policy takes for symbols (IAM guide,
// "Setting an account password policy for IAM users").
const passwordSymbols = "!@#$%^&*()_+-=[]{}|'"

// classes are the kinds of characters that a password may have to have.
var classes = []struct {
	what string
	has  func(rune) bool
	// wanted reports whether the account's policy demands one.
	wanted func(*passwordPolicy) bool
}{
	{"uppercase letter", func(r rune) bool { return r >= 'A' && r <= 'Z' }, func(p *passwordPolicy) bool { return p.Uppercase }},
	{"lowercase letter", func(r rune) bool { return r >= 'a' && r <= 'z' }, func(p *passwordPolicy) bool { return p.Lowercase }},
	{"number", func(r rune) bool { return r >= '0' && r <= '9' }, func(p *passwordPolicy) bool { return p.Numbers }},
	{"symbol", func(r rune) bool { return strings.ContainsRune(passwordSymbols, r) }, func(p *passwordPolicy) bool { return p.Symbols }},
}

// What IAM's own policy demands where the account has none: so many characters,
// of so many kinds (IAM guide, "Default password policy").
const (
	defaultLength  = 8
	defaultClasses = 3
)

// admits refuses a password that the account's policy does not allow, or IAM's
// own where p is nil. The texts are those that people report; that several
// complaints are put together with commas rests on the one that is known to
// name two.
func (p *passwordPolicy) admits(password string) error {
	length := defaultLength
	if p != nil {
		length = int(p.Length)
	}
	var wrong, missing []string
	if len([]rune(password)) < length {
		wrong = append(wrong, fmt.Sprintf("Password should have a minimum length of %d", length))
	}
	for _, k := range classes {
		if strings.ContainsFunc(password, k.has) {
			continue
		}
		text := "Password should have at least one " + k.what
		missing = append(missing, text)
		if p != nil && k.wanted(p) {
			wrong = append(wrong, text)
		}
	}
	if more := defaultClasses - (len(classes) - len(missing)); p == nil && more > 0 {
		wrong = append(wrong, fmt.Sprintf("Password should meet %d more of the following requirements: %s", more, strings.Join(missing, ", ")))
	}
	if len(wrong) == 0 {
		return nil
	}
	return violation(strings.Join(wrong, ", "))
}

func violation(message string) error {
	return &types.PasswordPolicyViolationException{Message: aws.String(message)}
}

// changePasswordTarget is the calling user: nobody else has a password.
func changePasswordTarget(c *api.Call, in *iam.ChangePasswordInput) (target, error) {
	if c.Caller.Principal.Type != access.User {
		// The message rests on no source.
		return target{}, &types.InvalidUserTypeException{Message: aws.String("Only IAM Users can change their own password.")}
	}
	t, err := onCaller(func(*iam.ChangePasswordInput) *string { return nil })(c, in)
	if err != nil {
		return t, err
	}
	t.policy, err = selfService(c, "iam:ChangePassword", t.resource)
	return t, err
}

// changePassword takes the old password for the caller's word. The message about
// a wrong one rests on no source; that it is a denial was seen at AWS.
func (s *Service) changePassword(c *api.Call, in *iam.ChangePasswordInput) (*iam.ChangePasswordOutput, error) {
	u, p, err := getLoginProfile(c, nil)
	if err != nil {
		return nil, err
	}
	same, err := s.isPassword(u.ID, p.Password, value(in.OldPassword))
	if err != nil {
		return nil, err
	}
	if !same {
		return nil, api.Error("AccessDenied", "The old password was incorrect.")
	}
	rules, err := accountPasswordPolicy(c)
	if err != nil {
		return nil, err
	}
	if err := rules.admits(value(in.NewPassword)); err != nil {
		return nil, err
	}
	if rules != nil {
		if err := s.unused(u.ID, p, rules.Reuse, value(in.NewPassword)); err != nil {
			return nil, err
		}
	}
	p.ResetRequired = false
	return &iam.ChangePasswordOutput{}, s.setPassword(c, u, p, value(in.NewPassword))
}

// unused refuses one of the user's last n passwords.
func (s *Service) unused(userID string, p loginProfile, n int32, password string) error {
	past := append([][]byte{p.Password}, p.Past...)
	for _, sealed := range past[:min(int(n), len(past))] {
		same, err := s.isPassword(userID, sealed, password)
		if err != nil {
			return err
		}
		if same {
			return violation("Policy constraint violation with password reuse prevention during password change.")
		}
	}
	return nil
}

// setPassword gives a login profile another password, and keeps the old ones as
// long as a policy may ask for them.
func (s *Service) setPassword(c *api.Call, u user, p loginProfile, password string) error {
	if p.Password != nil {
		past := append([][]byte{p.Password}, p.Past...)
		p.Past = slices.Clip(past[:min(len(past), reuseMax-1)])
	}
	p.Password, p.Changed = s.sealPassword(c, u.ID, password), c.Now
	return loginProfiles.Put(c.Tx, c.Global(), u.ID, p)
}
