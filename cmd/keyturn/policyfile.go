package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	// document is the policy in the file.
	document policyDocument
	// text is the document's text. Where the file has it inside of something else,
	// what surrounds it is blank, so that a place in text is a place in the file;
	// unless the file has it as a string.
	text []byte
	// inside says where in the file the document stands: "PolicyVersion.Document";
	// empty for a file that is the document.
	inside string
}

// newPolicyFile finds the document in a file's text.
func newPolicyFile(name string, data []byte) policyFile {
	f := policyFile{name: name, document: unwrap(string(data)), text: data}
	w := f.document.wrapping
	if w == nil {
		return f
	}
	f.inside, f.text = strings.Join(w.path, "."), []byte(f.document.text)
	if from := f.document.at[0]; !f.document.quoted {
		to := f.document.at[len(f.document.at)-1]
		f.text = slices.Concat(blank(data[:from]), data[from:to], blank(data[to:]))
	}
	return f
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
// standard input, a folder is all its *.json files, also those of its folders,
// but nothing whose name starts with a dot, and a pattern is what it matches.
func policyNames(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case arg == standardInput:
			names = append(names, arg)
			continue
		case errors.Is(err, fs.ErrNotExist):
			if matched, err := filepath.Glob(arg); err == nil && len(matched) > 0 {
				names = append(names, matched...)
				continue
			}
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
	data, _, err := readInput(c, name)
	if err != nil {
		return policyFile{name: name}, err
	}
	return newPolicyFile(name, data), nil
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
