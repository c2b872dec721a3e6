package iam_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/pquerna/otp/totp"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/internal/store"
)

func (w *world) device(name string) (serial, seed string) {
	w.t.Helper()
	d := must[awsiam.CreateVirtualMFADeviceOutput](w, "CreateVirtualMFADevice", &awsiam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name}).VirtualMFADevice
	return *d.SerialNumber, string(d.Base32StringSeed)
}

func (w *world) code(seed string, at time.Time) string {
	w.t.Helper()
	code, err := totp.GenerateCode(seed, at)
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// enable gives a device to a user at the world's time.
func (w *world) enable(user, serial, seed string) {
	w.t.Helper()
	must[awsiam.EnableMFADeviceOutput](w, "EnableMFADevice", &awsiam.EnableMFADeviceInput{
		UserName: &user, SerialNumber: &serial,
		AuthenticationCode1: aws.String(w.code(seed, w.now.Add(-30*time.Second))), AuthenticationCode2: aws.String(w.code(seed, w.now)),
	})
}

func TestVirtualMFADevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: aws.String("person")}).User
	serial, seed := w.device("phone")
	if serial != "arn:aws:iam::123456789012:mfa/phone" {
		t.Errorf("serial number %s", serial)
	}
	person := aws.String("person")
	w.fails("CreateVirtualMFADevice", &awsiam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")}, "EntityAlreadyExists", "MFADevice entity at the same path and name already exists.")
	// Two codes that do not follow each other prove nothing.
	w.fails("EnableMFADevice", &awsiam.EnableMFADeviceInput{UserName: person, SerialNumber: &serial, AuthenticationCode1: aws.String(w.code(seed, w.now)), AuthenticationCode2: aws.String(w.code(seed, w.now))}, "InvalidAuthenticationCode", "Authentication code for device is not valid.")
	none := "arn:aws:iam::123456789012:mfa/none"
	w.fails("EnableMFADevice", &awsiam.EnableMFADeviceInput{UserName: person, SerialNumber: &none, AuthenticationCode1: aws.String("000000"), AuthenticationCode2: aws.String("000000")}, "NoSuchEntity", "VirtualMFADevice with serial number "+none+" doesn't exist.")
	w.enable("person", serial, seed)
	w.fails("DeleteVirtualMFADevice", &awsiam.DeleteVirtualMFADeviceInput{SerialNumber: &serial}, "DeleteConflict", "Cannot delete entity, must deactivate MFA device first.")
	w.fails("DeleteUser", &awsiam.DeleteUserInput{UserName: person}, "DeleteConflict", "Cannot delete entity, must delete MFA device first.")
	mine := mustAs[awsiam.ListMFADevicesOutput](w, userCaller("person", *user.UserId), "ListMFADevices", &awsiam.ListMFADevicesInput{}).MFADevices
	if len(mine) != 1 || *mine[0].SerialNumber != serial || *mine[0].UserName != "person" {
		t.Errorf("the user's devices are %+v", mine)
	}
	w.device("spare")
	for status, want := range map[types.AssignmentStatusType]int{types.AssignmentStatusTypeAssigned: 1, types.AssignmentStatusTypeUnassigned: 1, types.AssignmentStatusTypeAny: 2} {
		if got := must[awsiam.ListVirtualMFADevicesOutput](w, "ListVirtualMFADevices", &awsiam.ListVirtualMFADevicesInput{AssignmentStatus: status}).VirtualMFADevices; len(got) != want {
			t.Errorf("%d devices are %s, want %d", len(got), status, want)
		}
	}
	if got := must[awsiam.GetAccountSummaryOutput](w, "GetAccountSummary", &awsiam.GetAccountSummaryInput{}).SummaryMap; got["MFADevices"] != 2 || got["MFADevicesInUse"] != 1 {
		t.Errorf("the summary counts %d devices, %d in use", got["MFADevices"], got["MFADevicesInUse"])
	}
	must[awsiam.DeactivateMFADeviceOutput](w, "DeactivateMFADevice", &awsiam.DeactivateMFADeviceInput{UserName: person, SerialNumber: &serial})
	must[awsiam.DeleteVirtualMFADeviceOutput](w, "DeleteVirtualMFADevice", &awsiam.DeleteVirtualMFADeviceInput{SerialNumber: &serial})
	must[awsiam.DeleteUserOutput](w, "DeleteUser", &awsiam.DeleteUserInput{UserName: person})
}

// TestUserMayHaveEightDevices (IAM guide, "IAM and AWS STS quotas").
func TestUserMayHaveEightDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: aws.String("person")})
	for i := range 8 {
		serial, seed := w.device("phone" + string(rune('a'+i)))
		w.enable("person", serial, seed)
	}
	serial, seed := w.device("ninth")
	w.fails("EnableMFADevice", &awsiam.EnableMFADeviceInput{
		UserName: aws.String("person"), SerialNumber: &serial,
		AuthenticationCode1: aws.String(w.code(seed, w.now.Add(-30*time.Second))), AuthenticationCode2: aws.String(w.code(seed, w.now)),
	}, "LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: 8")
}

// TestCodesAreGoodOnce: whatever codes are tried when, each is taken at most
// once, none before one that was taken, and none that is more than a period off.
func TestCodesAreGoodOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		user := must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: aws.String("person")}).User
		serial, seed := w.device("phone")
		w.enable("person", serial, seed)
		last := w.now.Unix() / 30
		for range rapid.IntRange(1, 12).Draw(r, "tries") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 60).Draw(r, "passed")) * time.Second)
			c := w.call(userCaller("person", *user.UserId), "GetSessionToken")
			of := w.now.Add(time.Duration(rapid.IntRange(-3, 3).Draw(r, "periods")) * 30 * time.Second)
			at, now := of.Unix()/30, w.now.Unix()/30
			var ok bool
			err := w.store.Update(c.Context, func(tx store.Tx) (err error) {
				c.Tx = tx
				ok, err = w.iam.VerifyMFA(c, serial, w.code(seed, of), true)
				return err
			})
			if err != nil {
				r.Fatal(err)
			}
			want := at > last && at >= now-1 && at <= now+1
			if ok != want {
				r.Fatalf("the code of period %d at %d, after %d, is taken: %v, want %v", at, now, last, ok, want)
			}
			if ok {
				last = at
			}
		}
	})
}
