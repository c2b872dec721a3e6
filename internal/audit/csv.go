package audit

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// WriteCSV writes a line for every set of principals and keys of every cause, and
// for every exposure. Lists within a field are separated by spaces.
func (r *Report) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	line := func(fields ...string) { _ = c.Write(fields) } // Flush keeps the error
	line("status", "kind", "account", "principals", "keys", "volumes", "snapshots", "images", "launchTemplates", "defaultKeys", "pairs",
		"operations", "actions", "layer", "statement", "examplePrincipal", "exampleTarget", "sentence")
	for _, part := range [...]struct {
		status string
		groups []Group
	}{{"trapped", r.Trapped}, {"unknown", r.Unknown}} {
		for i := range part.groups {
			g := &part.groups[i]
			for n := range g.Sets {
				s := &g.Sets[n]
				line(part.status, string(g.Kind), s.Account, strings.Join(s.Principals, " "), arns(s.Keys),
					strconv.Itoa(s.Targets.Volumes), strconv.Itoa(s.Targets.Snapshots), strconv.Itoa(s.Targets.Images), strconv.Itoa(s.Targets.Templates), strconv.Itoa(s.Targets.DefaultKeys),
					strconv.FormatInt(s.Pairs, 10), operationsText(g.Operations), strings.Join(g.Actions, " "), g.Layer, statementText(g.Statement),
					g.Example.Principal, g.Example.Target, g.Sentence.String())
			}
		}
	}
	for i := range r.Shouldnt {
		x := &r.Shouldnt[i]
		account := ""
		if len(x.Keys) > 0 {
			account = accountOf(x.Keys[0].ARN)
		}
		line("shouldnt", string(x.Kind), account, strings.Join(x.Principals, " "), arns(x.Keys), "", "", "", "", "",
			strconv.FormatInt(x.Count, 10), "", strings.Join(x.Actions, " "), "", statementText(x.Statement), "", "", x.Sentence.String())
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func arns(keys []KeyRef) string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.ARN
	}
	return strings.Join(all, " ")
}

func operationsText(list []Operation) string {
	all := make([]string, len(list))
	for i, o := range list {
		all[i] = string(o)
	}
	return strings.Join(all, " ")
}

func statementText(s *diagnose.Statement) string {
	if s == nil || s.Document == "" {
		return ""
	}
	return whereIs(s).String()
}
