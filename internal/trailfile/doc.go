// Package trailfile searches the log files that CloudTrail delivers, or any
// folder of files with events: for an event that happened longer ago than
// LookupEvents tells, or in an account that nobody can ask any more.
//
// Open names the folders and files, Search reads them as a stream, several at a
// time, and keeps of each no more than a buffer. A file whose path tells that it
// cannot hold an answer is not opened; an event whose bytes show the same is not
// parsed. What cannot be read is named in the Tally, and the rest is read all the
// same.
package trailfile
