package main

import "github.com/spf13/cobra"

// newPolicy is the parent of the commands that look at policy documents alone,
// without a request or an account.
func newPolicy() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Work with policy documents",
		Long: `Work with policy documents: files, folders of them, and what the AWS CLI prints
(aws iam get-policy-version, aws kms get-key-policy and others).`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPolicyFmt(), newPolicyLint(), newPolicyDiff())
	return c
}
