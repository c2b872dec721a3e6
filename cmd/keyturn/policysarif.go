package main

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/keyturn/keyturn/policy/analyzer"
)

// The parts of SARIF 2.1.0 that code hosts read (OASIS, "Static Analysis Results
// Interchange Format (SARIF) Version 2.1.0").
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Version        string      `json:"version,omitempty"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		ShortDescription sarifText    `json:"shortDescription"`
		HelpURI          string       `json:"helpUri"`
		Default          sarifDefault `json:"defaultConfiguration"`
		Properties       sarifTags    `json:"properties"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifTags struct {
		Tags []string `json:"tags"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
		Related   []sarifLocation `json:"relatedLocations,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region sarifRegion `json:"region"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
	}
)

var sarifLevels = map[analyzer.FindingType]string{
	analyzer.Error: "error", analyzer.SecurityWarning: "warning", analyzer.Warning: "warning", analyzer.Suggestion: "note",
}

const (
	sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"
	projectPage = "https://github.com/keyturn/keyturn"
	grammarPage = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html"
)

// sarifRules numbers the rules of a run by their ids.
type sarifRules struct {
	list  []sarifRule
	index map[string]int
}

// add gives the number of a rule.
func (r *sarifRules) add(rule sarifRule) int {
	i, ok := r.index[rule.ID]
	if !ok {
		i = len(r.list)
		r.index[rule.ID] = i
		r.list = append(r.list, rule)
	}
	return i
}

func writeLintSARIF(w io.Writer, list []linted) error {
	about := make(map[analyzer.Code]analyzer.Check)
	for _, c := range analyzer.Checks() {
		about[c.Code] = c
	}
	rules := sarifRules{list: []sarifRule{}, index: make(map[string]int)}
	results := []sarifResult{}
	for i := range list {
		l := &list[i]
		for _, f := range l.report.Findings {
			c, level := about[f.Code], sarifLevels[f.Type]
			tags := []string{"policy"}
			if f.Type == analyzer.SecurityWarning {
				tags = append(tags, "security")
			}
			n := rules.add(sarifRule{ID: string(f.Code), ShortDescription: sarifText{c.About}, HelpURI: c.Link, Default: sarifDefault{level}, Properties: sarifTags{tags}})
			message := f.Details
			if f.Hint != "" {
				message += " (" + f.Hint + ")"
			}
			r := sarifResult{RuleID: string(f.Code), RuleIndex: n, Level: level, Message: sarifText{message}}
			for j, at := range f.Locations {
				place := l.sarifLocation(at)
				if j == 0 {
					r.Locations = []sarifLocation{place}
				} else {
					r.Related = append(r.Related, place)
				}
			}
			results = append(results, r)
		}
		if refused := l.report.Malformed; len(refused) > 0 {
			v, id := refused[0], refusal(l.kind)
			n := rules.add(sarifRule{ID: id, ShortDescription: sarifText{"The service refuses the document."}, HelpURI: grammarPage, Default: sarifDefault{"error"}, Properties: sarifTags{[]string{"policy"}}})
			results = append(results, sarifResult{
				RuleID: id, RuleIndex: n, Level: "error", Message: sarifText{"The service would answer: " + v.Message + " (" + v.Reason + ")"},
				Locations: []sarifLocation{l.sarifLocation(analyzer.Location{Start: v.Position, End: v.Position})},
			})
		}
	}
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: results}
	run.Tool.Driver = sarifDriver{Name: "keyturn", InformationURI: projectPage, Version: strings.TrimPrefix(buildVersion(), "v"), Rules: rules.list}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

func (l *linted) sarifLocation(at analyzer.Location) sarifLocation {
	var out sarifLocation
	out.Physical.Artifact.URI = (&url.URL{Path: filepath.ToSlash(filepath.Clean(l.name))}).String()
	out.Physical.Region = sarifRegion{
		StartLine: at.Start.Line, StartColumn: l.document.column(at.Start), EndLine: at.End.Line, EndColumn: l.document.column(at.End),
	}
	if out.Physical.Region.StartLine == out.Physical.Region.EndLine && out.Physical.Region.StartColumn == out.Physical.Region.EndColumn {
		out.Physical.Region.EndColumn++
	}
	if path := at.Path.String(); path != "" {
		out.Logical = []sarifLogical{{path}}
	}
	return out
}
