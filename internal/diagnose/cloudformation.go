package diagnose

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"go.yaml.in/yaml/v3"
)

// cloudFormation is the fix as a template in YAML: a resource for each call that
// has one, and comments for what none stands for. What is there already has to be
// imported into a stack before CloudFormation changes it (CloudFormation guide,
// "Import AWS resources into a CloudFormation stack").
func (f *Fix) cloudFormation() string {
	if len(f.Calls) == 0 {
		return ""
	}
	t := stack{inPlace: f.Diff != ""}
	for _, c := range f.Calls {
		t.call(f, c)
	}
	return t.String()
}

// stack is a CloudFormation template.
type stack struct {
	comments  []string
	resources ordered
	// inPlace: the fix changes what is there.
	inPlace bool
}

func (t *stack) call(f *Fix, c Call) {
	switch in := c.Input.(type) {
	case *iam.PutUserPolicyInput:
		t.inline("User", *in.UserName, *in.PolicyName, *in.PolicyDocument)
	case *iam.PutRolePolicyInput:
		t.inline("Role", *in.RoleName, *in.PolicyName, *in.PolicyDocument)
	case *iam.PutGroupPolicyInput:
		t.inline("Group", *in.GroupName, *in.PolicyName, *in.PolicyDocument)
	case *iam.CreatePolicyInput:
		t.add(*in.PolicyName, "AWS::IAM::ManagedPolicy", false, ordered{
			{"ManagedPolicyName", *in.PolicyName}, {"PolicyDocument", policyValue(*in.PolicyDocument)},
		})
	case *iam.CreatePolicyVersionInput:
		name := lastPart(*in.PolicyArn)
		t.take("The policy", "PolicyArn", *in.PolicyArn)
		t.add(name, "AWS::IAM::ManagedPolicy", true, ordered{
			{"ManagedPolicyName", name}, {"Path", pathOf(*in.PolicyArn)}, {"PolicyDocument", policyValue(*in.PolicyDocument)},
		})
	case *iam.AttachUserPolicyInput:
		t.attach("Users", *in.UserName, *in.PolicyArn)
	case *iam.AttachRolePolicyInput:
		t.attach("Roles", *in.RoleName, *in.PolicyArn)
	case *iam.AttachGroupPolicyInput:
		t.attach("Groups", *in.GroupName, *in.PolicyArn)
	case *iam.DetachUserPolicyInput, *iam.DetachRolePolicyInput, *iam.DetachGroupPolicyInput:
		t.comment("Take the policy out of ManagedPolicyArns where a template attaches it; otherwise:", "  "+cliLine("", c.Words()...))
	case *iam.PutUserPermissionsBoundaryInput:
		t.boundary("AWS::IAM::User", *in.UserName, *in.PermissionsBoundary)
	case *iam.PutRolePermissionsBoundaryInput:
		t.boundary("AWS::IAM::Role", *in.RoleName, *in.PermissionsBoundary)
	case *kms.PutKeyPolicyInput:
		t.take("The key", "KeyId", lastPart(*in.KeyId))
		t.comment("Keep the key's other properties as they are in the template that has them. Region: " + regionOf(*in.KeyId))
		t.add("Key", "AWS::KMS::Key", true, ordered{{"KeyPolicy", policyValue(*in.Policy)}})
	case *kms.EnableKeyInput:
		t.comment("In the AWS::KMS::Key resource of "+*in.KeyId+":", "  Enabled: true")
	case *kms.CancelKeyDeletionInput:
		t.comment("CloudFormation does not cancel the deletion of a key. Do that first:", "  "+cliLine(regionOf(*in.KeyId), c.Words()...))
	case *kms.CreateGrantInput:
		t.comment("CloudFormation has no resource type for grants. Make it with the AWS CLI:", "  "+cliLine(regionOf(*in.KeyId), c.Words()...))
	case *organizations.UpdatePolicyInput:
		t.take("The policy", "Id", *in.PolicyId)
		t.comment("Keep TargetIds as they are in the template that has them: without them the policy is detached.")
		t.add(f.controlName(), "AWS::Organizations::Policy", true, ordered{
			{"Name", f.controlName()}, {"Type", controlType(f.Target)}, {"Content", policyValue(*in.Content)},
		})
	}
}

func (t *stack) comment(lines ...string) { t.comments = append(t.comments, lines...) }

// take says that a resource is there already. One that is imported must have a
// DeletionPolicy.
func (t *stack) take(what, property, id string) {
	t.comment(what + " is there already: change it in its stack, or import it into one by " + property + " " + id + ".")
}

// add adds a resource; retained says that it is there already.
func (t *stack) add(name, kind string, retained bool, properties ordered) {
	r := ordered{{"Type", kind}}
	if retained {
		r = append(r, orderedMember{"DeletionPolicy", "Retain"}, orderedMember{"UpdateReplacePolicy", "Retain"})
	}
	t.resources = append(t.resources, orderedMember{logicalID(name), append(r, orderedMember{"Properties", properties})})
}

func (t *stack) inline(holder, owner, name, policy string) {
	if t.inPlace {
		t.comment("The policy is there already: change it in its stack, if one has it.")
	}
	t.add(owner+"-"+name, "AWS::IAM::"+holder+"Policy", t.inPlace, ordered{
		{holder + "Name", owner}, {"PolicyName", name}, {"PolicyDocument", policyValue(policy)},
	})
}

// attach names who gets a managed policy that the template makes.
func (t *stack) attach(property, owner, arn string) {
	for i := range t.resources {
		r, _ := t.resources[i].value.(ordered)
		last := &r[len(r)-1]
		if p, ok := last.value.(ordered); ok && t.resources[i].name == logicalID(lastPart(arn)) {
			p = append(p, orderedMember{property, []any{owner}})
			last.value = p
		}
	}
}

func (t *stack) boundary(kind, owner, arn string) {
	t.comment("In the "+kind+" resource of "+owner+":", "  PermissionsBoundary: "+arn)
}

// policyValue is a policy's text as a value.
func policyValue(text string) any {
	v, err := readOrdered(Pretty(text))
	if err != nil {
		return text
	}
	return v
}

// logicalID makes a logical id, which is letters and digits, of a name.
func logicalID(name string) string {
	var b strings.Builder
	up := true
	for _, r := range name {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r):
			up = true
		case up:
			b.WriteRune(unicode.ToUpper(r))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// String is the template in YAML, with its comments first.
func (t *stack) String() string {
	var b strings.Builder
	for _, c := range t.comments {
		b.WriteString("# " + c + "\n")
	}
	if len(t.resources) == 0 {
		return b.String()
	}
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(yamlNode(ordered{{"AWSTemplateFormatVersion", "2010-09-09"}, {"Resources", t.resources}})); err != nil {
		return ""
	}
	return b.String()
}

// yamlNode writes a value. Texts are marked as such, so that the encoder quotes
// those that would be read as something else: account ids, dates.
func yamlNode(v any) *yaml.Node {
	switch v := v.(type) {
	case ordered:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, m := range v {
			n.Content = append(n.Content, yamlNode(m.name), yamlNode(m.value))
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, e := range v {
			n.Content = append(n.Content, yamlNode(e))
		}
		return n
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: fmt.Sprint(v)}
}
