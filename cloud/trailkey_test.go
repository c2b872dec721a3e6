package cloud_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// accountStatement is that of KMS's default key policy.
const accountStatement = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"}`

// TestTrailKey: CloudTrail itself asks for the key, with the context and the
// source that the guide's key policy tests.
func TestTrailKey(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	const arn = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/trail"
	describe := `{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"kms:DescribeKey","Resource":"*"}`
	encrypt := func(context, source string) string {
		return `{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"kms:GenerateDataKey*","Resource":"*","Condition":{` +
			`"StringLike":{"kms:EncryptionContext:aws:cloudtrail:arn":"` + context + `"},"StringEquals":{"aws:SourceArn":"` + source + `","aws:SourceAccount":"123456789012"}}}`
	}
	for _, test := range []struct {
		rule, statements, code string
	}{
		{"the default key policy does not let CloudTrail", "", "InsufficientEncryptionPolicyException"},
		{"CloudTrail must describe the key", encrypt("arn:aws:cloudtrail:*:123456789012:trail/*", arn), "InsufficientEncryptionPolicyException"},
		{"the guide's policy", describe + "," + encrypt("arn:aws:cloudtrail:*:123456789012:trail/*", arn), ""},
		{"another trail's context", describe + "," + encrypt("arn:aws:cloudtrail:*:123456789012:trail/other", arn), "InsufficientEncryptionPolicyException"},
		{"another source", describe + "," + encrypt("*", arn+"2"), "InsufficientEncryptionPolicyException"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			key := a.key()
			if test.statements != "" {
				a.putKeyPolicy(key, `{"Version":"2012-10-17","Statement":[`+accountStatement+","+test.statements+`]}`)
			}
			out, err := a.root.trail.CreateTrail(t.Context(), &cloudtrail.CreateTrailInput{Name: aws.String("trail"), S3BucketName: aws.String(bucket), KmsKeyId: &key})
			if test.code == "" {
				a.must(err)
				if *out.KmsKeyId != key {
					t.Errorf("the trail has key %s", *out.KmsKeyId)
				}
				_, err = a.root.trail.DeleteTrail(t.Context(), &cloudtrail.DeleteTrailInput{Name: aws.String("trail")})
				a.must(err)
				return
			}
			(&stage{T: t}).wantError(err, test.code, "")
			if err != nil && !strings.Contains(err.Error(), "Insufficient permissions to access S3 bucket example-logs or KMS key "+key+".") {
				t.Errorf("the message is %v", err)
			}
		})
	}

	key := a.key()
	a.putKeyPolicy(key, `{"Version":"2012-10-17","Statement":[`+accountStatement+","+describe+","+encrypt("*", arn)+`]}`)
	_, err := a.root.kms.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/logs"), TargetKeyId: &key})
	a.must(err)
	out, err := a.root.trail.CreateTrail(t.Context(), &cloudtrail.CreateTrailInput{Name: aws.String("trail"), S3BucketName: aws.String(bucket), KmsKeyId: aws.String("alias/logs")})
	a.must(err)
	if *out.KmsKeyId != key {
		t.Errorf("alias/logs became %s", *out.KmsKeyId)
	}
	_, err = a.root.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key})
	a.must(err)
	_, err = a.root.trail.UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: aws.String("trail"), KmsKeyId: &key})
	a.wantError(err, "KmsException", "")
	_, err = a.root.trail.UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: aws.String("trail"), KmsKeyId: aws.String("what?")})
	a.wantError(err, "InvalidKmsKeyIdException", "")
	updated, err := a.root.trail.UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: aws.String("trail"), KmsKeyId: aws.String("")})
	a.must(err)
	if updated.KmsKeyId != nil {
		t.Errorf("the trail still has key %s", *updated.KmsKeyId)
	}
	asked := a.events("GenerateDataKey")
	if len(asked) == 0 || !strings.Contains(*asked[0].CloudTrailEvent, `"invokedBy":"cloudtrail.amazonaws.com"`) {
		t.Errorf("KMS logged %v", asked)
	}
}

