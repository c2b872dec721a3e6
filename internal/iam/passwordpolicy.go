package iam

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

const (
	// lengthDefault is the shortest password that a policy allows which does not
	// say (IAM API reference, "UpdateAccountPasswordPolicy").
	lengthDefault = 6
	// reuseMax is how many past passwords a policy may forbid.
	reuseMax = 24
)

// passwordPolicy is the account's own, if it has one: a row of its table, whose
// id is always the same.
type passwordPolicy struct {
	Length                                 int32
	Uppercase, Lowercase, Numbers, Symbols bool
	// MaxAge is in days, and Reuse how many passwords are not to be used again;
	// zero: no such rule.
	MaxAge, Reuse int32 `json:",omitempty"`
	// SelfService lets every user change its own password.
	SelfService bool
	HardExpiry  *bool `json:",omitempty"`
}

var passwordPolicies = store.NewTable[passwordPolicy]("iam.passwordpolicy")

const passwordPolicyID = "account"

// accountPasswordPolicy is the account's own policy, nil where it has none.
func accountPasswordPolicy(c *api.Call) (*passwordPolicy, error) {
	p, err := passwordPolicies.Get(c.Tx, c.Global(), passwordPolicyID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &p, err
}

// selfService is what the account's password policy allows every user without
// any policy of the user's: to change the own password, and to see the password
// policy. IAM applies it to all users of the account (IAM guide, "Permitting IAM
// users to change their own passwords"). Here it is a policy of the resource's,
// so that denials count. It is nil where the account does not allow it.
func selfService(c *api.Call, action, resource string) (*access.ResourcePolicy, error) {
	rules, err := accountPasswordPolicy(c)
	if err != nil || rules == nil || !rules.SelfService || c.Caller.Principal.Type != access.User {
		return nil, err
	}
	text, err := json.Marshal(map[string]any{"Version": policy.Version2012, "Statement": map[string]any{
		"Effect": "Allow", "Principal": map[string]string{"AWS": c.Caller.Principal.ARN}, "Action": action, "Resource": resource,
	}})
	if err != nil {
		return nil, fmt.Errorf("iam: password policy: %w", err)
	}
	p, err := policy.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("iam: password policy: %w", err)
	}
	return &access.ResourcePolicy{Document: access.Document{Name: "password policy of the account", Policy: p}}, nil
}

func getPasswordPolicyTarget(c *api.Call, _ *iam.GetAccountPasswordPolicyInput) (target, error) {
	t := target{resource: "*"}
	var err error
	t.policy, err = selfService(c, "iam:GetAccountPasswordPolicy", "*")
	return t, err
}

// noPasswordPolicy is the error where the account has no policy of its own.
func noPasswordPolicy(c *api.Call) error {
	return notFound("The Password Policy with domain name %s cannot be found.", c.Account)
}

func (s *Service) getAccountPasswordPolicy(c *api.Call, _ *iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	p, err := accountPasswordPolicy(c)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, noPasswordPolicy(c)
	}
	out := &types.PasswordPolicy{
		MinimumPasswordLength: aws.Int32(p.Length), RequireSymbols: p.Symbols, RequireNumbers: p.Numbers,
		RequireUppercaseCharacters: p.Uppercase, RequireLowercaseCharacters: p.Lowercase,
		AllowUsersToChangePassword: p.SelfService, ExpirePasswords: p.MaxAge > 0, HardExpiry: p.HardExpiry,
	}
	if p.MaxAge > 0 {
		out.MaxPasswordAge = aws.Int32(p.MaxAge)
	}
	if p.Reuse > 0 {
		out.PasswordReusePrevention = aws.Int32(p.Reuse)
	}
	return &iam.GetAccountPasswordPolicyOutput{PasswordPolicy: out}, nil
}

// updateAccountPasswordPolicy puts the whole policy in the place of the one that
// was there: what is not named gets its default.
func (s *Service) updateAccountPasswordPolicy(c *api.Call, in *iam.UpdateAccountPasswordPolicyInput) (*iam.UpdateAccountPasswordPolicyOutput, error) {
	p := passwordPolicy{
		Length: lengthDefault, Uppercase: in.RequireUppercaseCharacters, Lowercase: in.RequireLowercaseCharacters,
		Numbers: in.RequireNumbers, Symbols: in.RequireSymbols, SelfService: in.AllowUsersToChangePassword, HardExpiry: in.HardExpiry,
		MaxAge: aws.ToInt32(in.MaxPasswordAge), Reuse: aws.ToInt32(in.PasswordReusePrevention),
	}
	if in.MinimumPasswordLength != nil {
		p.Length = *in.MinimumPasswordLength
	}
	return &iam.UpdateAccountPasswordPolicyOutput{}, passwordPolicies.Put(c.Tx, c.Global(), passwordPolicyID, p)
}

func (s *Service) deleteAccountPasswordPolicy(c *api.Call, _ *iam.DeleteAccountPasswordPolicyInput) (*iam.DeleteAccountPasswordPolicyOutput, error) {
	p, err := accountPasswordPolicy(c)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, noPasswordPolicy(c)
	}
	return &iam.DeleteAccountPasswordPolicyOutput{}, passwordPolicies.Delete(c.Tx, c.Global(), passwordPolicyID)
}
