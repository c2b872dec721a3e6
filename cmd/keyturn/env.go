package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newEnv() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "env",
		Short: "Print what to export for a running server",
		Long: `Print what to export so that AWS clients speak to the "keyturn serve" that has the data
folder, as its root user. It also unsets what would come before that.`,
		Example: `  eval "$(keyturn env)"`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			folder, err := dataFolder(data)
			if err != nil {
				return err
			}
			note, err := serverAddress(folder)
			if err != nil {
				return &hintError{err, "start one with: keyturn serve --data " + quote(folder)}
			}
			address, mark, _ := strings.Cut(note, " ")
			if err := dial(c, address); err != nil {
				return &hintError{fmt.Errorf("the server on %s is gone: %w", folder, err), "start one with: keyturn serve --data " + quote(folder)}
			}
			if mark == rootGiven {
				fmt.Fprintln(c.ErrOrStderr(), "keyturn: export also the access key that the server was given with --root-credentials")
				_, err = fmt.Fprintln(c.OutOrStdout(), exports(address, "", "", ""))
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n%s\n", overriding, exports(address, folder, "", ""))
			return err
		},
	}
	c.Flags().StringVar(&data, "data", "", "folder of the server's state (default: keyturn in the user's configuration folder)")
	return c
}

// overriding are the variables that clients would prefer to a credentials file.
const overriding = "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE"

// serverAddress is what the server of a folder noted about itself.
func serverAddress(folder string) (string, error) {
	note, err := os.ReadFile(filepath.Join(folder, addressFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("no server is running on %s", folder)
	}
	return strings.TrimSpace(string(note)), err
}

// dial tries an address: a server that was killed leaves its note behind.
func dial(c *cobra.Command, address string) error {
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(c.Context(), "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