// TestTrailKeyIsDisabled: without its key nothing of a trail is delivered, and
// nothing is lost.
func TestTrailKeyIsDisabled(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	key := a.key()
	a.putKeyPolicy(key, `{"Version":"2012-10-17","Statement":[`+accountStatement+`,{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":["kms:GenerateDataKey*","kms:DescribeKey"],"Resource":"*"}]}`)
	a.logging(cloudtrail.CreateTrailInput{KmsKeyId: &key})
	_, err := a.root.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key})
	a.must(err)
	a.cloud.Advance(6 * time.Minute)
	a.comes("an error in the status", func() bool {
		out, err := a.root.trail.GetTrailStatus(t.Context(), &cloudtrail.GetTrailStatusInput{Name: aws.String("trail")})
		a.must(err)
		return aws.ToString(out.LatestDeliveryError) == "KMS.DisabledException"
	})
	if n := len(a.objects("")); n > 0 {
		t.Errorf("%d files were delivered", n)
	}
	_, err = a.root.kms.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key})
	a.must(err)
	a.delivered("DisableKey", func() bool { return slices.Contains(names(a.records("")), "DisableKey") })
}

// TestEventSelectors: what a trail's selectors leave out is in no file.
func TestEventSelectors(t *testing.T) {
	t.Parallel()
	management := cttypes.AdvancedFieldSelector{Field: aws.String("eventCategory"), Equals: []string{"Management"}}
	advanced := func(fields ...cttypes.AdvancedFieldSelector) *cloudtrail.PutEventSelectorsInput {
		return &cloudtrail.PutEventSelectorsInput{AdvancedEventSelectors: []cttypes.AdvancedEventSelector{{FieldSelectors: append(fields, management)}}}
	}
	basic := func(e cttypes.EventSelector) *cloudtrail.PutEventSelectorsInput {
		return &cloudtrail.PutEventSelectorsInput{EventSelectors: []cttypes.EventSelector{e}}
	}
	for _, test := range []struct {
		rule string
		in   *cloudtrail.PutEventSelectorsInput
		want []string
	}{
		{"all", basic(cttypes.EventSelector{}), []string{"PutEventSelectors", "StartLogging", "CreateKey", "ListKeys", "DescribeVpcs", "GetTrail", "StopLogging"}},
		{"writes only", basic(cttypes.EventSelector{ReadWriteType: cttypes.ReadWriteTypeWriteOnly}), []string{"StartLogging", "CreateKey", "StopLogging"}},
		{"reads only", basic(cttypes.EventSelector{ReadWriteType: cttypes.ReadWriteTypeReadOnly}), []string{"ListKeys", "DescribeVpcs", "GetTrail"}},
		{"not KMS", basic(cttypes.EventSelector{ExcludeManagementEventSources: []string{"kms.amazonaws.com"}}), []string{"StartLogging", "DescribeVpcs", "GetTrail", "StopLogging"}},
		{"advanced: all", advanced(), []string{"StartLogging", "CreateKey", "ListKeys", "DescribeVpcs", "GetTrail", "StopLogging"}},
		{"advanced: reads, not KMS", advanced(
			cttypes.AdvancedFieldSelector{Field: aws.String("readOnly"), Equals: []string{"true"}},
			cttypes.AdvancedFieldSelector{Field: aws.String("eventSource"), NotEquals: []string{"kms.amazonaws.com", "rdsdata.amazonaws.com"}},
		), []string{"DescribeVpcs", "GetTrail"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			a := newArchive(t)
			ctx := t.Context()
			name := aws.String("trail")
			_, err := a.root.trail.CreateTrail(ctx, &cloudtrail.CreateTrailInput{Name: name, S3BucketName: aws.String(bucket)})
			a.must(err)
			test.in.TrailName = name
			_, err = a.root.trail.PutEventSelectors(ctx, test.in)
			a.must(err)
			_, err = a.root.trail.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: name})
			a.must(err)
			a.key()
			_, err = a.root.kms.ListKeys(ctx, &kms.ListKeysInput{})
			a.must(err)
			_, err = a.root.ec2.DescribeVpcs(ctx, nil)
			a.must(err)
			_, err = a.root.trail.GetTrail(ctx, &cloudtrail.GetTrailInput{Name: name})
			a.must(err)
			_, err = a.root.trail.StopLogging(ctx, &cloudtrail.StopLoggingInput{Name: name})
			a.must(err)
			a.delivered("a file", func() bool { return len(a.objects("")) == 1 })
			want := test.want
			if test.rule == "all" {
				want = want[1:] // PutEventSelectors was before the trail logged
			}
			a.wantSame(names(a.records("")), want)
		})
	}
}

