package diagnose

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// encodedMark comes before the encoded part of EC2's denials.
const encodedMark = "Encoded authorization failure message: "

// maxErrorMessage is where CloudTrail cuts a message, and with it what is encoded
// (CloudTrail guide, "CloudTrail record contents").
const maxErrorMessage = 1024

// Decoded is what sts:DecodeAuthorizationMessage shows of a denial (STS API
// reference, "DecodeAuthorizationMessage").
type Decoded struct {
	Source string `json:"source"`
	// Explicit tells a Deny statement from a missing Allow.
	Explicit  bool   `json:"explicit"`
	Principal string `json:"principal"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	// Statements are the Sids of the statements that matched.
	Statements []string `json:"statements"`

	// conditions are the request's condition keys.
	conditions map[string][]string
}

// EncodedMessage is the encoded part of an EC2 denial's text, empty if it has none.
func EncodedMessage(text string) string {
	_, encoded, found := strings.Cut(text, encodedMark)
	if !found {
		return ""
	}
	if end := strings.IndexAny(encoded, " \t\r\n\"'<"); end >= 0 {
		encoded = encoded[:end]
	}
	return encoded
}

// ParseDecoded reads a decoded message.
func ParseDecoded(text string) (*Decoded, error) {
	type values struct {
		Items []struct {
			Value string `json:"value"`
		} `json:"items"`
	}
	var m struct {
		ExplicitDeny      bool `json:"explicitDeny"`
		MatchedStatements struct {
			Items []struct {
				ID string `json:"statementId"`
			} `json:"items"`
		} `json:"matchedStatements"`
		Context struct {
			Principal struct {
				ARN string `json:"arn"`
			} `json:"principal"`
			Action     string `json:"action"`
			Resource   string `json:"resource"`
			Conditions struct {
				Items []struct {
					Key    string `json:"key"`
					Values values `json:"values"`
				} `json:"items"`
			} `json:"conditions"`
		} `json:"context"`
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return nil, fmt.Errorf("the decoded message is not JSON as STS writes it: %w", err)
	}
	d := &Decoded{
		Source: "sts:DecodeAuthorizationMessage", Explicit: m.ExplicitDeny, Principal: m.Context.Principal.ARN,
		Action: m.Context.Action, Resource: m.Context.Resource, Statements: []string{}, conditions: make(map[string][]string),
	}
	for _, s := range m.MatchedStatements.Items {
		if s.ID != "" {
			d.Statements = append(d.Statements, s.ID)
		}
	}
	for _, c := range m.Context.Conditions.Items {
		list := []string{}
		for _, v := range c.Values.Items {
			list = append(list, v.Value)
		}
		d.conditions[c.Key] = list
	}
	return d, nil
}

// decode has STS decode the encoded part of an event's message, if it has one.
func (g *gatherer) decode(v *Event) {
	encoded := EncodedMessage(v.ErrorMessage)
	if encoded == "" || v.Decoded != nil || v.Source == lookupEvents && len(v.ErrorMessage) >= maxErrorMessage {
		return
	}
	out, err := once(g.asked, encoded, func() (*sts.DecodeAuthorizationMessageOutput, error) {
		return g.clients.STS.DecodeAuthorizationMessage(g.ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded})
	})
	var d *Decoded
	if err == nil {
		d, err = ParseDecoded(aws.ToString(out.DecodedMessage))
	}
	if err != nil {
		g.unread(err, "the encoded message of the refused "+v.Name, "sts:DecodeAuthorizationMessage", "", "")
		return
	}
	v.Decoded = d
}
