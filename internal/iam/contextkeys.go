package iam

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/policy"
)

// contextKeys are the keys that a document asks for, in its conditions and in the
// variables of its resources and conditions: each once, in every spelling that it
// has. What stands for a wildcard itself, as in ${*}, counts for a key, as at AWS.
func contextKeys(p *policy.Policy) []string {
	var out []string
	see := func(key string) {
		if !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	variables := func(text string) {
		if p.Version() != policy.Version2012 {
			return
		}
		for _, piece := range policy.Pieces(text, p.Version()) {
			if piece.Kind == policy.VariablePiece {
				see(piece.Text)
			}
		}
		for _, sign := range []string{"*", "?", "$"} {
			if strings.Contains(text, "${"+sign+"}") {
				see(sign)
			}
		}
	}
	for i := range p.Len() {
		st := p.Statement(i)
		for _, r := range slices.Concat(st.Resources(), st.NotResources()) {
			variables(r)
		}
		for _, c := range st.Conditions() {
			see(c.Key)
			for _, v := range c.Values {
				variables(v)
			}
		}
	}
	return out
}

// inputKeys are the keys of documents that come with a request. They are read for
// their keys only: one that could not be attached to anything is none the worse.
// Two documents may have the same key, and then it is given twice.
func inputKeys(documents []string) ([]string, error) {
	out := []string{}
	for _, text := range documents {
		p, err := policy.Parse([]byte(text))
		if err != nil {
			return nil, invalidInput("Syntax errors in policy.")
		}
		out = append(out, contextKeys(p)...)
	}
	return out, nil
}

func (s *Service) getContextKeysForCustomPolicy(_ *api.Call, in *iam.GetContextKeysForCustomPolicyInput) (*iam.GetContextKeysForCustomPolicyOutput, error) {
	keys, err := inputKeys(in.PolicyInputList)
	slices.Sort(keys)
	return &iam.GetContextKeysForCustomPolicyOutput{ContextKeyNames: keys}, err
}

// getContextKeysForPrincipalPolicy counts the permissions boundary too, and a
// managed policy once that a user has through a group as well.
func (s *Service) getContextKeysForPrincipalPolicy(c *api.Call, in *iam.GetContextKeysForPrincipalPolicyInput) (*iam.GetContextKeysForPrincipalPolicyOutput, error) {
	_, held, err := s.source(c, value(in.PolicySourceArn))
	if err != nil {
		return nil, err
	}
	keys, err := inputKeys(in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	var seen []string
	documents := held.Identity
	if held.Boundary != nil {
		documents = append(slices.Clone(documents), *held.Boundary)
	}
	for _, d := range documents {
		if d.ARN != "" && slices.Contains(seen, d.ARN) {
			continue
		}
		seen = append(seen, d.ARN)
		keys = append(keys, contextKeys(d.Policy)...)
	}
	slices.Sort(keys)
	return &iam.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: keys}, nil
}
