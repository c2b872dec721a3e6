// Package ansible holds tests that drive the real program, "keyturn serve", with
// Ansible's amazon.aws and community.aws collections that nobody changed. They
// need Debian's packages ansible and python3-boto3:
//
//	go test -tags ansible ./test/ansible
//
// KEYTURN_BUILDFLAGS are added to the "go build" of the program.
package ansible
