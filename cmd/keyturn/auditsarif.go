package main

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/keyturn/keyturn/internal/audit"
)

const auditPage = projectPage + "/blob/main/docs/audit.md"

// auditResult is what a result of the audit's is made of.
type auditResult struct {
	id, about, level string
	security         bool
	message          string
	// where are ARNs: the first is what the code host shows the result at.
	where []string
}

// writeAuditSARIF writes a result for every set of principals and keys of every
// cause. There is no file in which an account's policies lie: a result's place is
// its key's ARN, in the form of a path, with the ARNs as logical locations.
func writeAuditSARIF(w io.Writer, r *audit.Report) error {
	rules := sarifRules{list: []sarifRule{}, index: make(map[string]int)}
	results := []sarifResult{}
	add := func(a auditResult) {
		tags := []string{"kms"}
		if a.security {
			tags = append(tags, "security")
		}
		n := rules.add(sarifRule{ID: a.id, ShortDescription: sarifText{a.about}, HelpURI: auditPage, Default: sarifDefault{a.level}, Properties: sarifTags{tags}})
		one := sarifResult{RuleID: a.id, RuleIndex: n, Level: a.level, Message: sarifText{a.message}}
		var at sarifLocation
		at.Physical.Artifact.URI = "aws/" + strings.ReplaceAll(a.where[0], ":", "/")
		at.Physical.Region = sarifRegion{StartLine: 1, StartColumn: 1, EndLine: 1, EndColumn: 2}
		for _, arn := range a.where {
			at.Logical = append(at.Logical, sarifLogical{arn})
		}
		one.Locations = []sarifLocation{at}
		results = append(results, one)
	}
	for i := range r.Trapped {
		g := &r.Trapped[i]
		for n := range g.Sets {
			s := &g.Sets[n]
			add(auditResult{
				id: "trapped/" + string(g.Kind), about: "A principal may call EC2, and KMS does not let it.", level: "error",
				message: g.Sentence.String() + " " + sarifWho(s.Principals), where: sarifKeys(s.Keys),
			})
		}
	}
	for i := range r.Unknown {
		g := &r.Unknown[i]
		for n := range g.Sets {
			s := &g.Sets[n]
			add(auditResult{
				id: "unknown", about: "Whether a principal can use a key turns on what could not be known.", level: "note",
				message: g.Sentence.String() + " " + sarifWho(s.Principals), where: sarifKeys(s.Keys),
			})
		}
	}
	for i := range r.Shouldnt {
		x := &r.Shouldnt[i]
		message := x.Sentence.String() + " " + x.Advice.String()
		if len(x.Principals) > 0 {
			message += " " + sarifWho(x.Principals)
		}
		add(auditResult{id: "shouldnt/" + string(x.Kind), about: "A principal can do more with a key than a launch needs.", level: "warning", security: true, message: message, where: sarifKeys(x.Keys)})
	}
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: results}
	run.Tool.Driver = sarifDriver{Name: "keyturn", InformationURI: projectPage, Version: strings.TrimPrefix(buildVersion(), "v"), Rules: rules.list}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

// sarifMost is how many ARNs a message or a result's places have.
const sarifMost = 10

func sarifWho(principals []string) string {
	if len(principals) > sarifMost {
		return "Principals: " + strings.Join(principals[:sarifMost], ", ") + ", …"
	}
	return "Principals: " + strings.Join(principals, ", ")
}

func sarifKeys(keys []audit.KeyRef) []string {
	var all []string
	for i := range min(len(keys), sarifMost) {
		all = append(all, keys[i].ARN)
	}
	return all
}
