//go:build awscli

package awscli

import (
	"regexp"
	"strings"
	"testing"
)

// TestTraps walks where other local clouds are caught, in one account.
func TestTraps(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	root := s.root()
	key := root.key()
	alias := "alias/volumes"
	root.does("aws kms create-alias --alias-name " + alias + " --target-key-id " + key)
	_, keyID, _ := strings.Cut(key, "key/")
	root.does("aws iam create-user --user-name nobody")
	nobody := root.keyOf("nobody")

	t.Run("a user without policies may do nothing", func(t *testing.T) {
		nobody.fails("aws ec2 describe-instances", "UnauthorizedOperation")
		nobody.fails("aws kms list-keys", "AccessDeniedException")
		nobody.fails("aws iam list-users", "AccessDenied")
		nobody.fails("aws cloudtrail lookup-events", "AccessDeniedException")
	})

	t.Run("GetCallerIdentity is never denied", func(t *testing.T) {
		root.allow("nobody", "never", `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}`)
		if got := nobody.does("aws sts get-caller-identity --query Arn --output text"); got != "arn:aws:iam::123456789012:user/nobody" {
			t.Errorf("the caller is %s", got)
		}
	})

	t.Run("an operation that is not there says so", func(t *testing.T) {
		if said := root.fails("aws ec2 describe-vpn-gateways", "UnsupportedOperation"); !strings.Contains(said, "DescribeVpnGateways") {
			t.Errorf("it does not name itself: %s", said)
		}
	})

	t.Run("a dry run starts nothing", func(t *testing.T) {
		image := root.does("aws ec2 describe-images --owners amazon --filters 'Name=name,Values=al2023-ami-2023.*-x86_64' --query 'Images[0].ImageId' --output text")
		root.fails("aws ec2 run-instances --dry-run --instance-type t3.micro --image-id "+image, "DryRunOperation")
		if got := root.does("aws ec2 describe-instances --query 'length(Reservations)'"); got != "0" {
			t.Errorf("there are %s reservations after a dry run", got)
		}
	})

	t.Run("ids have 17 hexadecimal digits and volumes keep their key", func(t *testing.T) {
		id := root.launch(encrypted(alias))
		if !regexp.MustCompile(`^i-[0-9a-f]{17}$`).MatchString(id) {
			t.Errorf("the instance is %s", id)
		}
		root.await(id, "running")
		root.wantVolumes(id, key)
	})

	t.Run("a key answers to id, ARN and alias alike", func(t *testing.T) {
		for _, name := range []string{keyID, key, alias, strings.Replace(key, "key/"+keyID, alias, 1)} {
			if got := root.does("aws kms describe-key --query KeyMetadata.Arn --output text --key-id " + name); got != key {
				t.Errorf("%s is %s, want %s", name, got, key)
			}
		}
	})

	t.Run("ciphertexts differ, and open only with their key and context", func(t *testing.T) {
		encrypt := "aws kms encrypt --key-id " + alias + " --plaintext aGVsbG8= --encryption-context stage=test --query CiphertextBlob --output text"
		one, two := root.does(encrypt), root.does(encrypt)
		if one == two {
			t.Error("encrypting twice gives the same ciphertext")
		}
		decrypt := "aws kms decrypt --query Plaintext --output text --ciphertext-blob " + one
		if got := root.does(decrypt + " --encryption-context stage=test"); got != "aGVsbG8=" {
			t.Errorf("decrypted to %s", got)
		}
		root.fails(decrypt+" --encryption-context stage=production", "InvalidCiphertextException")
		root.fails(decrypt, "InvalidCiphertextException")
		root.fails(decrypt+" --encryption-context stage=test --key-id "+root.key(), "IncorrectKeyException")
	})

	t.Run("the trail has a call at once, under its caller", func(t *testing.T) {
		nobody.fails("aws kms list-aliases", "AccessDeniedException")
		e := root.newest("ListAliases")
		if e.UserIdentity.ARN != "arn:aws:iam::123456789012:user/nobody" || e.ErrorCode != "AccessDenied" {
			t.Errorf("the event is %+v", e)
		}
	})
}
