package sts

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

const (
	// arnsMax is how many managed policies a session may be limited by.
	arnsMax = 10
	// packedMax is what the share of policies and tags is measured by, once
	// compressed. AWS tells it still, but refuses only tokens that are too long.
	packedMax = 2048
)

// limits are the policies and tags that somebody asks for with a session.
type limits struct {
	policy   *string
	arns     []types.PolicyDescriptorType
	tags     []types.Tag
	account  string            // whose managed policies these are
	tagged   map[string]string // the tags, checked
	policies []api.SessionPolicy
}

// check reads what was asked for and returns how much of the packed size it uses,
// in percent, or nil if nothing was asked for.
func (s *Service) check(c *api.Call, l *limits) (*int32, error) {
	if err := l.checkTags(); err != nil {
		return nil, err
	}
	if err := s.readPolicies(c, l); err != nil {
		return nil, err
	}
	if len(l.policies) == 0 && len(l.tagged) == 0 {
		return nil, nil
	}
	return aws.Int32(int32(l.packed())), nil
}

// packed is the share of the allotted space, in percent from 1 to 100.
func (l *limits) packed() int {
	var b strings.Builder
	if l.policy != nil {
		b.WriteString(*l.policy)
	}
	for _, a := range l.arns {
		b.WriteString(aws.ToString(a.Arn))
	}
	for _, k := range slices.Sorted(maps.Keys(l.tagged)) {
		b.WriteString(k + l.tagged[k])
	}
	return min(max(1, (len(pack([]byte(b.String())))*100+packedMax-1)/packedMax), 100)
}

func (s *Service) readPolicies(c *api.Call, l *limits) error {
	plain := utf8.RuneCountInString(aws.ToString(l.policy))
	if len(l.arns) > arnsMax {
		return invalid("1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to %d", arnsMax)
	}
	if l.policy != nil {
		if _, err := policy.Load([]byte(*l.policy), policy.SessionPolicy); err != nil {
			return malformed(err.Error())
		}
		l.policies = append(l.policies, api.SessionPolicy{Name: "inline session policy", Document: *l.policy})
	}
	for _, a := range l.arns {
		arn := aws.ToString(a.Arn)
		plain += utf8.RuneCountInString(arn)
		name, text, err := s.iam.ManagedPolicy(c.Tx, l.account, arn)
		if errors.Is(err, store.ErrNotFound) {
			return invalid("Policy %s does not exist or is not attachable.", arn)
		}
		if err != nil {
			return err
		}
		l.policies = append(l.policies, api.SessionPolicy{Name: name, ARN: arn, Document: text})
	}
	// The inline and managed session policies together (STS API reference,
	// "AssumeRole", Policy).
	if plain > policy.MaxSession {
		return invalid("1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to %d", policy.MaxSession)
	}
	return nil
}

// checkTags checks session tags, whose keys are compared without regard to case
// (IAM guide, "Passing session tags in AWS STS").
func (l *limits) checkTags() error {
	l.tagged = make(map[string]string, len(l.tags))
	seen := make(map[string]bool, len(l.tags))
	for _, t := range l.tags {
		key := strings.ToLower(aws.ToString(t.Key))
		if seen[key] {
			return api.Error("InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if strings.HasPrefix(key, "aws:") {
			return api.Error("InvalidParameterValue", "One or more tag keys start with the reserved prefix aws:.")
		}
		seen[key] = true
		l.tagged[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return nil
}

// requestTags sets aws:RequestTag/… and aws:TagKeys.
func requestTags(k *access.Context, tags []types.Tag) {
	if len(tags) == 0 {
		return
	}
	keys := make([]string, 0, len(tags))
	for _, t := range tags {
		k.Set("aws:RequestTag/"+aws.ToString(t.Key), aws.ToString(t.Value))
		keys = append(keys, aws.ToString(t.Key))
	}
	k.Set("aws:TagKeys", keys...)
}
