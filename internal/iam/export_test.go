package iam

import (
	"maps"
	"slices"

	"golang.org/x/crypto/ssh"
)

// LinkedServices are the services that have a linked role.
func LinkedServices() []string { return slices.Sorted(maps.Keys(linkedServices)) }

// ParseSSHKey reads what UploadSSHPublicKey is given.
func ParseSSHKey(body string) (ssh.PublicKey, error) { return parseSSHKey(body) }
