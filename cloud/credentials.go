package cloud

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
)

// CredentialsFile is the name, in the data folder, of the shared-credentials
// file that holds the root user's access key.
const CredentialsFile = "credentials"

func readCredentials(path string) (id, secret string, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", "", fmt.Errorf("cloud: root credentials: %w", err)
	}
	scan := bufio.NewScanner(bytes.NewReader(raw))
	for scan.Scan() {
		key, value, _ := strings.Cut(scan.Text(), "=")
		switch strings.TrimSpace(key) {
		case "aws_access_key_id":
			id = strings.TrimSpace(value)
		case "aws_secret_access_key":
			secret = strings.TrimSpace(value)
		}
	}
	if id == "" || secret == "" {
		return "", "", fmt.Errorf("cloud: %s holds no access key; delete it to have a new one made", path)
	}
	return id, secret, nil
}

// writeCredentials writes the file so that only its owner reads it, and so that
// it is whole or not there at all.
func writeCredentials(path, id, secret string) error {
	text := "[default]\naws_access_key_id = " + id + "\naws_secret_access_key = " + secret + "\n"
	next := path + ".new"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return fmt.Errorf("cloud: root credentials: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("cloud: root credentials: %w", err)
	}
	return nil
}
