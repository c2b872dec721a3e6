// Package awscli holds tests that drive the real program, "keyturn serve", with
// the AWS CLI that nobody changed. They take about a minute and need the CLI:
//
//	go test -tags awscli ./test/...
//
// KEYTURN_AWS names the aws program, /usr/bin/aws if it is not set (Debian's
// package awscli). KEYTURN_BUILDFLAGS are added to the "go build" of the
// program, such as -race.
package awscli
