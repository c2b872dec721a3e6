package iam_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/store"
)

const goodPassword = "Correct-Horse-1"

func (w *world) person() (id string) {
	w.t.Helper()
	return *must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: aws.String("person")}).User.UserId
}

func TestLoginProfiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	person := aws.String("person")
	id := w.person()
	const none = "Login Profile for User person cannot be found."
	w.fails("GetLoginProfile", &awsiam.GetLoginProfileInput{UserName: person}, "NoSuchEntity", none)
	w.fails("UpdateLoginProfile", &awsiam.UpdateLoginProfileInput{UserName: person}, "NoSuchEntity", none)
	w.fails("DeleteLoginProfile", &awsiam.DeleteLoginProfileInput{UserName: person}, "NoSuchEntity", none)
	w.failsAs(userCaller("person", id), "ChangePassword", &awsiam.ChangePasswordInput{OldPassword: aws.String("a"), NewPassword: aws.String(goodPassword)}, "NoSuchEntity", none)
	w.fails("CreateLoginProfile", &awsiam.CreateLoginProfileInput{UserName: aws.String("nobody"), Password: aws.String(goodPassword)}, "NoSuchEntity", "The user with name nobody cannot be found.")
	w.fails("CreateLoginProfile", &awsiam.CreateLoginProfileInput{UserName: person}, "ValidationError", "1 validation error detected: Value at 'password' failed to satisfy constraint: Member must not be null")

	made := must[awsiam.CreateLoginProfileOutput](w, "CreateLoginProfile", &awsiam.CreateLoginProfileInput{UserName: person, Password: aws.String(goodPassword), PasswordResetRequired: true}).LoginProfile
	if *made.UserName != "person" || !made.PasswordResetRequired || !made.CreateDate.Equal(w.now) {
		t.Errorf("created %+v", made)
	}
	w.fails("CreateLoginProfile", &awsiam.CreateLoginProfileInput{UserName: person, Password: aws.String(goodPassword)}, "EntityAlreadyExists", "Login Profile for User person already exists.")
	w.fails("DeleteUser", &awsiam.DeleteUserInput{UserName: person}, "DeleteConflict", "Cannot delete entity, must delete login profile first.")

	// It follows the user to another name.
	must[awsiam.UpdateUserOutput](w, "UpdateUser", &awsiam.UpdateUserInput{UserName: person, NewUserName: aws.String("somebody")})
	person = aws.String("somebody")
	got := mustAs[awsiam.GetLoginProfileOutput](w, userCaller("somebody", id), "GetLoginProfile", &awsiam.GetLoginProfileInput{}).LoginProfile
	if *got.UserName != "somebody" || !got.PasswordResetRequired {
		t.Errorf("got %+v", got)
	}

	self := userCaller("somebody", id)
	w.failsAs(self, "ChangePassword", &awsiam.ChangePasswordInput{OldPassword: aws.String("Wrong-Horse-1"), NewPassword: aws.String("Another-Horse-2")}, "AccessDenied", "The old password was incorrect.")
	mustAs[awsiam.ChangePasswordOutput](w, self, "ChangePassword", &awsiam.ChangePasswordInput{OldPassword: aws.String(goodPassword), NewPassword: aws.String("Another-Horse-2")})
	w.failsAs(self, "ChangePassword", &awsiam.ChangePasswordInput{OldPassword: aws.String(goodPassword), NewPassword: aws.String("Third-Horse-3")}, "AccessDenied", "The old password was incorrect.")
	if got := must[awsiam.GetLoginProfileOutput](w, "GetLoginProfile", &awsiam.GetLoginProfileInput{UserName: person}).LoginProfile; got.PasswordResetRequired {
		t.Error("a user that has changed its password still has to")
	}
	w.fails("ChangePassword", &awsiam.ChangePasswordInput{OldPassword: aws.String("a"), NewPassword: aws.String("b")}, "InvalidUserType", "Only IAM Users can change their own password.")

	must[awsiam.UpdateLoginProfileOutput](w, "UpdateLoginProfile", &awsiam.UpdateLoginProfileInput{UserName: person, PasswordResetRequired: aws.Bool(true)})
	must[awsiam.UpdateLoginProfileOutput](w, "UpdateLoginProfile", &awsiam.UpdateLoginProfileInput{UserName: person, Password: aws.String("Fourth-Horse-4")})
	if got := must[awsiam.GetLoginProfileOutput](w, "GetLoginProfile", &awsiam.GetLoginProfileInput{UserName: person}).LoginProfile; !got.PasswordResetRequired {
		t.Error("what was not named was changed")
	}
	mustAs[awsiam.ChangePasswordOutput](w, self, "ChangePassword", &awsiam.ChangePasswordInput{OldPassword: aws.String("Fourth-Horse-4"), NewPassword: aws.String(goodPassword)})

	w.view(func(tx store.Tx) error {
		for row, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			if bytes.Contains(row.Value, []byte("Horse")) || bytes.Contains(row.Value, []byte("argon2")) {
				t.Errorf("row %s has a password or its hash in the clear", row.Key)
			}
		}
		return nil
	})

	must[awsiam.DeleteLoginProfileOutput](w, "DeleteLoginProfile", &awsiam.DeleteLoginProfileInput{UserName: person})
	must[awsiam.DeleteUserOutput](w, "DeleteUser", &awsiam.DeleteUserInput{UserName: person})
}

