package diagnose

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// hcl is the fix for Terraform's AWS provider: a resource for each call that has
// one, with an import block where it is there already (Terraform, "Import"), and
// comments for what no resource stands for.
func (f *Fix) hcl() string {
	if len(f.Calls) == 0 {
		return ""
	}
	w := hclWriter{file: hclwrite.NewEmptyFile(), made: make(map[string]string), inPlace: f.Diff != ""}
	for _, c := range f.Calls {
		w.call(f, c)
	}
	return strings.TrimLeft(string(hclwrite.Format(w.file.Bytes())), "\n")
}

// hclWriter writes the resources of one fix.
type hclWriter struct {
	file *hclwrite.File
	// made are the names of the resources of managed policies that the fix makes, by
	// the policies' names.
	made map[string]string
	// inPlace: the fix changes what is there.
	inPlace bool
}

func (w *hclWriter) call(f *Fix, c Call) {
	switch in := c.Input.(type) {
	case *iam.PutUserPolicyInput:
		w.inline("user", *in.UserName, *in.PolicyName, *in.PolicyDocument)
	case *iam.PutRolePolicyInput:
		w.inline("role", *in.RoleName, *in.PolicyName, *in.PolicyDocument)
	case *iam.PutGroupPolicyInput:
		w.inline("group", *in.GroupName, *in.PolicyName, *in.PolicyDocument)
	case *iam.CreatePolicyInput:
		name := identifier(*in.PolicyName)
		w.made[*in.PolicyName] = name
		w.resource("aws_iam_policy", name, literal("name", *in.PolicyName), encoded("policy", *in.PolicyDocument))
	case *iam.CreatePolicyVersionInput:
		name := identifier(lastPart(*in.PolicyArn))
		arguments := []argument{literal("name", lastPart(*in.PolicyArn))}
		if path := pathOf(*in.PolicyArn); path != "/" {
			arguments = append(arguments, literal("path", path))
		}
		w.take("aws_iam_policy", name, *in.PolicyArn)
		w.resource("aws_iam_policy", name, append(arguments, encoded("policy", *in.PolicyDocument))...)
	case *iam.AttachUserPolicyInput:
		w.attachment("user", *in.UserName, *in.PolicyArn)
	case *iam.AttachRolePolicyInput:
		w.attachment("role", *in.RoleName, *in.PolicyArn)
	case *iam.AttachGroupPolicyInput:
		w.attachment("group", *in.GroupName, *in.PolicyArn)
	case *iam.DetachUserPolicyInput:
		w.detachment("user", *in.UserName, *in.PolicyArn)
	case *iam.DetachRolePolicyInput:
		w.detachment("role", *in.RoleName, *in.PolicyArn)
	case *iam.DetachGroupPolicyInput:
		w.detachment("group", *in.GroupName, *in.PolicyArn)
	case *iam.PutUserPermissionsBoundaryInput:
		w.boundary("user", *in.UserName, *in.PermissionsBoundary)
	case *iam.PutRolePermissionsBoundaryInput:
		w.boundary("role", *in.RoleName, *in.PermissionsBoundary)
	case *kms.PutKeyPolicyInput:
		id := lastPart(*in.KeyId)
		w.comment("Either this or the argument policy of the aws_kms_key resource, not both.", "Region: "+regionOf(*in.KeyId))
		w.take("aws_kms_key_policy", identifier("key_"+id), id)
		w.resource("aws_kms_key_policy", identifier("key_"+id), literal("key_id", id), encoded("policy", *in.Policy))
	case *kms.CreateGrantInput:
		var operations []hclwrite.Tokens
		for _, o := range in.Operations {
			operations = append(operations, hclwrite.TokensForValue(cty.StringVal(string(o))))
		}
		w.comment("Region: " + regionOf(*in.KeyId))
		w.resource("aws_kms_grant", identifier(lastPart(*in.GranteePrincipal)+"_"+lastPart(*in.KeyId)),
			literal("name", *in.Name), literal("key_id", *in.KeyId), literal("grantee_principal", *in.GranteePrincipal),
			argument{"operations", hclwrite.TokensForTuple(operations)})
	case *kms.EnableKeyInput:
		w.comment("In the aws_kms_key resource of "+*in.KeyId+":", "  is_enabled = true")
	case *kms.CancelKeyDeletionInput:
		w.comment("Terraform does not cancel the deletion of a key. Do that first:", "  "+cliLine(regionOf(*in.KeyId), c.Words()...))
	case *organizations.UpdatePolicyInput:
		name := f.controlName()
		w.take("aws_organizations_policy", identifier(name), *in.PolicyId)
		w.resource("aws_organizations_policy", identifier(name),
			literal("name", name), literal("type", controlType(f.Target)), encoded("content", *in.Content))
	}
}

// argument is an argument of a resource.
type argument struct {
	name  string
	value hclwrite.Tokens
}

func literal(name, value string) argument {
	return argument{name, hclwrite.TokensForValue(cty.StringVal(value))}
}

// encoded is a policy, as jsonencode of what it says.
func encoded(name, policy string) argument {
	v, err := readOrdered(Pretty(policy))
	if err != nil {
		return literal(name, policy)
	}
	return argument{name, hclwrite.TokensForFunctionCall("jsonencode", hclValue(v))}
}

