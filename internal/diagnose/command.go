package diagnose

import (
	"bytes"
	"encoding/json"
	"strings"
)

// aws is an AWS CLI command line in the evidence's region, its words quoted for
// a POSIX shell.
func (e *Evidence) aws(words ...string) string { return cliLine(e.Site.Region, words...) }

// cliLine is an AWS CLI command line for a region, which IAM has none of.
func cliLine(region string, words ...string) string {
	line := append([]string{"aws"}, words...)
	if words[0] != "iam" && region != "" {
		line = append(line, "--region", region)
	}
	for i, w := range line {
		line[i] = quote(w)
	}
	return strings.Join(line, " ")
}

// again is the command that starts the instance once the cause is gone. A failed
// launch leaves nothing to start.
func (e *Evidence) again() string {
	switch {
	case e.Operation == CreateVolume:
		return "# then make the volume again"
	case e.Operation == AttachVolume:
		if v := e.Volumes; len(v) == 1 && v[0].Device != "" && e.Instance.ID != "" {
			return e.aws("ec2", "attach-volume", "--volume-id", v[0].ID, "--instance-id", e.Instance.ID, "--device", v[0].Device)
		}
		return "# then attach the volume again"
	case e.launching() || e.Instance.State == "terminated":
		return "# then launch the instance again"
	case e.Instance.ID == "":
		return "# then start the instance again"
	}
	return e.aws("ec2", "start-instances", "--instance-ids", e.Instance.ID)
}

// quote makes one word of a shell command line.
func quote(s string) string {
	plain := s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,", r)
	}) < 0
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// compact is a document without white space, for a command line.
func compact(document string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(document)) != nil {
		return document
	}
	return b.String()
}

// do makes a fix consist of calls.
func (e *Evidence) do(f *Fix, calls ...Call) {
	f.Calls = append(f.Calls, calls...)
	f.Commands = append(f.Commands, e.commands(calls...)...)
}

// then ends a fix with what comes after it.
func (e *Evidence) then(f *Fix) { f.Commands = append(f.Commands, e.again()) }
