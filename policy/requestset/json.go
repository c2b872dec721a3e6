package requestset

import "encoding/json"

// The JSON form of an answer. Names and meaning stay; new members may come.

type answerJSON struct {
	Any      string       `json:"any"` // "yes", "no", "maybe"
	Complete bool         `json:"complete"`
	Regions  []regionJSON `json:"regions"`
	Doubt    []string     `json:"doubt,omitempty"`
}

type regionJSON struct {
	Text       string           `json:"text"`
	Actions    rangeJSON        `json:"actions"`
	Resources  rangeJSON        `json:"resources"`
	Conditions []constraintJSON `json:"conditions"`
	By         []refJSON        `json:"by"`
	Example    *requestJSON     `json:"example,omitempty"`
}

type rangeJSON struct {
	// In are lists of patterns, one of each of which matches; none means all.
	In    [][]string `json:"in"`
	NotIn []string   `json:"notIn"`
}

type constraintJSON struct {
	Operator string   `json:"operator"`
	Key      string   `json:"key"`
	Values   []string `json:"values"`
	Not      bool     `json:"not,omitempty"`
}

type refJSON struct {
	Document  string `json:"document"`
	Statement int    `json:"statement"` // from 0
	Sid       string `json:"sid,omitempty"`
	Effect    string `json:"effect"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
}

type requestJSON struct {
	Action   string              `json:"action"`
	Resource string              `json:"resource"`
	Context  map[string][]string `json:"context"`
}

// MarshalJSON gives the answer in its stable form.
func (a Answer) MarshalJSON() ([]byte, error) {
	out := answerJSON{Any: a.Any.String(), Complete: a.Complete, Doubt: a.Doubt, Regions: []regionJSON{}}
	for i := range a.Regions {
		out.Regions = append(out.Regions, a.Regions[i].json())
	}
	return json.Marshal(out)
}

func (r *Region) json() regionJSON {
	out := regionJSON{
		Text: r.String(), Actions: r.Actions.json(), Resources: r.Resources.json(),
		Conditions: []constraintJSON{}, By: []refJSON{},
	}
	for _, c := range r.Conditions {
		out.Conditions = append(out.Conditions, constraintJSON(c))
	}
	for _, s := range r.By {
		out.By = append(out.By, s.json())
	}
	if e := r.Example; e != nil {
		out.Example = &requestJSON{Action: e.Action, Resource: e.Resource, Context: e.Keys}
		if e.Keys == nil {
			out.Example.Context = map[string][]string{}
		}
	}
	return out
}

func (r Range) json() rangeJSON {
	out := rangeJSON(r)
	if out.In == nil {
		out.In = [][]string{}
	}
	if out.NotIn == nil {
		out.NotIn = []string{}
	}
	return out
}

func (r Ref) json() refJSON {
	return refJSON{
		Document: r.Document, Statement: r.Index, Sid: r.Sid, Effect: string(r.Effect),
		Line: r.Position.Line, Column: r.Position.Column,
	}
}
