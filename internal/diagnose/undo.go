package diagnose

import (
	"context"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/keyturn/keyturn/internal/phrase"
)

// Before is what a call is about to change.
type Before struct {
	// Document is the document in whose place another goes; empty if there is none.
	Document string
	// undo makes the calls that bring back what was, out of the call's own output.
	undo func(out any) []Call
}

// Undo are the calls that bring back what was before, once the call has been
// made and has answered out.
func (b Before) Undo(out any) []Call { return b.undo(out) }

// always undoes whatever the call answers.
func always(calls ...Call) func(any) []Call { return func(any) []Call { return calls } }

// Before reads what the call is about to change. A fix that cannot be undone is
// not begun.
func (c Call) Before(ctx context.Context, with Configs) (Before, error) {
	b, err := c.before(ctx, with)
	if err != nil {
		return b, phrase.NewError(phrase.Say("reading what %s:%s will change: %v", c.Service, c.Operation, err), err)
	}
	return b, nil
}

func (c Call) before(ctx context.Context, with Configs) (Before, error) {
	i, k := iam.NewFromConfig(with.Account), kms.NewFromConfig(with.Account)
	switch in := c.Input.(type) {
	case *iam.PutUserPolicyInput:
		was, err := i.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: in.UserName, PolicyName: in.PolicyName})
		if err != nil {
			return noInline(err, Call{"iam", "DeleteUserPolicy", &iam.DeleteUserPolicyInput{UserName: in.UserName, PolicyName: in.PolicyName}})
		}
		return beforeInline("user", *in.UserName, *in.PolicyName, was.PolicyDocument)
	case *iam.PutRolePolicyInput:
		was, err := i.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: in.RoleName, PolicyName: in.PolicyName})
		if err != nil {
			return noInline(err, Call{"iam", "DeleteRolePolicy", &iam.DeleteRolePolicyInput{RoleName: in.RoleName, PolicyName: in.PolicyName}})
		}
		return beforeInline("role", *in.RoleName, *in.PolicyName, was.PolicyDocument)
	case *iam.PutGroupPolicyInput:
		was, err := i.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: in.GroupName, PolicyName: in.PolicyName})
		if err != nil {
			return noInline(err, Call{"iam", "DeleteGroupPolicy", &iam.DeleteGroupPolicyInput{GroupName: in.GroupName, PolicyName: in.PolicyName}})
		}
		return beforeInline("group", *in.GroupName, *in.PolicyName, was.PolicyDocument)
	case *iam.DetachUserPolicyInput:
		return Before{undo: always(attach("user", *in.UserName, *in.PolicyArn))}, nil
	case *iam.DetachRolePolicyInput:
		return Before{undo: always(attach("role", *in.RoleName, *in.PolicyArn))}, nil
	case *iam.DetachGroupPolicyInput:
		return Before{undo: always(attach("group", *in.GroupName, *in.PolicyArn))}, nil
	case *iam.CreatePolicyInput:
		return Before{undo: func(out any) []Call {
			return []Call{{"iam", "DeletePolicy", &iam.DeletePolicyInput{PolicyArn: out.(*iam.CreatePolicyOutput).Policy.Arn}}}
		}}, nil
	case *iam.CreatePolicyVersionInput:
		return beforeVersion(ctx, i, in.PolicyArn)
	case *iam.PutUserPermissionsBoundaryInput:
		was, err := i.GetUser(ctx, &iam.GetUserInput{UserName: in.UserName})
		if err != nil {
			return Before{}, err
		}
		if b := was.User.PermissionsBoundary; b != nil {
			return Before{undo: always(bound("user", *in.UserName, *b.PermissionsBoundaryArn))}, nil
		}
		return Before{undo: always(Call{"iam", "DeleteUserPermissionsBoundary", &iam.DeleteUserPermissionsBoundaryInput{UserName: in.UserName}})}, nil
	case *iam.PutRolePermissionsBoundaryInput:
		was, err := i.GetRole(ctx, &iam.GetRoleInput{RoleName: in.RoleName})
		if err != nil {
			return Before{}, err
		}
		if b := was.Role.PermissionsBoundary; b != nil {
			return Before{undo: always(bound("role", *in.RoleName, *b.PermissionsBoundaryArn))}, nil
		}
		return Before{undo: always(Call{"iam", "DeleteRolePermissionsBoundary", &iam.DeleteRolePermissionsBoundaryInput{RoleName: in.RoleName}})}, nil
	case *kms.PutKeyPolicyInput:
		was, err := k.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: in.KeyId, PolicyName: in.PolicyName})
		if err != nil {
			return Before{}, err
		}
		return Before{Document: aws.ToString(was.Policy), undo: always(putKeyPolicy(*in.KeyId, *was.Policy))}, nil
	case *organizations.UpdatePolicyInput:
		was, err := organizations.NewFromConfig(with.Organization).DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: in.PolicyId})
		if err != nil {
			return Before{}, err
		}
		text := was.Policy.Content
		return Before{Document: aws.ToString(text), undo: always(Call{"organizations", "UpdatePolicy", &organizations.UpdatePolicyInput{PolicyId: in.PolicyId, Content: text}})}, nil
	case *iam.AttachUserPolicyInput:
		return Before{undo: always(detach("user", *in.UserName, *in.PolicyArn))}, nil
	case *iam.AttachRolePolicyInput:
		return Before{undo: always(detach("role", *in.RoleName, *in.PolicyArn))}, nil
	case *iam.AttachGroupPolicyInput:
		return Before{undo: always(detach("group", *in.GroupName, *in.PolicyArn))}, nil
	case *kms.CreateGrantInput:
		return Before{undo: func(out any) []Call { return revoke(in, out) }}, nil
	case *kms.EnableKeyInput:
		return Before{undo: always(Call{"kms", "DisableKey", &kms.DisableKeyInput{KeyId: in.KeyId}})}, nil
	case *kms.CancelKeyDeletionInput:
		// The days that were left cannot be had again: a deletion waits for seven
		// at least. The longest loses nothing.
		return Before{undo: always(Call{"kms", "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: in.KeyId, PendingWindowInDays: aws.Int32(30)}})}, nil
	}
	return Before{}, phrase.NewError(phrase.Say("nobody knows how to undo it"), nil)
}

// noInline is what was before an inline policy that was not there: remove takes the
// new one away again. Another error stays one.
func noInline(err error, remove Call) (Before, error) {
	if isCode(err, "NoSuchEntity") {
		return Before{undo: always(remove)}, nil
	}
	return Before{}, err
}

// beforeInline is the inline policy in whose place another goes.
func beforeInline(holder, owner, name string, document *string) (Before, error) {
	text, err := url.PathUnescape(aws.ToString(document))
	return Before{Document: text, undo: always(putInline(holder, owner, name, text))}, err
}

// beforeVersion is the default version of a managed policy, before another.
func beforeVersion(ctx context.Context, i *iam.Client, arn *string) (Before, error) {
	p, err := i.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	if err != nil {
		return Before{}, err
	}
	v, err := i.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: p.Policy.DefaultVersionId})
	if err != nil {
		return Before{}, err
	}
	text, err := url.PathUnescape(aws.ToString(v.PolicyVersion.Document))
	return Before{Document: text, undo: func(out any) []Call {
		return []Call{
			{"iam", "SetDefaultPolicyVersion", &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: p.Policy.DefaultVersionId}},
			{"iam", "DeletePolicyVersion", &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: out.(*iam.CreatePolicyVersionOutput).PolicyVersion.VersionId}},
		}
	}}, err
}
