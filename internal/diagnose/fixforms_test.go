package diagnose

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"go.yaml.in/yaml/v3"

	"github.com/keyturn/keyturn/internal/golden"
)

// hclPolicies are the policies in HCL, as Terraform evaluates it.
func hclPolicies(t *testing.T, source string) []string {
	t.Helper()
	if formatted := string(hclwrite.Format([]byte(source))); formatted != source {
		t.Errorf("terraform fmt would change it:\n%s", cmp.Diff(formatted, source))
	}
	file, diagnostics := hclsyntax.ParseConfig([]byte(source), "fix.tf", hcl.InitialPos)
	if diagnostics.HasErrors() {
		t.Fatalf("%v\n%s", diagnostics, source)
	}
	var policies []string
	evaluate := &hcl.EvalContext{Functions: map[string]function.Function{"jsonencode": stdlib.JSONEncodeFunc}}
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		for name, a := range b.Body.Attributes {
			if name != "policy" && name != "content" {
				continue
			}
			v, diagnostics := a.Expr.Value(evaluate)
			if diagnostics.HasErrors() || v.Type() != cty.String {
				t.Fatalf("%s: %v\n%s", name, diagnostics, source)
			}
			policies = append(policies, v.AsString())
		}
	}
	return policies
}

// cloudFormationPolicies are the policies in a template, and the types of its
// resources.
func cloudFormationPolicies(t *testing.T, source string) (policies, types []string) {
	t.Helper()
	var template struct {
		Version   string `yaml:"AWSTemplateFormatVersion"`
		Resources map[string]struct {
			Type       string         `yaml:"Type"`
			Deletion   string         `yaml:"DeletionPolicy"`
			Replace    string         `yaml:"UpdateReplacePolicy"`
			Properties map[string]any `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	d := yaml.NewDecoder(strings.NewReader(source))
	d.KnownFields(true)
	// Comments alone are no document.
	if err := d.Decode(&template); err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%v\n%s", err, source)
	}
	for id, r := range template.Resources {
		if strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
			t.Errorf("%s is no logical id", id)
		}
		types = append(types, r.Type)
		for _, name := range []string{"PolicyDocument", "KeyPolicy", "Content"} {
			if v, ok := r.Properties[name]; ok {
				policies = append(policies, render(v))
			}
		}
	}
	return policies, types
}

// sameValue compares two texts as JSON values.
func sameValue(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatalf("%v\n%s", err, a)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return reflect.DeepEqual(x, y)
}

// TestFixForms: what a fix says to Terraform and to CloudFormation is what its calls
// put, whatever the cause.
func TestFixForms(t *testing.T) {
	t.Parallel()
	compared, resources := 0, map[string]int{}
	for _, row := range causeRows {
		for _, f := range Judge(row.evidence()).Fixes {
			if len(f.Calls) == 0 {
				if f.HCL != "" || f.CloudFormation != "" {
					t.Errorf("%s: a person has to do %s, and there is a form of it", row.name, f.Title)
				}
				continue
			}
			if f.HCL == "" || f.CloudFormation == "" {
				t.Errorf("%s: %s has no form", row.name, f.Title)
			}
			var put []string
			for _, c := range f.Calls {
				if d := c.document(); d != "" {
					put = append(put, d)
				}
			}
			hclHas := hclPolicies(t, f.HCL)
			yamlHas, types := cloudFormationPolicies(t, f.CloudFormation)
			for _, typ := range types {
				resources[typ]++
			}
			if len(hclHas) != len(put) || len(yamlHas) != len(put) {
				t.Fatalf("%s: %s puts %d policies, its HCL %d, its CloudFormation %d", row.name, f.Title, len(put), len(hclHas), len(yamlHas))
			}
			for i := range put {
				compared++
				if !sameValue(t, put[i], hclHas[i]) {
					t.Errorf("%s: %s: the HCL says something else\n%s\n%s", row.name, f.Title, put[i], hclHas[i])
				}
				if !sameValue(t, put[i], yamlHas[i]) {
					t.Errorf("%s: %s: the CloudFormation says something else\n%s\n%s", row.name, f.Title, put[i], yamlHas[i])
				}
			}
		}
	}
	for _, typ := range []string{"AWS::IAM::UserPolicy", "AWS::IAM::ManagedPolicy", "AWS::KMS::Key"} {
		if resources[typ] == 0 {
			t.Errorf("no fix has a %s", typ)
		}
	}
	if compared < 30 {
		t.Errorf("compared %d policies", compared)
	}
}

// TestPolicyVariablesStay: what policies write ${…} for is theirs, not
// Terraform's.
func TestPolicyVariablesStay(t *testing.T) {
	t.Parallel()
	const text = `{"Version":"2012-10-17","Statement":[{"Sid":"On","Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:123456789012:key/${aws:username}","Condition":{"StringEquals":{"aws:PrincipalTag/a b":["%{x}","012345678901","2012-10-17","yes"]},"Bool":{"aws:ViaAWSService":true},"NumericLessThan":{"aws:MultiFactorAuthAge":3600}}}]}`
	f := Fix{Calls: []Call{putInline("role", "0night", "start", text)}}
	yamlHas, _ := cloudFormationPolicies(t, f.cloudFormation())
	for _, got := range append(hclPolicies(t, f.hcl()), yamlHas...) {
		if !sameValue(t, text, got) {
			t.Errorf("%s", got)
		}
	}
}

// TestArticleFixForms are the forms of the article's fix.
func TestArticleFixForms(t *testing.T) {
	t.Parallel()
	f := Judge(article()).Fixes[0]
	golden.Compare(t, "article.tf", []byte(f.HCL))
	golden.Compare(t, "article.yaml", []byte(f.CloudFormation))
}
