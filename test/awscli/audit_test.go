//go:build awscli

package awscli

import (
	"path/filepath"
	"testing"
)

// TestAuditOfFiles: the script that "keyturn audit --commands" prints makes a folder
// of which the audit says what it says of the account itself.
func TestAuditOfFiles(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	root := s.root()
	key := root.key()
	root.does("aws kms create-alias --alias-name alias/volumes --target-key-id " + key)
	root.user("test")
	root.does("aws iam attach-user-policy --user-name test --policy-arn arn:aws:iam::aws:policy/AmazonEC2FullAccess")
	root.does("aws ec2 create-volume --availability-zone " + region + "a --size 1 --encrypted --kms-key-id " + key)
	root.stopped(encrypted(key))
	folder := filepath.Join(t.TempDir(), "dump")
	root.does("keyturn audit --commands >dump.sh; sh dump.sh " + folder + " " + region)
	live := root.does("keyturn audit")
	if got := root.does("keyturn audit --no-organization --from " + folder); got != live {
		t.Errorf("of the files:\n%s\nof the account:\n%s", got, live)
	}
	if _, _, code := root.try("keyturn audit --from " + folder + " --no-organization --fail-on trap"); code != 1 {
		t.Errorf("--fail-on trap ends with %d", code)
	}
}