// TestPasswordPolicyOfNobody is the policy that IAM has where the account has
// none (IAM guide, "Default password policy").
func TestPasswordPolicyOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person()
	for _, c := range []struct{ rule, password, message string }{
		{"two kinds of characters are one too few", "lowercase1", "Password should meet 1 more of the following requirements: Password should have at least one uppercase letter, Password should have at least one symbol"},
		{"a letter without a case is of no kind", "éééééééé", "Password should meet 3 more of the following requirements: Password should have at least one uppercase letter, Password should have at least one lowercase letter, Password should have at least one number, Password should have at least one symbol"},
		{"eight characters", "Abcde-1", "Password should have a minimum length of 8"},
		{"both", "abc", "Password should have a minimum length of 8, Password should meet 2 more of the following requirements: Password should have at least one uppercase letter, Password should have at least one number, Password should have at least one symbol"},
		{"a question mark is no symbol", "abcdefg1?", "Password should meet 1 more of the following requirements: Password should have at least one uppercase letter, Password should have at least one symbol"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w.fails("CreateLoginProfile", &awsiam.CreateLoginProfileInput{UserName: aws.String("person"), Password: &c.password}, "PasswordPolicyViolation", c.message)
		})
	}
	must[awsiam.CreateLoginProfileOutput](w, "CreateLoginProfile", &awsiam.CreateLoginProfileInput{UserName: aws.String("person"), Password: aws.String("abcdef-1")})
}

func TestAccountPasswordPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const none = "The Password Policy with domain name 123456789012 cannot be found."
	w.fails("GetAccountPasswordPolicy", &awsiam.GetAccountPasswordPolicyInput{}, "NoSuchEntity", none)
	w.fails("DeleteAccountPasswordPolicy", &awsiam.DeleteAccountPasswordPolicyInput{}, "NoSuchEntity", none)

	must[awsiam.UpdateAccountPasswordPolicyOutput](w, "UpdateAccountPasswordPolicy", &awsiam.UpdateAccountPasswordPolicyInput{})
	got := must[awsiam.GetAccountPasswordPolicyOutput](w, "GetAccountPasswordPolicy", &awsiam.GetAccountPasswordPolicyInput{}).PasswordPolicy
	if *got.MinimumPasswordLength != 6 || got.ExpirePasswords || got.MaxPasswordAge != nil || got.PasswordReusePrevention != nil || got.HardExpiry != nil || got.RequireSymbols {
		t.Errorf("the defaults are %+v", got)
	}
	// A policy of the account's takes the place of IAM's.
	id := w.person()
	must[awsiam.CreateLoginProfileOutput](w, "CreateLoginProfile", &awsiam.CreateLoginProfileInput{UserName: aws.String("person"), Password: aws.String("simple")})

	must[awsiam.UpdateAccountPasswordPolicyOutput](w, "UpdateAccountPasswordPolicy", &awsiam.UpdateAccountPasswordPolicyInput{
		MinimumPasswordLength: aws.Int32(10), RequireNumbers: true, RequireUppercaseCharacters: true,
		MaxPasswordAge: aws.Int32(90), PasswordReusePrevention: aws.Int32(2), HardExpiry: aws.Bool(true),
	})
	got = must[awsiam.GetAccountPasswordPolicyOutput](w, "GetAccountPasswordPolicy", &awsiam.GetAccountPasswordPolicyInput{}).PasswordPolicy
	if *got.MinimumPasswordLength != 10 || !got.ExpirePasswords || *got.MaxPasswordAge != 90 || *got.PasswordReusePrevention != 2 || !*got.HardExpiry || !got.RequireNumbers || !got.RequireUppercaseCharacters || got.RequireLowercaseCharacters {
		t.Errorf("the policy is %+v", got)
	}
	self := userCaller("person", id)
	change := func(from, to string) *awsiam.ChangePasswordInput {
		return &awsiam.ChangePasswordInput{OldPassword: &from, NewPassword: &to}
	}
	w.failsAs(self, "ChangePassword", change("simple", "simple"), "PasswordPolicyViolation", "Password should have a minimum length of 10, Password should have at least one uppercase letter, Password should have at least one number")
	const used = "Policy constraint violation with password reuse prevention during password change."
	mustAs[awsiam.ChangePasswordOutput](w, self, "ChangePassword", change("simple", "FirstHorse1"))
	w.failsAs(self, "ChangePassword", change("FirstHorse1", "FirstHorse1"), "PasswordPolicyViolation", used)
	mustAs[awsiam.ChangePasswordOutput](w, self, "ChangePassword", change("FirstHorse1", "SecondHorse2"))
	w.failsAs(self, "ChangePassword", change("SecondHorse2", "FirstHorse1"), "PasswordPolicyViolation", used)
	mustAs[awsiam.ChangePasswordOutput](w, self, "ChangePassword", change("SecondHorse2", "ThirdHorse3"))
	mustAs[awsiam.ChangePasswordOutput](w, self, "ChangePassword", change("ThirdHorse3", "FirstHorse1"))

	must[awsiam.DeleteAccountPasswordPolicyOutput](w, "DeleteAccountPasswordPolicy", &awsiam.DeleteAccountPasswordPolicyInput{})
	w.fails("GetAccountPasswordPolicy", &awsiam.GetAccountPasswordPolicyInput{}, "NoSuchEntity", none)
}

