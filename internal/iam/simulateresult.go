package iam

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/evaluation"
)

// evaluationResult is a result in the SDK's types.
func evaluationResult(r *evaluation.Result) types.EvaluationResult {
	out := types.EvaluationResult{
		EvalActionName: aws.String(r.EvalActionName), EvalResourceName: aws.String(r.EvalResourceName),
		EvalDecision: types.PolicyEvaluationDecisionType(r.EvalDecision), MatchedStatements: matchedStatements(r.MatchedStatements),
		MissingContextValues: r.MissingContextValues, EvalDecisionDetails: decisionDetails(r.EvalDecisionDetails),
		PermissionsBoundaryDecisionDetail: boundaryDetail(r.PermissionsBoundaryDecisionDetail),
	}
	if o := r.OrganizationsDecisionDetail; o != nil {
		out.OrganizationsDecisionDetail = &types.OrganizationsDecisionDetail{AllowedByOrganizations: o.AllowedByOrganizations}
	}
	for i := range r.ResourceSpecificResults {
		one := &r.ResourceSpecificResults[i]
		out.ResourceSpecificResults = append(out.ResourceSpecificResults, types.ResourceSpecificResult{
			EvalResourceName: aws.String(one.EvalResourceName), EvalResourceDecision: types.PolicyEvaluationDecisionType(one.EvalResourceDecision),
			MatchedStatements: matchedStatements(one.MatchedStatements), MissingContextValues: one.MissingContextValues,
			EvalDecisionDetails:               decisionDetails(one.EvalDecisionDetails),
			PermissionsBoundaryDecisionDetail: boundaryDetail(one.PermissionsBoundaryDecisionDetail),
		})
	}
	return out
}

func matchedStatements(list []evaluation.Statement) []types.Statement {
	out := []types.Statement{}
	for _, s := range list {
		out = append(out, types.Statement{
			SourcePolicyId: aws.String(s.SourcePolicyId), SourcePolicyType: types.PolicySourceType(s.SourcePolicyType),
			StartPosition: &types.Position{Line: int32(s.StartPosition.Line), Column: int32(s.StartPosition.Column)},
			EndPosition:   &types.Position{Line: int32(s.EndPosition.Line), Column: int32(s.EndPosition.Column)},
		})
	}
	return out
}

func decisionDetails(m map[string]access.Outcome) map[string]types.PolicyEvaluationDecisionType {
	if m == nil {
		return nil
	}
	out := make(map[string]types.PolicyEvaluationDecisionType, len(m))
	for name, o := range m {
		out[name] = types.PolicyEvaluationDecisionType(o)
	}
	return out
}

func boundaryDetail(b *evaluation.BoundaryDecision) *types.PermissionsBoundaryDecisionDetail {
	if b == nil {
		return nil
	}
	return &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: b.AllowedByPermissionsBoundary}
}
