// Package diagnose finds out why an EC2 instance does not start, or does not
// stay started, when its volumes are encrypted: it gathers evidence with the
// AWS SDK's clients from any endpoint, asks package access about every request
// of package launch, names the first that fails, writes the fix, and decides
// again with the fix in place.
//
// Run does all of it. Judge is its pure half: the same evidence gives the same
// report. Evidence that cannot be read is no failure: it is named in the report,
// and a decision that turns on it stays open.
//
// The order of looking is that of the re:Post article on principals that have
// every EC2 permission and cannot start an instance, and of the EC2 guide's
// "Troubleshoot instance launch issues".
package diagnose