// TestEventSelectorsAreRefused: the rules of selectors, and what is shown of them.
func TestEventSelectorsAreRefused(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.logging(cloudtrail.CreateTrailInput{})
	field := func(name string, equals ...string) cttypes.AdvancedFieldSelector {
		return cttypes.AdvancedFieldSelector{Field: &name, Equals: equals}
	}
	advanced := func(fields ...cttypes.AdvancedFieldSelector) cloudtrail.PutEventSelectorsInput {
		return cloudtrail.PutEventSelectorsInput{AdvancedEventSelectors: []cttypes.AdvancedEventSelector{{FieldSelectors: fields}}}
	}
	basic := func(e ...cttypes.EventSelector) cloudtrail.PutEventSelectorsInput {
		return cloudtrail.PutEventSelectorsInput{EventSelectors: e}
	}
	objects := func(values ...string) cloudtrail.PutEventSelectorsInput {
		return basic(cttypes.EventSelector{DataResources: []cttypes.DataResource{{Type: aws.String("AWS::S3::Object"), Values: values}}})
	}
	many := func(n int) (values []string) {
		for i := range n {
			values = append(values, "arn:aws:s3:::bucket/"+strings.Repeat("a", i+1))
		}
		return values
	}
	management := field("eventCategory", "Management")
	for _, test := range []struct {
		rule    string
		in      cloudtrail.PutEventSelectorsInput
		refused bool
		message string
	}{
		{"at most five", basic(make([]cttypes.EventSelector, 6)...), true, ""},
		{"five", basic(make([]cttypes.EventSelector, 5)...), false, ""},
		{"neither kind", cloudtrail.PutEventSelectorsInput{}, true, ""},
		{"both kinds", cloudtrail.PutEventSelectorsInput{EventSelectors: make([]cttypes.EventSelector, 1), AdvancedEventSelectors: advanced(management).AdvancedEventSelectors}, true, ""},
		{"only KMS and RDS Data can be left out", basic(cttypes.EventSelector{ExcludeManagementEventSources: []string{"ec2.amazonaws.com"}}), true, ""},
		{"and only where there are management events", basic(cttypes.EventSelector{IncludeManagementEvents: aws.Bool(false), ExcludeManagementEventSources: []string{"kms.amazonaws.com"}, DataResources: objects("arn:aws:s3").EventSelectors[0].DataResources}), true, ""},
		{"a resource's type", basic(cttypes.EventSelector{DataResources: []cttypes.DataResource{{Type: aws.String("AWS::SNS::Topic"), Values: []string{"arn:aws:sns"}}}}), true, ""},
		{"all objects", objects("arn:aws:s3", "arn:aws:s3:::"), false, ""},
		{"a bucket's objects", objects("arn:aws:s3:::bucket/"), false, ""},
		{"a bucket alone", objects("arn:aws:s3:::bucket"), true, "Value arn:aws:s3:::bucket for DataResources.Values is invalid."},
		{"a wildcard", objects("arn:aws:s3:::*/*"), true, "Value arn:aws:s3:::*/* for DataResources.Values is invalid."},
		{"250 resources", objects(many(250)...), false, ""},
		{"251 resources", objects(many(251)...), true, "Specify a valid number of DataResources.Values (0 to 250) for all your selectors"},
		{"a category is required", advanced(field("readOnly", "true")), true, ""},
		{"one that there is", advanced(field("eventCategory", "Insight")), true, ""},
		{"trails know no names of management events", advanced(management, field("eventName", "CreateKey")), true, ""},
		{"a source can only be left out", advanced(management, field("eventSource", "kms.amazonaws.com")), true, ""},
		{"readOnly is true or false", advanced(management, field("readOnly", "yes")), true, ""},
		{"a field is said once", advanced(management, field("readOnly", "true"), field("readOnly", "true")), true, ""},
		{"a field has an operator", advanced(management, field("readOnly")), true, ""},
		{"data events want a type", advanced(field("eventCategory", "Data")), true, ""},
		{"data events", advanced(field("eventCategory", "Data"), field("resources.type", "AWS::SNS::Topic"), cttypes.AdvancedFieldSelector{Field: aws.String("eventName"), NotStartsWith: []string{"Get"}}), false, ""},
		{"network activity", advanced(field("eventCategory", "NetworkActivity"), field("eventSource", "kms.amazonaws.com"), field("errorCode", "VpceAccessDenied")), false, ""},
		{"501 values", advanced(field("eventCategory", "Data"), field("resources.type", "AWS::S3::Object"), field("eventName", many(499)...)), true, ""},
	} {
		t.Run(test.rule, func(t *testing.T) {
			test.in.TrailName = aws.String("trail")
			_, err := a.root.trail.PutEventSelectors(t.Context(), &test.in)
			if !test.refused {
				a.must(err)
				return
			}
			(&stage{T: t}).wantError(err, "InvalidEventSelectorsException", test.message)
		})
	}

	in := advanced(management)
	in.TrailName = aws.String("trail")
	_, err := a.root.trail.PutEventSelectors(t.Context(), &in)
	a.must(err)
	out, err := a.root.trail.GetEventSelectors(t.Context(), &cloudtrail.GetEventSelectorsInput{TrailName: aws.String("trail")})
	a.must(err)
	if len(out.EventSelectors) != 0 || len(out.AdvancedEventSelectors) != 1 {
		t.Errorf("the trail has %+v", out)
	}
	got, err := a.root.trail.GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: aws.String("trail")})
	a.must(err)
	if !*got.Trail.HasCustomEventSelectors {
		t.Error("the trail does not show that it has selectors")
	}
	_, err = a.root.trail.GetInsightSelectors(t.Context(), &cloudtrail.GetInsightSelectorsInput{TrailName: aws.String("trail")})
	a.wantError(err, "InsightNotEnabledException", "Trail arn:aws:cloudtrail:eu-west-1:123456789012:trail/trail does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again.")
	_, err = a.root.trail.PutInsightSelectors(t.Context(), &cloudtrail.PutInsightSelectorsInput{TrailName: aws.String("trail"), InsightSelectors: []cttypes.InsightSelector{{InsightType: cttypes.InsightTypeApiCallRateInsight}}})
	a.wantError(err, "UnsupportedOperationException", "")
}

