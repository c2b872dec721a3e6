package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// standardInput is the name by which a command is given what comes down a pipe.
const standardInput = "-"

// policyFile is a policy document and where it was found.
type policyFile struct {
	// name is the file's path as given, or found in a given folder; "-" is
	// standard input.
	name string
	// text is the document. Where the file has it inside of something else, what
	// surrounds it is blank, so that a place in text is a place in the file;
	// unless the file has it as a string.
	text []byte
	// inside says where in the file the document stands: "PolicyVersion.Document";
	// empty for a file that is the document.
	inside string
}

// title is what messages call the file.
func (f *policyFile) title() string { return inputTitle(f.name) }

func inputTitle(name string) string {
	if name == standardInput {
		return "standard input"
	}
	return name
}

// policyNames lists the files that arguments stand for: a file is itself, "-" is
// standard input, and a folder is all its *.json files, also those of its
// folders, but nothing whose name starts with a dot.
func policyNames(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case arg == standardInput:
			names = append(names, arg)
			continue
		case errors.Is(err, fs.ErrNotExist):
			return nil, &hintError{fmt.Errorf("there is no file %s", arg), `give files, folders, or "-" for standard input`}
		case err != nil:
			return nil, err
		case !info.IsDir():
			names = append(names, arg)
			continue
		}
		before := len(names)
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case path != arg && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return filepath.SkipDir
				}
			case !d.IsDir() && strings.EqualFold(filepath.Ext(path), ".json"):
				names = append(names, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(names) == before {
			return nil, &hintError{fmt.Errorf("no file of the folder %s ends in .json", arg), "give the policies' files themselves"}
		}
	}
	return names, nil
}

// readPolicyFile reads the document of a file, or of standard input.
func readPolicyFile(c *cobra.Command, name string) (policyFile, error) {
	f := policyFile{name: name}
	var err error
	if f.text, _, err = readInput(c, name); err != nil {
		return f, err
	}
	f.unwrap()
	return f, nil
}

// readInput reads a file, or standard input, that must not be empty.
func readInput(c *cobra.Command, name string) (data []byte, title string, err error) {
	title = inputTitle(name)
	if name == standardInput {
		data, err = io.ReadAll(c.InOrStdin())
	} else {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, title, fmt.Errorf("reading %s: %w", title, withoutPath(err))
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, title, fmt.Errorf("%s is empty", title)
	}
	return data, title, nil
}

// withoutPath takes the file's name out of an error: the caller has said it.
func withoutPath(err error) error {
	if e := new(fs.PathError); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// wrappings are the places at which the AWS CLI's answers have a policy: those of
// get-policy-version, get-user-policy (and of a group and a role), get-role,
// get-key-policy and describe-policy. A file that is a policy has none of them.
var wrappings = [...][]string{
	{"PolicyVersion", "Document"}, {"PolicyDocument"}, {"Role", "AssumeRolePolicyDocument"}, {"Policy", "Content"}, {"Policy"},
}

// unwrap finds the document in an answer of the AWS CLI.
func (f *policyFile) unwrap() {
	for _, path := range wrappings {
		start, end, ok := locate(f.text, path)
		if !ok {
			continue
		}
		value := f.text[start:end]
		if value[0] == '"' {
			var text string
			if json.Unmarshal(value, &text) != nil {
				return
			}
			f.text, f.inside = []byte(text), strings.Join(path, ".")
			return
		}
		if value[0] != '{' {
			continue
		}
		f.inside = strings.Join(path, ".")
		f.text = append(append(blank(f.text[:start]), value...), blank(f.text[end:])...)
		return
	}
}

// blank is a text of spaces with the same lines.
func blank(text []byte) []byte {
	out := make([]byte, len(text))
	for i, c := range text {
		out[i] = ' '
		if c == '\n' {
			out[i] = c
		}
	}
	return out
}

// locate finds the value at a path of keys in a JSON object: where it starts and
// ends in the text.
func locate(text []byte, path []string) (start, end int, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return 0, 0, false
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return 0, 0, false
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return 0, 0, false
		}
		if key != path[0] {
			continue
		}
		end = int(d.InputOffset())
		start = end - len(value)
		if len(path) == 1 {
			return start, end, true
		}
		from, to, ok := locate(value, path[1:])
		return start + from, start + to, ok
	}
	return 0, 0, false
}
