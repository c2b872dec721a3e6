package iam

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// loginProfile is a user's password for the console, which is not here: it can
// be set, changed and asked about. A row's id is the user's unique id.
type loginProfile struct {
	Created, Changed time.Time
	Password         []byte // hashed and sealed
	// Past are the passwords before, the latest first.
	Past          [][]byte `json:",omitempty"`
	ResetRequired bool     `json:",omitempty"`
}

var loginProfiles = store.NewTable[loginProfile]("iam.loginprofile")

func (s *Service) loginOperations() []api.Operation {
	return []api.Operation{
		op("CreateLoginProfile", onCaller(func(in *iam.CreateLoginProfileInput) *string { return in.UserName }), s.createLoginProfile),
		read("GetLoginProfile", onCaller(func(in *iam.GetLoginProfileInput) *string { return in.UserName }), s.getLoginProfile),
		op("UpdateLoginProfile", onEntity(userKind, func(in *iam.UpdateLoginProfileInput) *string { return in.UserName }), s.updateLoginProfile),
		op("DeleteLoginProfile", onCaller(func(in *iam.DeleteLoginProfileInput) *string { return in.UserName }), s.deleteLoginProfile),
		op("ChangePassword", changePasswordTarget, s.changePassword),
		read("GetAccountPasswordPolicy", getPasswordPolicyTarget, s.getAccountPasswordPolicy),
		op("UpdateAccountPasswordPolicy", everywhere[iam.UpdateAccountPasswordPolicyInput], s.updateAccountPasswordPolicy),
		op("DeleteAccountPasswordPolicy", everywhere[iam.DeleteAccountPasswordPolicyInput], s.deleteAccountPasswordPolicy),
	}
}

// userWithLogin is the user that was named, or the calling one. The root user's
// password is changed by nobody but itself, and not through here.
func userWithLogin(c *api.Call, given *string) (user, error) {
	name, err := userOrSelf(c, given)
	if err != nil {
		return user{}, err
	}
	if name == "" {
		return user{}, invalid("Must specify userName when calling with non-User credentials")
	}
	return get(c.Tx, c.Global(), users, "user", name)
}

// getLoginProfile reads a user and its login profile.
func getLoginProfile(c *api.Call, name string) (user, loginProfile, error) {
	u, err := userWithLogin(c, &name)
	if err != nil {
		return u, loginProfile{}, err
	}
	p, err := loginProfiles.Get(c.Tx, c.Global(), u.ID)
	if errors.Is(err, store.ErrNotFound) {
		err = notFound("Login Profile for User %s cannot be found.", u.Name)
	}
	return u, p, err
}

func (p loginProfile) describe(u user) *types.LoginProfile {
	return &types.LoginProfile{UserName: aws.String(u.Name), CreateDate: aws.Time(p.Created), PasswordResetRequired: p.ResetRequired}
}

func (s *Service) createLoginProfile(c *api.Call, in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	u, err := userWithLogin(c, in.UserName)
	if err != nil {
		return nil, err
	}
	if in.Password == nil {
		return nil, invalid("1 validation error detected: Value at 'password' failed to satisfy constraint: Member must not be null")
	}
	_, err = loginProfiles.Get(c.Tx, c.Global(), u.ID)
	if err == nil {
		return nil, exists("Login Profile for User %s already exists.", u.Name)
	}
	if err := ignoreNotFound(err); err != nil {
		return nil, err
	}
	rules, err := accountPasswordPolicy(c)
	if err != nil {
		return nil, err
	}
	if err := rules.admits(*in.Password); err != nil {
		return nil, err
	}
	p := loginProfile{Created: c.Now, ResetRequired: in.PasswordResetRequired}
	return &iam.CreateLoginProfileOutput{LoginProfile: p.describe(u)}, s.setPassword(c, u, p, *in.Password)
}

func (s *Service) getLoginProfile(c *api.Call, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	name, err := userOrSelf(c, in.UserName)
	if err != nil {
		return nil, err
	}
	u, p, err := getLoginProfile(c, name)
	if err != nil {
		return nil, err
	}
	return &iam.GetLoginProfileOutput{LoginProfile: p.describe(u)}, nil
}

// updateLoginProfile leaves alone what is not named. Passwords that were used
// before are for users to avoid, not for administrators (IAM guide, "Setting an
// account password policy for IAM users", on what prevents reuse).
func (s *Service) updateLoginProfile(c *api.Call, in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	u, p, err := getLoginProfile(c, value(in.UserName))
	if err != nil {
		return nil, err
	}
	if in.PasswordResetRequired != nil {
		p.ResetRequired = *in.PasswordResetRequired
	}
	if in.Password == nil {
		return &iam.UpdateLoginProfileOutput{}, loginProfiles.Put(c.Tx, c.Global(), u.ID, p)
	}
	rules, err := accountPasswordPolicy(c)
	if err != nil {
		return nil, err
	}
	if err := rules.admits(*in.Password); err != nil {
		return nil, err
	}
	return &iam.UpdateLoginProfileOutput{}, s.setPassword(c, u, p, *in.Password)
}

func (s *Service) deleteLoginProfile(c *api.Call, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	name, err := userOrSelf(c, in.UserName)
	if err != nil {
		return nil, err
	}
	u, _, err := getLoginProfile(c, name)
	if err != nil {
		return nil, err
	}
	return &iam.DeleteLoginProfileOutput{}, loginProfiles.Delete(c.Tx, c.Global(), u.ID)
}