// TestTrailTags are added, replaced, listed and removed by the trail's ARN.
func TestTrailTags(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	ctx := t.Context()
	arn := a.logging(cloudtrail.CreateTrailInput{TagsList: []cttypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}})
	_, err := a.root.trail.AddTags(ctx, &cloudtrail.AddTagsInput{ResourceId: &arn, TagsList: []cttypes.Tag{{Key: aws.String("team"), Value: aws.String("b")}, {Key: aws.String("more")}}})
	a.must(err)
	_, err = a.root.trail.RemoveTags(ctx, &cloudtrail.RemoveTagsInput{ResourceId: &arn, TagsList: []cttypes.Tag{{Key: aws.String("more")}}})
	a.must(err)
	out, err := a.root.trail.ListTags(ctx, &cloudtrail.ListTagsInput{ResourceIdList: []string{arn}})
	a.must(err)
	if tags := out.ResourceTagList[0].TagsList; len(tags) != 1 || *tags[0].Key != "team" || *tags[0].Value != "b" {
		t.Errorf("the tags are %+v", tags)
	}
	var many []cttypes.Tag
	for i := range 50 {
		many = append(many, cttypes.Tag{Key: aws.String(strings.Repeat("k", i+1))})
	}
	_, err = a.root.trail.AddTags(ctx, &cloudtrail.AddTagsInput{ResourceId: &arn, TagsList: many})
	a.wantError(err, "TagsLimitExceededException", "")
	for ref, code := range map[string]string{
		"trail":   "CloudTrailARNInvalidException",
		arn + "2": "ResourceNotFoundException",
		"arn:aws:cloudtrail:us-west-2:123456789012:trail/trail": "CloudTrailARNInvalidException",
		"arn:aws:cloudtrail:eu-west-1:123456789012:channel/ee":  "ResourceTypeNotSupportedException",
	} {
		_, err = a.root.trail.AddTags(ctx, &cloudtrail.AddTagsInput{ResourceId: &ref, TagsList: many[:1]})
		a.wantError(err, code, "")
	}
}
