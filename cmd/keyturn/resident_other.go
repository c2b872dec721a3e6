//go:build !linux

package main

// releaseStart does nothing where there is no way to.
func releaseStart() {}
