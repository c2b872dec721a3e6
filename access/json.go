package access

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/keyturn/keyturn/policy"
)

// The JSON form of a decision. Names and meaning stay; new members may come.

type decisionJSON struct {
	Outcome Outcome      `json:"outcome"`
	Layer   Layer        `json:"layer,omitempty"`
	Message string       `json:"message,omitempty"`
	Request requestJSON  `json:"request"`
	By      *reasonJSON  `json:"by,omitempty"`
	Layers  []layerJSON  `json:"layers"`
	Missing []string     `json:"missing,omitempty"`
	Settle  []settleJSON `json:"settle,omitempty"`
}

// settleJSON is a Settlement: key, or layer and document.
type settleJSON struct {
	Key      string            `json:"key,omitempty"`
	Layer    Layer             `json:"layer,omitempty"`
	Document string            `json:"document,omitempty"`
	Allow    []alternativeJSON `json:"allow,omitempty"`
	Deny     []alternativeJSON `json:"deny,omitempty"`
	Open     []alternativeJSON `json:"open,omitempty"`
}

type alternativeJSON struct {
	Values  []string `json:"values,omitempty"`
	Absent  bool     `json:"absent,omitempty"`
	Example bool     `json:"example,omitempty"` // values stand for all that no policy tells from them
	Says    string   `json:"says,omitempty"`
}

type requestJSON struct {
	Principal       principalJSON       `json:"principal"`
	Action          string              `json:"action"`
	Resource        string              `json:"resource"`
	ResourceAccount string              `json:"resourceAccount,omitempty"`
	Context         map[string][]string `json:"context,omitempty"`
	Unknown         []string            `json:"unknownKeys,omitempty"`
}

type principalJSON struct {
	Type    PrincipalType     `json:"type"`
	Account string            `json:"account,omitempty"`
	ARN     string            `json:"arn,omitempty"`
	RoleARN string            `json:"roleArn,omitempty"`
	UserID  string            `json:"userId,omitempty"`
	Service string            `json:"servicePrincipal,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
}

type layerJSON struct {
	Layer   Layer        `json:"layer"`
	Verdict Verdict      `json:"verdict"`
	Note    string       `json:"note,omitempty"`
	Reasons []reasonJSON `json:"reasons,omitempty"`
}

type reasonJSON struct {
	Layer     Layer         `json:"layer"`
	Document  string        `json:"document"`
	ARN       string        `json:"arn,omitempty"`
	File      string        `json:"file,omitempty"`
	GrantID   string        `json:"grantId,omitempty"`
	Statement *int          `json:"statement,omitempty"` // from 0
	Sid       string        `json:"sid,omitempty"`
	Line      int           `json:"line,omitempty"`
	Column    int           `json:"column,omitempty"`
	Effect    policy.Effect `json:"effect"`
	Match     bool          `json:"match"`
	Failed    *mismatchJSON `json:"failed,omitempty"`
	Others    int           `json:"otherMismatches,omitempty"`
}

type mismatchJSON struct {
	Element  policy.Element `json:"element"`
	Operator string         `json:"operator,omitempty"`
	Key      string         `json:"key,omitempty"`
	Wanted   []string       `json:"wanted"`
	Saw      []string       `json:"saw"`
	Absent   bool           `json:"absent,omitempty"`
	Unknown  bool           `json:"unknown,omitempty"`
	Variable string         `json:"variable,omitempty"`
	Line     int            `json:"line,omitempty"`
	Column   int            `json:"column,omitempty"`
	Path     string         `json:"path,omitempty"` // in the document: Statement[0].Condition.Bool.aws:SecureTransport
	Text     string         `json:"text"`
}

// MarshalJSON gives the decision in its stable form.
func (d Decision) MarshalJSON() ([]byte, error) {
	out := decisionJSON{
		Outcome: d.Outcome, Layer: d.Layer, Message: d.Message(), Missing: d.Missing,
		Request: d.Request.json(), Layers: make([]layerJSON, len(d.Layers)),
	}
	if d.By != nil {
		by := d.By.json()
		out.By = &by
	}
	for i := range d.Layers {
		l := &d.Layers[i]
		out.Layers[i] = layerJSON{Layer: l.Layer, Verdict: l.Verdict, Note: l.Note}
		for j := range l.Reasons {
			out.Layers[i].Reasons = append(out.Layers[i].Reasons, l.Reasons[j].json())
		}
	}
	for i := range d.Settle {
		s := &d.Settle[i]
		out.Settle = append(out.Settle, settleJSON{
			Key: s.Key, Layer: s.Layer, Document: s.Document,
			Allow: alternativesJSON(s.Allow), Deny: alternativesJSON(s.Deny), Open: alternativesJSON(s.Open),
		})
	}
	return json.Marshal(out)
}

func alternativesJSON(list []Alternative) []alternativeJSON {
	out := make([]alternativeJSON, len(list))
	for i, a := range list {
		out[i] = alternativeJSON(a)
	}
	return out
}

func (r *Request) json() requestJSON {
	p := &r.Principal
	return requestJSON{
		Principal: principalJSON{
			Type: p.Type, Account: p.Account, ARN: p.ARN, RoleARN: p.RoleARN, UserID: p.UserID,
			Service: p.ServicePrincipal, Tags: p.Tags,
		},
		Action: r.Action, Resource: r.Resource, ResourceAccount: r.ResourceAccount,
		Context: r.Context.values, Unknown: slices.Sorted(maps.Keys(r.Context.unknown)),
	}
}

func (r *Reason) json() reasonJSON {
	out := reasonJSON{
		Layer: r.Layer, Document: r.Document, ARN: r.ARN, File: r.File, GrantID: r.GrantID, Sid: r.Sid,
		Line: r.Position.Line, Column: r.Position.Column, Effect: r.Effect, Match: r.Match, Others: r.Others,
	}
	if r.GrantID == "" {
		out.Statement = &r.Statement
	}
	if f := r.Failed; f != nil {
		out.Failed = &mismatchJSON{
			Element: f.Element, Operator: f.Operator, Key: f.Key,
			Wanted: notNil(f.Wanted), Saw: notNil(f.Saw),
			Absent: f.Absent, Unknown: f.Unknown, Variable: f.Variable,
			Line: f.Position.Line, Column: f.Position.Column, Path: f.Path(), Text: f.String(),
		}
	}
	return out
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
