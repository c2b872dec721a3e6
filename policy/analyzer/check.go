package analyzer

import (
	"maps"
	"slices"
	"strings"
)

// Check is a kind of finding.
type Check struct {
	Code Code
	Type FindingType
	// Own: the check is ours; IAM Access Analyzer has none of this code.
	Own bool
	// About says in a sentence what it finds.
	About string
	// Link is the address of the guide's description, of an own check that of the
	// page which gives the rule.
	Link string
}

// Checks lists all checks by their code.
func Checks() []Check {
	list := make([]Check, 0, len(checks))
	for _, code := range slices.Sorted(maps.Keys(checks)) {
		c := checks[code]
		list = append(list, Check{Code: code, Type: c.kind, Own: c.page != "", About: c.about, Link: c.link(code)})
	}
	return list
}

// check is a row of the table. page is of our own checks.
type check struct {
	kind        FindingType
	about, page string
}

const reference = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-"

var anchors = map[FindingType]string{Error: "error-", SecurityWarning: "security-warning-", Warning: "general-warning-", Suggestion: "suggestion-"}

func (c check) link(code Code) string {
	if c.page != "" {
		return c.page
	}
	return reference + anchors[c.kind] + strings.ReplaceAll(strings.ToLower(string(code)), "_", "-")
}

const (
	guideKMS         = "https://docs.aws.amazon.com/kms/latest/developerguide/"
	pageConditions   = guideKMS + "conditions-kms.html"
	pageGrants       = guideKMS + "grant-authorization.html"
	pageKeyPolicy    = guideKMS + "key-policy-default.html"
	pageCrossAccount = guideKMS + "key-policy-modifying-external-accounts.html"
	pageAlias        = guideKMS + "alias-authorization.html"
	pagePermissions  = guideKMS + "kms-api-permissions-reference.html"
	pageActionTable  = "https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"
)

