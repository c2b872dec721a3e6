package iam_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/crypto/ssh"

	"github.com/keyturn/keyturn/internal/iam"
	"github.com/keyturn/keyturn/internal/store"
)

// sshPair is a public key in OpenSSH's form and in PEM.
func sshPair(t testing.TB, public any) (line, block string) {
	t.Helper()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func rsaKey(t testing.TB, bits int) *rsa.PublicKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return &key.PublicKey
}

func TestSSHPublicKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person()
	must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: aws.String("another")})
	person, another := aws.String("person"), aws.String("another")
	public := rsaKey(t, 2048)
	line, block := sshPair(t, public)
	upload := func(user *string, body string) *awsiam.UploadSSHPublicKeyInput {
		return &awsiam.UploadSSHPublicKeyInput{UserName: user, SSHPublicKeyBody: &body}
	}
	short, _ := sshPair(t, rsaKey(t, 1024))
	modern, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := sshPair(t, modern)
	for _, c := range []struct{ rule, body, code, message string }{
		{"no text", "ssh-rsa nonsense", "UnrecognizedPublicKeyEncoding", "Invalid public key uploaded."},
		{"no certificate", issue(t, "c", nil, valid[0], valid[1]).body, "UnrecognizedPublicKeyEncoding", "Invalid public key uploaded."},
		{"one key at a time", line + "\n" + line, "UnrecognizedPublicKeyEncoding", "Invalid public key uploaded."},
		{"2048 bits", short, "InvalidPublicKey", "Invalid body for public key"},
		{"RSA", other, "InvalidPublicKey", "Invalid body for public key"},
	} {
		t.Run(c.rule, func(*testing.T) { w.fails("UploadSSHPublicKey", upload(person, c.body), c.code, c.message) })
	}

	first := must[awsiam.UploadSSHPublicKeyOutput](w, "UploadSSHPublicKey", upload(person, line+" me@example.com")).SSHPublicKey
	if len(*first.SSHPublicKeyId) != 20 || !strings.HasPrefix(*first.SSHPublicKeyId, "APKA") || len(*first.Fingerprint) != 47 || *first.SSHPublicKeyBody != line+" me@example.com" {
		t.Errorf("uploaded %+v", first)
	}
	w.fails("UploadSSHPublicKey", upload(person, block), "DuplicateSSHPublicKey", "Duplicate SSH public key uploaded.")
	must[awsiam.UploadSSHPublicKeyOutput](w, "UploadSSHPublicKey", upload(another, block))
	for encoding, want := range map[types.EncodingType]string{types.EncodingTypeSsh: line, types.EncodingTypePem: block} {
		got := must[awsiam.GetSSHPublicKeyOutput](w, "GetSSHPublicKey", &awsiam.GetSSHPublicKeyInput{UserName: person, SSHPublicKeyId: first.SSHPublicKeyId, Encoding: encoding}).SSHPublicKey
		if *got.SSHPublicKeyBody != want || *got.Fingerprint != *first.Fingerprint {
			t.Errorf("in %s: %+v", encoding, got)
		}
	}
	set := func(status types.StatusType) *awsiam.UpdateSSHPublicKeyInput {
		return &awsiam.UpdateSSHPublicKeyInput{UserName: person, SSHPublicKeyId: first.SSHPublicKeyId, Status: status}
	}
	must[awsiam.UpdateSSHPublicKeyOutput](w, "UpdateSSHPublicKey", set(types.StatusTypeInactive))
	w.fails("UpdateSSHPublicKey", set(types.StatusTypeExpired), "InvalidInput", "Operation does not support status Expired")
	mine := mustAs[awsiam.ListSSHPublicKeysOutput](w, userCaller("person", id), "ListSSHPublicKeys", &awsiam.ListSSHPublicKeysInput{}).SSHPublicKeys
	if len(mine) != 1 || mine[0].Status != types.StatusTypeInactive || *mine[0].UserName != "person" {
		t.Errorf("listed %+v", mine)
	}
	w.fails("GetSSHPublicKey", &awsiam.GetSSHPublicKeyInput{UserName: another, SSHPublicKeyId: first.SSHPublicKeyId, Encoding: types.EncodingTypeSsh}, "NoSuchEntity", "User has no Public Key with id "+*first.SSHPublicKeyId+".")
	w.fails("DeleteUser", &awsiam.DeleteUserInput{UserName: person}, "DeleteConflict", "Cannot delete entity, must remove referenced objects first.")
	for range 4 {
		next := *public // another modulus is another key, whoever could use it
		next.E = public.E + 2
		public = &next
		body, _ := sshPair(t, public)
		must[awsiam.UploadSSHPublicKeyOutput](w, "UploadSSHPublicKey", upload(person, body))
	}
	next := *public
	next.E += 2
	body, _ := sshPair(t, &next)
	w.fails("UploadSSHPublicKey", upload(person, body), "LimitExceeded", "Cannot exceed quota for SSHPublicKeysPerUser: 5")
	must[awsiam.DeleteSSHPublicKeyOutput](w, "DeleteSSHPublicKey", &awsiam.DeleteSSHPublicKeyInput{UserName: person, SSHPublicKeyId: first.SSHPublicKeyId})
	w.fails("DeleteSSHPublicKey", &awsiam.DeleteSSHPublicKeyInput{UserName: person, SSHPublicKeyId: first.SSHPublicKeyId}, "NoSuchEntity", "User has no Public Key with id "+*first.SSHPublicKeyId+".")
}