// TestPasswordsOfTwoUsersDiffer: the same password is kept as something else for
// each user.
func TestPasswordsOfTwoUsersDiffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"a", "b"} {
		must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: &name})
		must[awsiam.CreateLoginProfileOutput](w, "CreateLoginProfile", &awsiam.CreateLoginProfileInput{UserName: &name, Password: aws.String(goodPassword)})
	}
	seen := map[string]bool{}
	w.view(func(tx store.Tx) error {
		for row, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			if strings.Contains(row.Key, "/iam.loginprofile/") {
				seen[string(row.Value)] = true
			}
		}
		return nil
	})
	if len(seen) != 2 {
		t.Errorf("%d different rows for two users", len(seen))
	}
}

// TestRootLogin: a privileged session lets the root user's password be made anew,
// and naming a user or a password is not for it.
func TestRootLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person()
	session := rootCaller(account)
	session.AssumedRoot, session.IssuedAt = true, start
	w.fails("CreateLoginProfile", &awsiam.CreateLoginProfileInput{}, "ValidationError", "Must specify userName when calling with non-User credentials")
	w.failsAs(session, "GetLoginProfile", &awsiam.GetLoginProfileInput{}, "NoSuchEntity", "Login Profile for User 123456789012 cannot be found.")
	w.failsAs(session, "CreateLoginProfile", &awsiam.CreateLoginProfileInput{Password: aws.String(goodPassword)}, "ValidationError", "Password cannot be specified for the root user.")
	made := mustAs[awsiam.CreateLoginProfileOutput](w, session, "CreateLoginProfile", &awsiam.CreateLoginProfileInput{}).LoginProfile
	if made.UserName != nil || made.PasswordResetRequired || made.CreateDate == nil {
		t.Errorf("created %+v", made)
	}
	w.failsAs(session, "CreateLoginProfile", &awsiam.CreateLoginProfileInput{}, "EntityAlreadyExists", "Login Profile for User 123456789012 already exists.")
	if m := must[awsiam.GetAccountSummaryOutput](w, "GetAccountSummary", &awsiam.GetAccountSummaryInput{}).SummaryMap; m["AccountPasswordPresent"] != 1 {
		t.Errorf("the root user has %d passwords", m["AccountPasswordPresent"])
	}
	w.generate(types.ReportStateTypeStarted)
	w.runTasks()
	if row := w.report()["<root_account>"]; row["password_enabled"] != "true" || row["password_last_used"] != "no_information" || row["password_last_changed"] != made.CreateDate.Format(time.RFC3339) || row["password_next_rotation"] != "not_supported" {
		t.Errorf("the report's row: %v", row)
	}
	mustAs[awsiam.DeleteLoginProfileOutput](w, session, "DeleteLoginProfile", &awsiam.DeleteLoginProfileInput{})
	if m := must[awsiam.GetAccountSummaryOutput](w, "GetAccountSummary", &awsiam.GetAccountSummaryInput{}).SummaryMap; m["AccountPasswordPresent"] != 0 {
		t.Error("the root user still has a password")
	}
}
