//go:build race

package access_test

// raceDetector: sync.Pool drops a part of what it is given, so that races show.
const raceDetector = true
