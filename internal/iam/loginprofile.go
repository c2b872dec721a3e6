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
// be set, changed and asked about. A row's id is the user's unique id, or the
// account's for the root user, whose password can be made anew from outside: see
// rootLogin.
type loginProfile struct {
	Created, Changed time.Time
	Password         []byte `json:",omitempty"` // hashed and sealed; the root user's is not set here
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

// rootLogin reports whether an operation is about the root user's login profile:
// a privileged session on a member account names no user. Creating the profile
// lets the root user's password be made anew, by mail (IAM guide, "Perform a
// privileged task on an AWS Organizations member account").
func rootLogin(c *api.Call, given *string) bool { return given == nil && c.Caller.AssumedRoot }

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
func getLoginProfile(c *api.Call, given *string) (user, loginProfile, error) {
	if rootLogin(c, given) {
		p, err := loginProfiles.Get(c.Tx, c.Global(), c.Account)
		if errors.Is(err, store.ErrNotFound) {
			// The name of the root user in it rests on no source.
			err = notFound("Login Profile for User %s cannot be found.", c.Account)
		}
		return user{holder: holder{ID: c.Account}}, p, err
	}
	u, err := userWithLogin(c, given)
	if err != nil {
		return u, loginProfile{}, err
	}
	p, err := loginProfiles.Get(c.Tx, c.Global(), u.ID)
	if errors.Is(err, store.ErrNotFound) {
		err = notFound("Login Profile for User %s cannot be found.", u.Name)
	}
	return u, p, err
}

// describe is the SDK's form. The root user has no name in it.
func (p loginProfile) describe(u user) *types.LoginProfile {
	out := &types.LoginProfile{CreateDate: aws.Time(p.Created), PasswordResetRequired: p.ResetRequired}
	if u.Name != "" {
		out.UserName = aws.String(u.Name)
	}
	return out
}

// createRootLogin takes neither a name nor a password.
func createRootLogin(c *api.Call, in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	if in.Password != nil {
		// The message rests on no source.
		return nil, invalid("Password cannot be specified for the root user.")
	}
	_, err := loginProfiles.Get(c.Tx, c.Global(), c.Account)
	if err == nil {
		return nil, exists("Login Profile for User %s already exists.", c.Account)
	}
	if err := ignoreNotFound(err); err != nil {
		return nil, err
	}
	p := loginProfile{Created: c.Now, Changed: c.Now}
	return &iam.CreateLoginProfileOutput{LoginProfile: p.describe(user{})}, loginProfiles.Put(c.Tx, c.Global(), c.Account, p)
}

func (s *Service) createLoginProfile(c *api.Call, in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	if rootLogin(c, in.UserName) {
		return createRootLogin(c, in)
	}
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
	u, p, err := getLoginProfile(c, in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.GetLoginProfileOutput{LoginProfile: p.describe(u)}, nil
}

// updateLoginProfile leaves alone what is not named. Passwords that were used
// before are for users to avoid, not for administrators (IAM guide, "Setting an
// account password policy for IAM users", on what prevents reuse).
func (s *Service) updateLoginProfile(c *api.Call, in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	u, p, err := getLoginProfile(c, in.UserName)
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
	u, _, err := getLoginProfile(c, in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.DeleteLoginProfileOutput{}, loginProfiles.Delete(c.Tx, c.Global(), u.ID)
}
