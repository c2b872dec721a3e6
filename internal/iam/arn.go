package iam

import (
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// arn names an IAM resource of the call's account: arn(c, "user", "/dev/", "test").
func arn(c *api.Call, noun, path, name string) string {
	return arnIn(c.Partition, c.Account, noun, path, name)
}

func arnIn(partition, account, noun, path, name string) string {
	return "arn:" + partition + ":iam::" + account + ":" + noun + path + name
}

// name is an IAM ARN taken apart: arn:partition:iam::account:noun/path/name.
type name struct {
	partition, account, noun, path, name string
}

// parseARN takes an IAM ARN apart. A root user's has the noun "root" and no name.
func parseARN(s string) (name, bool) {
	part := strings.SplitN(s, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[1] == "" || part[2] != "iam" || part[3] != "" || part[4] == "" {
		return name{}, false
	}
	n := name{partition: part[1], account: part[4]}
	if part[5] == "root" {
		n.noun = "root"
		return n, true
	}
	noun, rest, found := strings.Cut(part[5], "/")
	if !found || noun == "" || rest == "" || strings.HasSuffix(rest, "/") {
		return name{}, false
	}
	slash := strings.LastIndexByte(rest, '/')
	n.noun, n.path, n.name = noun, "/"+rest[:slash+1], rest[slash+1:]
	return n, true
}

// pathOr is the path that was given, or "/".
func pathOr(p *string) string {
	if p == nil || *p == "" {
		return "/"
	}
	return *p
}

// value is a string that may have been left out.
func value(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
