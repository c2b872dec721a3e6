// Package javascript holds tests that drive the real program, "keyturn serve",
// with the AWS SDK for JavaScript v3 that nobody changed: the modules that
// testdata/package.json names, and Node.js's own test runner.
//
//	npm ci --prefix test/javascript/testdata
//	go test -tags javascript ./test/javascript
//
// KEYTURN_BUILDFLAGS are added to the "go build" of the program.
package javascript