// checks are all checks. The types are those of the guide's page, "IAM policy
// validation check reference", as ValidatePolicy answers them: what the page
// calls a general warning is a WARNING.
var checks = map[Code]check{
	"ARN_ACCOUNT_NOT_ALLOWED":                                 {kind: Error, about: "An ARN has an account where its service's ARNs have none."},
	"ARN_REGION_NOT_ALLOWED":                                  {kind: Error, about: "An ARN has a Region where its service's ARNs have none."},
	"DATA_TYPE_MISMATCH":                                      {kind: Error, about: "An element has a value of the wrong JSON type."},
	"DUPLICATE_KEYS_WITH_DIFFERENT_CASE":                      {kind: Error, about: "A condition block has a key twice, in different case."},
	"EMPTY_VARIABLE":                                          {kind: Error, about: "A policy variable has no name."},
	"FEDERATED_PRINCIPAL_NOT_SUPPORTED":                       {kind: Error, about: "A federated principal stands in a policy other than a role's trust policy."},
	"INVALID_ACTION":                                          {kind: Error, about: "An action does not exist, or a pattern matches none."},
	"INVALID_ARN_ACCOUNT":                                     {kind: Error, about: "An ARN has an account that is no account ID."},
	"INVALID_ARN_PREFIX":                                      {kind: Error, about: "A resource does not start with arn:."},
	"INVALID_ARN_REGION":                                      {kind: Error, about: "An ARN has a Region that does not exist."},
	"INVALID_ARN_RESOURCE":                                    {kind: Error, about: "An ARN fits no resource type of its service."},
	"INVALID_ARN_SERVICE_CASE":                                {kind: Error, about: "An ARN writes its service with capitals."},
	"INVALID_CONDITION_DATA_TYPE":                             {kind: Error, about: "The values of a condition are of several JSON types."},
	"INVALID_CONDITION_KEY_FORMAT":                            {kind: Error, about: "A condition key is not service:name."},
	"INVALID_CONDITION_MULTIPLE_BOOLEAN":                      {kind: Error, about: "A Boolean condition has several values."},
	"INVALID_CONDITION_OPERATOR":                              {kind: Error, about: "A condition operator does not exist."},
	"INVALID_EFFECT":                                          {kind: Error, about: "An effect is neither Allow nor Deny."},
	"INVALID_FEDERATED_PRINCIPAL_SYNTAX_IN_ROLE_TRUST_POLICY": {kind: Error, about: "A federated principal is neither a domain nor the ARN of a provider."},
	"INVALID_GLOBAL_CONDITION_KEY":                            {kind: Error, about: "A condition key with the prefix aws: does not exist."},
	"INVALID_KMS_KEY_VALUE":                                   {kind: Error, about: "A condition compares a KMS key with something that is no key ARN."},
	"INVALID_PARTITION":                                       {kind: Error, about: "An ARN has a partition that does not exist."},
	"INVALID_POLICY_ELEMENT":                                  {kind: Error, about: "The policy language has no such element."},
	"INVALID_PRINCIPAL_FORMAT":                                {kind: Error, about: "A principal has no type."},
	"INVALID_PRINCIPAL_KEY":                                   {kind: Error, about: "There is no such type of principal."},
	"INVALID_REGION":                                          {kind: Error, about: "A condition names a Region that does not exist."},
	"INVALID_SERVICE":                                         {kind: Error, about: "A service does not exist."},
	"INVALID_SERVICE_CONDITION_KEY":                           {kind: Error, about: "The service has no such condition key."},
	"INVALID_SERVICE_IN_ACTION":                               {kind: Error, about: "The service of an action does not exist."},
	"INVALID_SERVICE_PRINCIPAL_FORMAT":                        {kind: Error, about: "A value is not the name of a service principal."},
	"INVALID_VARIABLE_FOR_OPERATOR":                           {kind: Error, about: "A policy variable is used with an operator that does not know them."},
	"INVALID_VERSION":                                         {kind: Error, about: "The language has no such version."},
	"INVALID_VPC_FORMAT":                                      {kind: Error, about: "A value is no VPC ID."},
	"INVALID_VPCE_FORMAT":                                     {kind: Error, about: "A value is no VPC endpoint ID."},
	"JSON_SYNTAX_ERROR":                                       {kind: Error, about: "The text is not JSON."},
	"MISMATCHED_ACTION_FOR_PRINCIPAL":                         {kind: Error, about: "A role is assumed by an action that its principals cannot use."},
	"MISSING_ACTION":                                          {kind: Error, about: "A statement has neither Action nor NotAction."},
	"MISSING_ACTION_FOR_CONDITION_KEY":                        {kind: Error, about: "A condition key needs an action that the statement lacks."},
	"MISSING_ACTION_FOR_ROLES_ANYWHERE_TRUST_POLICY":          {kind: Error, about: "IAM Roles Anywhere needs three actions of a role's trust policy."},
	"MISSING_ARN_ACCOUNT":                                     {kind: Error, about: "An ARN lacks its account."},
	"MISSING_ARN_FIELD":                                       {kind: Error, about: "An ARN has fewer than six parts."},
	"MISSING_ARN_REGION":                                      {kind: Error, about: "An ARN lacks its Region."},
	"MISSING_BRACE_IN_VARIABLE":                               {kind: Error, about: "A policy variable is not closed."},
	"MISSING_EFFECT":                                          {kind: Error, about: "A statement has no Effect."},
	"MISSING_PRINCIPAL":                                       {kind: Error, about: "A statement of a resource-based policy names no principal."},
	"MISSING_QUALIFIER":                                       {kind: Error, about: "A multivalued key is compared without ForAllValues or ForAnyValue."},
	"MISSING_QUOTE_IN_VARIABLE":                               {kind: Error, about: "The default of a policy variable is not in single quotes."},
	"MISSING_RESOURCE":                                        {kind: Error, about: "A statement has neither Resource nor NotResource."},
	"MISSING_STATEMENT":                                       {kind: Error, about: "The policy has no statement."},
	"MISSING_TAG_KEY_IN_CONDITION":                            {kind: Error, about: "A condition on a tag names no tag."},
	"NULL_WITH_IF_EXISTS":                                     {kind: Error, about: "Null has no IfExists."},
	"POLICY_SIZE_EXCEEDS_RCP_QUOTA":                           {kind: Error, about: "A resource control policy is too long."},
	"POLICY_SIZE_EXCEEDS_SCP_QUOTA":                           {kind: Error, about: "A service control policy is too long."},
	"PRIVATE_IP_ADDRESS":                                      {kind: Error, about: "aws:SourceIp is compared with private addresses only, so the condition never holds."},
	"PRIVATE_NOT_IP_ADDRESS":                                  {kind: Error, about: "aws:SourceIp is kept from private addresses only, so the condition always holds."},
	"RCP_SYNTAX_ERROR_ACTION":                                 {kind: Error, about: "A resource control policy names an action of a service that such policies do not reach."},
	"RCP_SYNTAX_ERROR_ALLOW":                                  {kind: Error, about: "A resource control policy allows less than everything."},
	"RCP_SYNTAX_ERROR_NOTACTION":                              {kind: Error, about: "A resource control policy has NotAction."},
	"RCP_SYNTAX_ERROR_PRINCIPAL":                              {kind: Error, about: "The principal of a resource control policy is not everyone."},
	"ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL":             {kind: Error, about: "A role's trust policy has NotPrincipal."},
	"ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE":                 {kind: Error, about: "A role's trust policy has a resource."},
	"ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL":     {kind: Error, about: "A role's trust policy trusts everyone."},
	"SCP_SYNTAX_ERROR_ACTION_WILDCARD":                        {kind: Error, about: "An action of a service control policy has a wildcard that is not at its end."},
	"SCP_SYNTAX_ERROR_PRINCIPAL":                              {kind: Error, about: "A service control policy names a principal."},
	"TYPE_MISMATCH_IP_RANGE":                                  {kind: Error, about: "A value is no address and no CIDR block."},
	"UNIQUE_SIDS_REQUIRED":                                    {kind: Error, about: "Two statements have the same Sid."},
	"UNSUPPORTED_ACTION_FOR_CONDITION_KEY":                    {kind: Error, about: "An action does not know a condition key of its statement."},
	"UNSUPPORTED_ACTION_IN_POLICY":                            {kind: Error, about: "A resource's policy names an action of another service."},
	"UNSUPPORTED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL":         {kind: Error, about: "A condition key is never present in the requests of a service principal."},
	"UNSUPPORTED_ELEMENT_COMBINATION":                         {kind: Error, about: "A statement has an element and its opposite."},
	"UNSUPPORTED_GLOBAL_CONDITION_KEY":                        {kind: Error, about: "aws:ARN is no condition key any more."},
	"UNSUPPORTED_PRINCIPAL":                                   {kind: Error, about: "A policy of this type names no principal."},
	"UNSUPPORTED_RESOURCE_ARN_IN_POLICY":                      {kind: Error, about: "A resource's policy names a resource of another type."},
	"UNSUPPORTED_SID":                                         {kind: Error, about: "A Sid has a character that is not allowed."},
	"UNSUPPORTED_SPACE_IN_VARIABLE":                           {kind: Error, about: "The name of a policy variable has a space."},
	"UNSUPPORTED_WILDCARD_IN_PRINCIPAL":                       {kind: Error, about: "A principal has a wildcard."},
	"VARIABLE_UNSUPPORTED_IN_ELEMENT":                         {kind: Error, about: "An element does not know policy variables."},
	"VARIABLE_UNSUPPORTED_IN_VERSION":                         {kind: Error, about: "The policy's version does not know policy variables."},
	"VARIABLE_USAGE_TOO_PERMISSIVE":                           {kind: Error, about: "A policy variable makes a sensitive condition too wide."},
	"WILDCARD_USAGE_TOO_PERMISSIVE":                           {kind: Error, about: "A wildcard makes a sensitive condition too wide."},

	"ALLOW_WITH_NOT_PRINCIPAL":                                      {kind: SecurityWarning, about: "Everyone but some is allowed."},
	"DENY_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE": {kind: SecurityWarning, about: "All but some actions are denied by a tag that not all know."},
	"DENY_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE":           {kind: SecurityWarning, about: "Actions are denied by a tag that they do not know."},
	"DYNAMODB_ATTRIBUTES_WITHOUT_SELECT":                            {kind: SecurityWarning, about: "dynamodb:Attributes does not bind requests that ask for all attributes."},
	"FORALLVALUES_WITH_SINGLE_VALUED_KEY":                           {kind: SecurityWarning, about: "ForAllValues with a single-valued key also holds for requests without the key."},
	"FORANYVALUE_WITH_AUDIENCE_CLAIM_TYPE":                          {kind: SecurityWarning, about: "The audience claim has one value."},
	"MISSING_CONDITION_KEY_FOR_OIDC_PRINCIPAL":                      {kind: SecurityWarning, about: "An OIDC provider is trusted without a condition on its tokens."},
	"MISSING_GITHUB_REPO_CONDITION_KEY":                             {kind: SecurityWarning, about: "GitHub is trusted without a condition on the repository."},
	"MISSING_PAIRED_CONDITION_KEYS":                                 {kind: SecurityWarning, about: "A condition key is safe only together with another."},
	"PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE":                    {kind: SecurityWarning, about: "All but some roles can be passed."},
	"PASS_ROLE_WITH_NOT_RESOURCE":                                   {kind: SecurityWarning, about: "All but some roles can be passed."},
	"PASS_ROLE_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE":                {kind: SecurityWarning, about: "All but some roles can be passed."},
	"PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE":                    {kind: SecurityWarning, about: "Every role can be passed to every service."},
	"PASS_ROLE_WITH_STAR_IN_RESOURCE":                               {kind: SecurityWarning, about: "Every role can be passed to every service."},
	"PASS_ROLE_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION":                {kind: SecurityWarning, about: "Every role can be passed to every service."},
	"RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL":                          {kind: SecurityWarning, about: "A service is let in, whoever it works for."},
	"S3_PREFIX_IN_NEGATIVE_CONTEXT":                                 {kind: SecurityWarning, about: "A shorter prefix gets around the condition on s3:prefix."},
	"STRING_LIKE_OPERATOR_WITH_ARN_CONDITION_KEYS":                  {kind: SecurityWarning, about: "StringLike compares an ARN across its parts."},
	"UNTRUSTWORTHY_CONDITION_KEY":                                   {kind: SecurityWarning, about: "The caller can make up the value of a condition key."},

	"CREATE_SLR_WITH_NOT_ACTION_AND_NOT_RESOURCE":         {kind: Warning, about: "All but some service-linked roles can be created."},
	"CREATE_SLR_WITH_NOT_RESOURCE":                        {kind: Warning, about: "All but some service-linked roles can be created."},
	"CREATE_SLR_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE":     {kind: Warning, about: "All but some service-linked roles can be created."},
	"CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE":         {kind: Warning, about: "Every service-linked role can be created."},
	"CREATE_SLR_WITH_STAR_IN_RESOURCE":                    {kind: Warning, about: "Every service-linked role can be created."},
	"CREATE_SLR_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION":     {kind: Warning, about: "Every service-linked role can be created."},
	"DEPRECATED_GLOBAL_CONDITION_KEY":                     {kind: Warning, about: "A global condition key has a successor."},
	"INVALID_DATE_VALUE":                                  {kind: Warning, about: "A date is written as a number."},
	"INVALID_ROLE_REFERENCE":                              {kind: Warning, about: "A role is named by its unique ID."},
	"INVALID_USER_REFERENCE":                              {kind: Warning, about: "A user is named by its unique ID."},
	"MISSING_VERSION":                                     {kind: Warning, about: "The policy does not say its version."},
	"POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA":           {kind: Warning, about: "An identity-based policy is too long."},
	"POLICY_SIZE_EXCEEDS_RESOURCE_POLICY_QUOTA":           {kind: Warning, about: "A resource-based policy is too long."},
	"POLICY_SIZE_EXCEEDS_ROLE_TRUST_POLICY_QUOTA":         {kind: Warning, about: "A role's trust policy is too long."},
	"RCP_MISSING_RELATED_PRINCIPAL_CONDITION_KEY":         {kind: Warning, about: "A resource control policy about principals also hits services."},
	"RCP_MISSING_RELATED_SERVICE_PRINCIPAL_CONDITION_KEY": {kind: Warning, about: "A resource control policy about services also hits principals."},
	"RCP_MISSING_SERVICE_CONDITION_KEY_NULL_CHECK":        {kind: Warning, about: "A resource control policy also hits services that do not tell their source."},
	"SPECIFIC_GITHUB_REPO_AND_BRANCH_RECOMMENDED":         {kind: Warning, about: "GitHub is trusted for more than one branch of one repository."},
	"TYPE_MISMATCH":                                       {kind: Warning, about: "A condition key is compared by an operator for another type."},
	"TYPE_MISMATCH_BOOLEAN":                               {kind: Warning, about: "A value is neither true nor false."},
	"TYPE_MISMATCH_DATE":                                  {kind: Warning, about: "A value is no date."},
	"TYPE_MISMATCH_NUMBER":                                {kind: Warning, about: "A value is no number."},
	"TYPE_MISMATCH_STRING":                                {kind: Warning, about: "A value is not base64."},
	"UNIQUE_SIDS_RECOMMENDED":                             {kind: Warning, about: "Two statements have the same Sid."},
	"USE_CONDITION_KEY_ONLY_WITH_SUPPORTED_SERVICES":      {kind: Warning, about: "A condition key is known to few services, and not to one of the statement."},
	"WILDCARD_WITHOUT_LIKE_OPERATOR":                      {kind: Warning, about: "A value has a wildcard that its operator takes literally."},

	"ALLOW_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE": {kind: Suggestion, about: "All but some actions are allowed by a tag that not all know."},
	"ALLOW_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE":           {kind: Suggestion, about: "Actions are allowed by a tag that they do not know."},
	"CONFIRM_AUDIENCE_CLAIM_TYPE":                                    {kind: Suggestion, about: "The audience claim has one value with most providers."},
	"EMPTY_ARRAY_ACTION":                                             {kind: Suggestion, about: "A list of actions is empty."},
	"EMPTY_ARRAY_CONDITION":                                          {kind: Suggestion, about: "A condition has no values."},
	"EMPTY_ARRAY_CONDITION_FORALLVALUES":                             {kind: Suggestion, about: "A condition has no values."},
	"EMPTY_ARRAY_CONDITION_FORANYVALUE":                              {kind: Suggestion, about: "A condition has no values."},
	"EMPTY_ARRAY_CONDITION_IFEXISTS":                                 {kind: Suggestion, about: "A condition has no values."},
	"EMPTY_ARRAY_PRINCIPAL":                                          {kind: Suggestion, about: "A list of principals is empty."},
	"EMPTY_ARRAY_RESOURCE":                                           {kind: Suggestion, about: "A list of resources is empty."},
	"EMPTY_OBJECT_CONDITION":                                         {kind: Suggestion, about: "A condition block is empty."},
	"EMPTY_OBJECT_PRINCIPAL":                                         {kind: Suggestion, about: "A principal is empty."},
	"EMPTY_SID_VALUE":                                                {kind: Suggestion, about: "A Sid is empty."},
	"IMPROVE_IP_RANGE":                                               {kind: Suggestion, about: "A CIDR block has bits behind its mask."},
	"NULL_WITH_QUALIFIER":                                            {kind: Suggestion, about: "Null has no use for ForAllValues and ForAnyValue."},
	"PRIVATE_IP_ADDRESS_SUBSET":                                      {kind: Suggestion, about: "aws:SourceIp is compared with some private addresses."},
	"PRIVATE_NOT_IP_ADDRESS_SUBSET":                                  {kind: Suggestion, about: "aws:SourceIp is kept from some private addresses."},
	"RECOMMENDED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL":                {kind: Suggestion, about: "A service principal is better bound by its source."},
	"REDUNDANT_ACTION":                                               {kind: Suggestion, about: "An action is covered by another."},
	"REDUNDANT_CONDITION_VALUE_NUM":                                  {kind: Suggestion, about: "One of several numbers decides."},
	"REDUNDANT_KEY_DUE_TO_WILDCARD_IN_CONDITION":                     {kind: Suggestion, about: "A condition always holds."},
	"REDUNDANT_PRINCIPAL_IN_ROLE_TRUST_POLICY":                       {kind: Suggestion, about: "A role session is covered by its role."},
	"REDUNDANT_RESOURCE":                                             {kind: Suggestion, about: "A resource is covered by another."},
	"REDUNDANT_STATEMENT":                                            {kind: Suggestion, about: "A statement stands twice."},
	"REDUNDANT_STATEMENT_DUE_TO_WILDCARD_IN_CONDITION":               {kind: Suggestion, about: "A condition never holds."},
	"WILDCARD_IN_SERVICE_NAME":                                       {kind: Suggestion, about: "The name of a service has a wildcard."},

	// Ours.
	"ACTION_WITHOUT_MATCHING_RESOURCE": {kind: Warning, page: pageActionTable, about: "An action is checked on types of resource that the statement does not name, so it is neither allowed nor denied."},
	"KMS_ACTION_NOT_FOR_KEY":           {kind: Suggestion, page: pagePermissions, about: "A key policy names an action that is never checked on a key."},
	"KMS_ALIAS_FOR_KEY_USE":            {kind: Warning, page: pageAlias, about: "The use of a key is checked on the key's ARN, never on an alias."},
	"KMS_CREATE_GRANT_UNRESTRICTED":    {kind: SecurityWarning, page: pageGrants, about: "Grants of any kind can be made, also to others than AWS services."},
	"KMS_INVALID_CONDITION_VALUE":      {kind: Error, page: pageConditions, about: "A KMS condition key is compared with a value that it never has."},
	"KMS_KEY_POLICY_WITHOUT_ROOT":      {kind: SecurityWarning, page: pageKeyPolicy, about: "No statement lets the account administer the key, so it may become unmanageable."},
	"KMS_PRINCIPAL_IN_OTHER_ACCOUNT":   {kind: Suggestion, page: pageCrossAccount, about: "A key policy lets another account in."},
}