// FuzzSSHPublicKey: whatever is uploaded is refused, or read to the same key again.
func FuzzSSHPublicKey(f *testing.F) {
	// The modulus is the same every time, as seeds must be, and no product of primes.
	modulus := new(big.Int).SetBytes(bytes.Repeat([]byte{0xa5}, 256))
	line, block := sshPair(f, &rsa.PublicKey{N: modulus, E: 65537})
	_, even := sshPair(f, &rsa.PublicKey{N: modulus, E: 65544}) // no exponent of SSH's
	f.Add(line)
	f.Add(block)
	f.Add(even)
	f.Add("ssh-rsa AAAA")
	f.Fuzz(func(t *testing.T, body string) {
		key, err := iam.ParseSSHKey(body)
		if err != nil {
			return
		}
		again, err := iam.ParseSSHKey(string(ssh.MarshalAuthorizedKey(key)))
		if err != nil || string(again.Marshal()) != string(key.Marshal()) {
			t.Errorf("%q is read as another key, or not at all, the second time: %v", body, err)
		}
	})
}

func TestServiceSpecificCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person()
	must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: aws.String("another")})
	person, another := aws.String("person"), aws.String("another")
	create := func(user *string, service string, days *int32) *awsiam.CreateServiceSpecificCredentialInput {
		return &awsiam.CreateServiceSpecificCredentialInput{UserName: user, ServiceName: &service, CredentialAgeDays: days}
	}
	w.fails("CreateServiceSpecificCredential", create(person, "lambda.amazonaws.com", nil), "NoSuchEntity", "No such service lambda.amazonaws.com is supported for Service Specific Credentials")
	w.fails("ListServiceSpecificCredentials", &awsiam.ListServiceSpecificCredentialsInput{UserName: person, ServiceName: aws.String("a_b")}, "ValidationError", "ServiceName must match [a-zA-Z0-9.-]*")

	git := must[awsiam.CreateServiceSpecificCredentialOutput](w, "CreateServiceSpecificCredential", create(person, "CodeCommit.amazonaws.com", nil)).ServiceSpecificCredential
	if len(*git.ServiceSpecificCredentialId) != 21 || !strings.HasPrefix(*git.ServiceSpecificCredentialId, "ACCA") || *git.ServiceName != "codecommit.amazonaws.com" ||
		*git.ServiceUserName != "person-at-123456789012" || len(*git.ServicePassword) != 60 || git.ServiceCredentialAlias != nil || git.ExpirationDate != nil {
		t.Errorf("created %+v", git)
	}
	if second := must[awsiam.CreateServiceSpecificCredentialOutput](w, "CreateServiceSpecificCredential", create(person, "codecommit.amazonaws.com", nil)).ServiceSpecificCredential; *second.ServiceUserName != "person+1-at-123456789012" || *second.ServicePassword == *git.ServicePassword {
		t.Errorf("the second is %+v", second)
	}
	w.fails("CreateServiceSpecificCredential", create(person, "codecommit.amazonaws.com", nil), "LimitExceeded", "Cannot exceed quota for ContextSpecificCredentialsPerUserPerContext: 2")
	key := must[awsiam.CreateServiceSpecificCredentialOutput](w, "CreateServiceSpecificCredential", create(person, "bedrock.amazonaws.com", aws.Int32(2))).ServiceSpecificCredential
	secret, ok := strings.CutPrefix(*key.ServiceCredentialSecret, "ABSK")
	raw, err := base64.StdEncoding.DecodeString(secret)
	if !ok || err != nil || !strings.HasPrefix(string(raw), "person-at-123456789012:") || key.ServicePassword != nil || !key.ExpirationDate.Equal(key.CreateDate.AddDate(0, 0, 2)) {
		t.Errorf("an API key: %+v", key)
	}

	update := func(user *string, id string, status types.StatusType) *awsiam.UpdateServiceSpecificCredentialInput {
		return &awsiam.UpdateServiceSpecificCredentialInput{UserName: user, ServiceSpecificCredentialId: &id, Status: status}
	}
	w.fails("UpdateServiceSpecificCredential", update(person, "satisfiesregexbutstillinvalid", types.StatusTypeInactive), "NoSuchEntity", "No such credential satisfiesregexbutstillinvalid exists")
	w.fails("UpdateServiceSpecificCredential", update(aws.String("nobody"), *git.ServiceSpecificCredentialId, types.StatusTypeInactive), "NoSuchEntity", "The user with name nobody cannot be found.")
	w.fails("UpdateServiceSpecificCredential", update(another, *git.ServiceSpecificCredentialId, types.StatusTypeInactive), "ValidationError", "User another does not have a service specific credential with id "+*git.ServiceSpecificCredentialId)
	w.fails("UpdateServiceSpecificCredential", update(person, *git.ServiceSpecificCredentialId, types.StatusTypeExpired), "InvalidInput", "Operation does not support status Expired")
	mustAs[awsiam.UpdateServiceSpecificCredentialOutput](w, userCaller("person", id), "UpdateServiceSpecificCredential", update(nil, *git.ServiceSpecificCredentialId, types.StatusTypeInactive))
	reset := must[awsiam.ResetServiceSpecificCredentialOutput](w, "ResetServiceSpecificCredential", &awsiam.ResetServiceSpecificCredentialInput{UserName: person, ServiceSpecificCredentialId: git.ServiceSpecificCredentialId}).ServiceSpecificCredential
	if *reset.ServicePassword == *git.ServicePassword || reset.Status != types.StatusTypeInactive || !reset.CreateDate.Equal(*git.CreateDate) {
		t.Errorf("reset: %+v", reset)
	}
	w.fails("DeleteUser", &awsiam.DeleteUserInput{UserName: person}, "DeleteConflict", "Cannot delete entity, must remove referenced objects first.")

	// What others know of a credential keeps the name it was made with.
	must[awsiam.UpdateUserOutput](w, "UpdateUser", &awsiam.UpdateUserInput{UserName: person, NewUserName: aws.String("somebody")})
	must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: person})
	if taken := must[awsiam.CreateServiceSpecificCredentialOutput](w, "CreateServiceSpecificCredential", create(person, "bedrock.amazonaws.com", nil)).ServiceSpecificCredential; *taken.ServiceCredentialAlias != "person+1-at-123456789012" {
		t.Errorf("the alias is %s", *taken.ServiceCredentialAlias)
	}
	w.now = w.now.AddDate(0, 0, 3)
	list := func(in *awsiam.ListServiceSpecificCredentialsInput) string {
		var all []string
		for _, v := range must[awsiam.ListServiceSpecificCredentialsOutput](w, "ListServiceSpecificCredentials", in).ServiceSpecificCredentials {
			all = append(all, *v.UserName+" "+strings.TrimSuffix(*v.ServiceName, ".amazonaws.com")+" "+string(v.Status))
		}
		return strings.Join(all, ", ")
	}
	for want, in := range map[string]*awsiam.ListServiceSpecificCredentialsInput{
		"somebody codecommit Inactive, somebody codecommit Active, somebody bedrock Expired": {UserName: aws.String("somebody")},
		"somebody bedrock Expired":                        {UserName: aws.String("somebody"), ServiceName: aws.String("bedrock.amazonaws.com"), AllUsers: aws.Bool(false)},
		"somebody bedrock Expired, person bedrock Active": {AllUsers: aws.Bool(true), ServiceName: aws.String("bedrock.amazonaws.com")},
	} {
		if got := list(in); got != want {
			t.Errorf("listed %q, want %q", got, want)
		}
	}
	w.fails("ListServiceSpecificCredentials", &awsiam.ListServiceSpecificCredentialsInput{UserName: person, AllUsers: aws.Bool(true)}, "InvalidInput", "Cannot list credentials for all users if a username is given")
	w.view(func(tx store.Tx) error {
		for row, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			if strings.Contains(string(row.Value), *git.ServicePassword) || strings.Contains(string(row.Value), *key.ServiceCredentialSecret) {
				t.Errorf("row %s has a secret", row.Key)
			}
		}
		return nil
	})
	must[awsiam.DeleteServiceSpecificCredentialOutput](w, "DeleteServiceSpecificCredential", &awsiam.DeleteServiceSpecificCredentialInput{UserName: aws.String("somebody"), ServiceSpecificCredentialId: git.ServiceSpecificCredentialId})
}