// hclValue writes a value of a policy.
func hclValue(v any) hclwrite.Tokens {
	switch v := v.(type) {
	case ordered:
		var members []hclwrite.ObjectAttrTokens
		for _, m := range v {
			name := hclwrite.TokensForValue(cty.StringVal(m.name))
			if hclsyntax.ValidIdentifier(m.name) {
				name = hclwrite.TokensForIdentifier(m.name)
			}
			members = append(members, hclwrite.ObjectAttrTokens{Name: name, Value: hclValue(m.value)})
		}
		return hclwrite.TokensForObject(members)
	case []any:
		return hclList(v)
	case bool:
		return hclwrite.TokensForValue(cty.BoolVal(v))
	case json.Number:
		if n, err := cty.ParseNumberVal(v.String()); err == nil {
			return hclwrite.TokensForValue(n)
		}
	}
	return hclwrite.TokensForValue(cty.StringVal(fmt.Sprint(v)))
}

// hclList writes a list, an element a line where there are several, or objects.
func hclList(list []any) hclwrite.Tokens {
	lines := len(list) > 1
	var elements []hclwrite.Tokens
	for _, e := range list {
		_, object := e.(ordered)
		lines = lines || object
		elements = append(elements, hclValue(e))
	}
	if !lines {
		return hclwrite.TokensForTuple(elements)
	}
	newline := &hclwrite.Token{Type: hclsyntax.TokenNewline, Bytes: []byte("\n")}
	tokens := hclwrite.Tokens{{Type: hclsyntax.TokenOBrack, Bytes: []byte("[")}, newline}
	for _, e := range elements {
		tokens = append(append(tokens, e...), &hclwrite.Token{Type: hclsyntax.TokenComma, Bytes: []byte(",")}, newline)
	}
	return append(tokens, &hclwrite.Token{Type: hclsyntax.TokenCBrack, Bytes: []byte("]")})
}

// resource writes a resource after what is there.
func (w *hclWriter) resource(kind, name string, arguments ...argument) {
	body := w.block("resource", kind, name)
	for _, a := range arguments {
		body.SetAttributeRaw(a.name, a.value)
	}
}

// take writes the import block of a resource that is there already.
func (w *hclWriter) take(kind, name, id string) {
	body := w.block("import")
	body.SetAttributeTraversal("to", hcl.Traversal{hcl.TraverseRoot{Name: kind}, hcl.TraverseAttr{Name: name}})
	body.SetAttributeValue("id", cty.StringVal(id))
}

func (w *hclWriter) block(kind string, labels ...string) *hclwrite.Body {
	w.file.Body().AppendNewline()
	return w.file.Body().AppendNewBlock(kind, labels).Body()
}

func (w *hclWriter) comment(lines ...string) {
	w.file.Body().AppendNewline()
	for _, l := range lines {
		w.file.Body().AppendUnstructuredTokens(hclwrite.Tokens{{Type: hclsyntax.TokenComment, Bytes: []byte("# " + l + "\n")}})
	}
}

func (w *hclWriter) inline(holder, owner, name, policy string) {
	kind, label := "aws_iam_"+holder+"_policy", identifier(owner+"_"+name)
	if w.inPlace {
		w.take(kind, label, owner+":"+name)
	}
	w.resource(kind, label, literal("name", name), literal(holder, owner), encoded("policy", policy))
}

func (w *hclWriter) attachment(holder, owner, arn string) {
	w.resource("aws_iam_"+holder+"_policy_attachment", identifier(owner+"_"+lastPart(arn)), literal(holder, owner), argument{"policy_arn", w.policy(arn)})
}

// policy is a managed policy's ARN: of its resource, if the fix makes it.
func (w *hclWriter) policy(arn string) hclwrite.Tokens {
	if name, ok := w.made[lastPart(arn)]; ok {
		return hclwrite.TokensForTraversal(hcl.Traversal{hcl.TraverseRoot{Name: "aws_iam_policy"}, hcl.TraverseAttr{Name: name}, hcl.TraverseAttr{Name: "arn"}})
	}
	return hclwrite.TokensForValue(cty.StringVal(arn))
}

func (w *hclWriter) detachment(holder, owner, arn string) {
	w.comment("Remove the aws_iam_"+holder+"_policy_attachment of "+arn+", or where Terraform does not manage it:",
		"  "+cliLine("", detach(holder, owner, arn).Words()...))
}

func (w *hclWriter) boundary(holder, owner, arn string) {
	w.comment("In the aws_iam_"+holder+" resource of "+owner+":", "  permissions_boundary = "+string(w.policy(arn).Bytes()))
}

// identifier makes a name of Terraform's of a name of AWS's.
func identifier(name string) string {
	id := strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
	if !hclsyntax.ValidIdentifier(id) {
		id = "_" + id
	}
	return id
}

// pathOf is the path of a managed policy's ARN: arn:aws:iam::123456789012:policy/path/name.
func pathOf(arn string) string {
	_, rest, _ := strings.Cut(arn, ":policy")
	return rest[:strings.LastIndex(rest, "/")+1]
}

// regionOf is the fourth field of an ARN.
func regionOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 5); len(parts) == 5 {
		return parts[3]
	}
	return ""
}

// controlName is the name of the organization's policy that the fix changes.
func (f *Fix) controlName() string {
	for _, c := range f.changed() {
		return c.name
	}
	return lastPart(f.Target)
}

// controlType is the type of an organization's policy, by its ARN:
// arn:aws:organizations::210987654321:policy/o-exampleorgid/service_control_policy/p-example.
func controlType(arn string) string {
	if parts := strings.Split(arn, "/"); len(parts) == 4 {
		return strings.ToUpper(parts[2])
	}
	return ""
}
