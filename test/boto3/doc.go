// Package boto3 holds tests that drive the real program, "keyturn serve", with
// boto3 that nobody changed: its paginators and its waiters. They need Debian's
// python3-boto3:
//
//	go test -tags boto3 ./test/boto3
//
// KEYTURN_PYTHON names the python3 that has it, /usr/bin/python3 if it is not
// set. KEYTURN_BUILDFLAGS are added to the "go build" of the program.
package boto3