// TestCredentialConditions: policies can tell credentials apart by their service
// and their age, and who asks for all users needs all users.
func TestCredentialConditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person()
	out, needs, err := w.run(rootCaller(account), "CreateServiceSpecificCredential", &awsiam.CreateServiceSpecificCredentialInput{UserName: aws.String("person"), ServiceName: aws.String("BEDROCK.amazonaws.com"), CredentialAgeDays: aws.Int32(30)})
	if err != nil {
		t.Fatal(err)
	}
	service, _, _ := needs[0].Context.Get("iam:ServiceSpecificCredentialServiceName")
	days, _, _ := needs[0].Context.Get("iam:ServiceSpecificCredentialAgeDays")
	if len(service) != 1 || service[0] != "bedrock.amazonaws.com" || len(days) != 1 || days[0] != "30" {
		t.Errorf("created with %v and %v", service, days)
	}
	id := out.(*awsiam.CreateServiceSpecificCredentialOutput).ServiceSpecificCredential.ServiceSpecificCredentialId
	_, needs, err = w.run(rootCaller(account), "DeleteServiceSpecificCredential", &awsiam.DeleteServiceSpecificCredentialInput{UserName: aws.String("person"), ServiceSpecificCredentialId: id})
	if service, _, _ = needs[0].Context.Get("iam:ServiceSpecificCredentialServiceName"); err != nil || len(service) != 1 || service[0] != "bedrock.amazonaws.com" {
		t.Errorf("deleted with %v, %v", service, err)
	}
	_, needs, err = w.run(rootCaller(account), "ListServiceSpecificCredentials", &awsiam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true)})
	if err != nil || needs[0].Resource != "arn:aws:iam::123456789012:user/*" {
		t.Errorf("all users need %+v, %v", needs, err)
	}
}
