package sts_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

func TestATokenServesItsOwnKeyOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := must[awssts.GetSessionTokenOutput](w, user(), "GetSessionToken", &awssts.GetSessionTokenInput{}).Credentials
	two := must[awssts.GetSessionTokenOutput](w, user(), "GetSessionToken", &awssts.GetSessionTokenInput{}).Credentials
	raw, err := base64.StdEncoding.DecodeString(*one.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	for rule, row := range map[string][2]string{
		"another key":        {*two.AccessKeyId, *one.SessionToken},
		"a changed token":    {*one.AccessKeyId, base64.StdEncoding.EncodeToString(raw)},
		"half a token":       {*one.AccessKeyId, (*one.SessionToken)[:40]},
		"no token":           {*one.AccessKeyId, ""},
		"no base64":          {*one.AccessKeyId, "!"},
		"an encoded message": {*one.AccessKeyId, w.sts.EncodeAuthorizationMessage([]byte("{}"))},
	} {
		// Twice, in case the first left something behind.
		for range 2 {
			if _, _, err := w.sts.Session(row[0], row[1]); !errors.Is(err, api.ErrInvalidToken) {
				t.Errorf("%s: error %v", rule, err)
			}
		}
	}
	for range 3 {
		w.opened(one)
	}
}

func TestAnotherServersTokenIsRefused(t *testing.T) {
	t.Parallel()
	w, stranger := newWorld(t), newWorld(t)
	// The same seed would make the same root key: make it differ.
	stranger.sts = differentRoot(t)
	k := must[awssts.GetSessionTokenOutput](w, user(), "GetSessionToken", &awssts.GetSessionTokenInput{}).Credentials
	if _, _, err := stranger.sts.Session(*k.AccessKeyId, *k.SessionToken); !errors.Is(err, api.ErrInvalidToken) {
		t.Errorf("error %v", err)
	}
}

func TestGetSessionToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for rule, row := range map[string]struct {
		caller  api.Caller
		seconds *int32
		lasts   time.Duration
	}{
		"a user, for twelve hours":               {user(), nil, 12 * time.Hour},
		"a user, as long as asked for":           {user(), aws.Int32(900), 15 * time.Minute},
		"the root user, for one hour":            {root(), nil, time.Hour},
		"the root user, for no more than that":   {root(), aws.Int32(7200), time.Hour},
		"the root user, for less if it likes so": {root(), aws.Int32(1800), 30 * time.Minute},
	} {
		out := must[awssts.GetSessionTokenOutput](w, row.caller, "GetSessionToken", &awssts.GetSessionTokenInput{DurationSeconds: row.seconds})
		got := w.opened(out.Credentials)
		want := row.caller.Principal
		want.Tags = nil
		if d := cmp.Diff(want, got.Principal); d != "" || !got.Expires.Equal(start.Add(row.lasts)) || !got.IssuedAt.Equal(start) {
			t.Errorf("%s: %s to %s\n%s", rule, got.IssuedAt, got.Expires, d)
		}
		w.fails(got, "GetSessionToken", &awssts.GetSessionTokenInput{}, "AccessDenied", "Cannot call GetSessionToken with session credentials")
		w.fails(got, "GetFederationToken", &awssts.GetFederationTokenInput{Name: aws.String("bob")}, "AccessDenied", "Cannot call GetFederationToken with session credentials")
	}
}

func TestGetFederationToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := must[awssts.GetFederationTokenOutput](w, user(), "GetFederationToken", &awssts.GetFederationTokenInput{Name: aws.String("bob"), Policy: aws.String(allowS3)})
	got := w.opened(out.Credentials)
	want := access.Principal{
		Type: access.FederatedUser, Partition: "aws", Account: account, ARN: "arn:aws:sts::123456789012:federated-user/bob",
		UserID: account + ":bob", Name: "bob", UserARN: "arn:aws:iam::123456789012:user/test",
	}
	if got.Principal.Tags = nil; got.IssuerID != "AIDACKCEVSQ6C2EXAMPLE" || !got.HasSession || *out.FederatedUser.FederatedUserId != want.UserID {
		t.Errorf("%+v", got)
	}
	if d := cmp.Diff(want, got.Principal); d != "" {
		t.Errorf("principal (-want +got):\n%s", d)
	}
}

func TestGetCallerIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if !w.ops["GetCallerIdentity"].Open() {
		t.Error("GetCallerIdentity can be denied")
	}
	out := must[awssts.GetCallerIdentityOutput](w, user(), "GetCallerIdentity", &awssts.GetCallerIdentityInput{})
	if *out.Arn != user().Principal.ARN || *out.UserId != user().Principal.UserID || *out.Account != account {
		t.Errorf("%+v", out)
	}
}

func TestGetAccessKeyInfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := must[awssts.GetSessionTokenOutput](w, user(), "GetSessionToken", &awssts.GetSessionTokenInput{}).Credentials
	for _, id := range []string{"AKIAIOSFODNN7EXAMPLE", *session.AccessKeyId} {
		out := must[awssts.GetAccessKeyInfoOutput](w, user(), "GetAccessKeyInfo", &awssts.GetAccessKeyInfoInput{AccessKeyId: &id})
		if *out.Account != account {
			t.Errorf("%s is of account %s", id, *out.Account)
		}
	}
	w.fails(user(), "GetAccessKeyInfo", &awssts.GetAccessKeyInfoInput{AccessKeyId: aws.String("AKIAAAAAAAAAAAAAAAAA")}, "ValidationError", "Invalid access key id: AKIAAAAAAAAAAAAAAAAA")
}

func TestAuthorizationMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	message := `{"allowed":false,"context":{"principal":{"arn":"arn:aws:iam::123456789012:user/x"}}}`
	encoded := w.sts.EncodeAuthorizationMessage([]byte(message))
	if strings.Contains(encoded, "allowed") {
		t.Error("the message can be read")
	}
	in := &awssts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded}
	if got := must[awssts.DecodeAuthorizationMessageOutput](w, user(), "DecodeAuthorizationMessage", in); *got.DecodedMessage != message {
		t.Errorf("message = %s", *got.DecodedMessage)
	}
	stranger := user()
	stranger.Principal.Account = "210987654321"
	const code, text = "InvalidAuthorizationMessageException", "Message is not valid"
	w.fails(stranger, "DecodeAuthorizationMessage", in, code, text)
	for _, bad := range []string{"", "x", encoded[:20], encoded[1:], "A" + encoded} {
		w.fails(user(), "DecodeAuthorizationMessage", &awssts.DecodeAuthorizationMessageInput{EncodedMessage: &bad}, code, text)
	}
}

func FuzzSession(f *testing.F) {
	w := newWorld(f)
	good := must[awssts.GetSessionTokenOutput](w, user(), "GetSessionToken", &awssts.GetSessionTokenInput{}).Credentials
	f.Add(*good.AccessKeyId, *good.SessionToken)
	f.Add(*good.AccessKeyId, "")
	f.Add("ASIAIOSFODNN7EXAMPLE", *good.SessionToken)
	f.Add("", "AAAA")
	f.Fuzz(func(t *testing.T, id, token string) {
		if _, _, err := w.sts.Session(id, token); err != nil {
			if !errors.Is(err, api.ErrInvalidToken) {
				t.Fatalf("key %q, token %q: error %v", id, token, err)
			}
			return
		}
		// What is accepted is accepted in this form only.
		if _, _, err := w.sts.Session(id+"A", token); err == nil {
			t.Fatal("accepted with another key")
		}
		raw, err := base64.StdEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/2] ^= 0x10
		if _, _, err := w.sts.Session(id, base64.StdEncoding.EncodeToString(raw)); err == nil {
			t.Fatal("accepted when changed")
		}
	})
}

func BenchmarkSession(b *testing.B) {
	w := newWorld(b)
	k := must[awssts.AssumeRoleOutput](w, user(), "AssumeRole", assume()).Credentials
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := w.sts.Session(*k.AccessKeyId, *k.SessionToken); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAssumeRole(b *testing.B) {
	w := newWorld(b)
	b.ReportAllocs()
	for b.Loop() {
		must[awssts.AssumeRoleOutput](w, user(), "AssumeRole", assume())
	}
}
