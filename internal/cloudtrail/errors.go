package cloudtrail

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// The messages are AWS's own as clients have reported them. Those that are
// marked so rest on no source: AWS documents only the code.

func trailNotFound(name, account string) error {
	return &types.TrailNotFoundException{Message: aws.String("Unknown trail: " + name + " for the user: " + account)}
}

func trailExists(name, account string) error {
	return &types.TrailAlreadyExistsException{Message: aws.String("Trail " + name + " already exists for customer: " + account)}
}

func tooManyTrails(account, region string) error {
	return &types.MaximumNumberOfTrailsExceededException{Message: aws.String(fmt.Sprintf("User: %s already has %d trails in %s.", account, maxTrails, region))}
}

func invalidName(format string, args ...any) error {
	return &types.InvalidTrailNameException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func noBucket(name string) error {
	return &types.S3BucketDoesNotExistException{Message: aws.String("S3 bucket " + name + " does not exist!")}
}

func noTopic() error {
	return &types.InsufficientSnsTopicPolicyException{Message: aws.String("SNS Topic does not exist or the topic policy is incorrect!")}
}

func noLogGroup() error {
	return &types.InvalidCloudWatchLogsLogGroupArnException{Message: aws.String("CloudTrail cannot validate the specified log group ARN.")}
}

func keyRefused(bucket, key string) error {
	return &types.InsufficientEncryptionPolicyException{Message: aws.String("Insufficient permissions to access S3 bucket " + bucket + " or KMS key " + key + ".")}
}

func combination(message string) error {
	return &types.InvalidParameterCombinationException{Message: aws.String(message)}
}

func insightsOff(arn string) error {
	return &types.InsightNotEnabledException{Message: aws.String("Trail " + arn + " does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again.")}
}

func accessNotEnabled() error {
	return &types.CloudTrailAccessNotEnabledException{Message: aws.String("Your organization hasn't enabled CloudTrail service access.")}
}

// The wording of what follows rests on no source.

func invalidARN(arn string) error {
	return &types.CloudTrailARNInvalidException{Message: aws.String("Invalid trail ARN: " + arn)}
}

func otherHome(t trail) error {
	return &types.InvalidHomeRegionException{Message: aws.String(fmt.Sprintf("Trail %s can be changed only in its home Region: %s", t.arn(), t.Region))}
}

func invalidBucketName(name string) error {
	return &types.InvalidS3BucketNameException{Message: aws.String("Bucket name " + name + " is invalid.")}
}

func invalidPrefix(format string, args ...any) error {
	return &types.InvalidS3PrefixException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalidSelectors(format string, args ...any) error {
	return &types.InvalidEventSelectorsException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalidTag(format string, args ...any) error {
	return &types.InvalidTagParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func tooManyTags() error {
	return &types.TagsLimitExceededException{Message: aws.String(fmt.Sprintf("The number of tags per trail cannot exceed %d.", maxTags))}
}

func resourceNotFound(arn string) error {
	return &types.ResourceNotFoundException{Message: aws.String("Resource not found: " + arn)}
}

func notManagement() error {
	return &types.NotOrganizationMasterAccountException{Message: aws.String("The account is neither the management account of an organization nor its delegated administrator for CloudTrail.")}
}

func noOrganization() error {
	return &types.OrganizationsNotInUseException{Message: aws.String("The account is not a member of an organization.")}
}

func notAllFeatures() error {
	return &types.OrganizationNotInAllFeaturesModeException{Message: aws.String("The organization does not have all features enabled.")}
}

func dependencyDenied() error {
	return &types.InsufficientDependencyServiceAccessPermissionException{Message: aws.String("The caller has no permission to create the service-linked role for CloudTrail.")}
}

func invalidKeyID(id string) error {
	return &types.InvalidKmsKeyIdException{Message: aws.String("Invalid KMS key ID: " + id)}
}

func keyNotFound(id string) error {
	return &types.KmsKeyNotFoundException{Message: aws.String("KMS key " + id + " does not exist.")}
}

func keyUnusable(id, code string) error {
	return &types.KmsException{Message: aws.String("KMS key " + id + " cannot be used: " + code)}
}

func unsupported(message string) error {
	return &types.UnsupportedOperationException{Message: aws.String(message)}
}

// What follows is CloudTrail Lake's, and rests on no source but for its codes.

func invalidParameter(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalidDataStoreARN(arn string) error {
	return &types.EventDataStoreARNInvalidException{Message: aws.String("The specified event data store ARN is not valid or does not map to an event data store in your account: " + arn)}
}

func dataStoreNotFound(ref string) error {
	return &types.EventDataStoreNotFoundException{Message: aws.String("The specified event data store was not found: " + ref)}
}

func inactiveDataStore(d dataStore) error {
	return &types.InactiveEventDataStoreException{Message: aws.String("The event data store is inactive: " + d.arn())}
}

func invalidDataStoreStatus(d dataStore, now time.Time, want types.EventDataStoreStatus) error {
	return &types.InvalidEventDataStoreStatusException{Message: aws.String(fmt.Sprintf("The status of event data store %s is %s; it must be %s for the operation.", d.arn(), d.status(now), want))}
}

func queryNotFound(id string) error {
	return &types.QueryIdNotFoundException{Message: aws.String("The query ID does not exist or does not map to a query: " + id)}
}

func invalidToken() error {
	return &types.InvalidNextTokenException{Message: aws.String("Invalid next token.")}
}
