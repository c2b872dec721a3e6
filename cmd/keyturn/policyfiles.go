package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// policyFile is a file that a command was given or found.
type policyFile struct {
	name string
	text string
	// found: it was found in a folder, not named.
	found bool
}

// stdinName stands for what came by standard input.
const stdinName = "stdin"

// readPolicyFiles reads files, the *.json of folders, what a pattern matches, and
// for "-" standard input.
func readPolicyFiles(stdin io.Reader, args []string) ([]policyFile, error) {
	var files []policyFile
	for _, arg := range args {
		if arg == "-" {
			text, err := io.ReadAll(stdin)
			if err != nil {
				return nil, fmt.Errorf("standard input cannot be read: %w", err)
			}
			files = append(files, policyFile{name: stdinName, text: string(text)})
			continue
		}
		names, found, err := namedFiles(arg)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, unreadable(err)
			}
			files = append(files, policyFile{name: name, text: string(text), found: found})
		}
	}
	return files, nil
}

// namedFiles are the files that an argument names; found tells that they are of a
// folder.
func namedFiles(arg string) (names []string, found bool, err error) {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.EqualFold(filepath.Ext(path), ".json") {
				names = append(names, path)
			}
			return err
		})
		if err != nil {
			return nil, false, unreadable(err)
		}
		if len(names) == 0 {
			return nil, false, &hintError{fmt.Errorf("there is no *.json in the folder %s", arg), "name the files"}
		}
		return names, true, nil
	case err == nil:
		return []string{arg}, false, nil
	}
	if names, globErr := filepath.Glob(arg); globErr == nil && len(names) > 0 {
		return names, false, nil
	}
	return nil, false, unreadable(err)
}

func unreadable(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return &hintError{fmt.Errorf("%s cannot be read: %w", e.Path, e.Err), `name a file or a folder, or "-" for standard input`}
	}
	return err
}

// isPolicy tells files of a folder that hold a policy, or try to, from others.
func isPolicy(d *policyDocument) bool {
	if d.wrapping != nil {
		return true
	}
	root, err := policy.ReadJSON(d.text)
	if err != nil {
		return strings.Contains(d.text, `"Statement"`)
	}
	return member(root, "Statement") != nil
}
