package cloud_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/cloud"
	"github.com/keyturn/keyturn/internal/lake"
)

// dataStore makes an event data store and returns its ARN and its id.
func (s *stage) dataStore(by clients, name string, more ...func(*cloudtrail.CreateEventDataStoreInput)) (arn, id string) {
	s.Helper()
	in := &cloudtrail.CreateEventDataStoreInput{Name: &name, TerminationProtectionEnabled: aws.Bool(false)}
	for _, m := range more {
		m(in)
	}
	out, err := by.trail.CreateEventDataStore(s.Context(), in)
	s.must(err)
	return *out.EventDataStoreArn, (*out.EventDataStoreArn)[strings.LastIndexByte(*out.EventDataStoreArn, '/')+1:]
}

// queried starts a query and waits until it is over.
func (s *stage) queried(by clients, statement string) *cloudtrail.DescribeQueryOutput {
	s.Helper()
	started, err := by.trail.StartQuery(s.Context(), &cloudtrail.StartQueryInput{QueryStatement: &statement})
	s.must(err)
	return s.awaitQuery(by, *started.QueryId)
}

func (s *stage) awaitQuery(by clients, id string) *cloudtrail.DescribeQueryOutput {
	s.Helper()
	for range 1000 {
		out, err := by.trail.DescribeQuery(s.Context(), &cloudtrail.DescribeQueryInput{QueryId: &id})
		s.must(err)
		if out.QueryStatus != cttypes.QueryStatusQueued && out.QueryStatus != cttypes.QueryStatusRunning && out.DeliveryStatus != cttypes.DeliveryStatusPending {
			return out
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatal("the query does not end")
	return nil
}

// answered is a statement's result: the rows' values, parted by bars.
func (s *stage) answered(by clients, statement string) []string {
	s.Helper()
	q := s.queried(by, statement)
	if q.QueryStatus != cttypes.QueryStatusFinished {
		s.Fatalf("%s\nis %s: %s", statement, q.QueryStatus, aws.ToString(q.ErrorMessage))
	}
	out, err := by.trail.GetQueryResults(s.Context(), &cloudtrail.GetQueryResultsInput{QueryId: q.QueryId})
	s.must(err)
	var lines []string
	for _, row := range out.QueryResultRows {
		var values []string
		for _, cell := range row {
			value := "NULL"
			for _, v := range cell {
				value = v
			}
			values = append(values, value)
		}
		lines = append(lines, strings.Join(values, "|"))
	}
	return lines
}

func needLake(t *testing.T) {
	t.Helper()
	if !lake.Available {
		t.Skip("built without cgo: there is no SQL engine")
	}
}

// TestLake asks for what people ask CloudTrail Lake for, of events that came of
// the article's failed launch and its repair.
func TestLake(t *testing.T) {
	t.Parallel()
	needLake(t)
	s := newStage(t)
	_, id := s.dataStore(s.root, "store")
	key := s.key()
	instance := s.stopped(volume{"/dev/xvda", key, true})
	user := s.user("test", fullAccess)
	s.start(user, instance)
	s.await(instance, ec2types.InstanceStateNameStopped)
	s.allow("test", "start", articlePolicy(key))
	s.start(user, instance)
	s.await(instance, ec2types.InstanceStateNameRunning)
	_, err := user.iam.ListUsers(t.Context(), &iam.ListUsersInput{})
	wantCode(t, err, "AccessDenied")
	const test = "arn:aws:iam::123456789012:user/test"

	for _, tc := range []struct {
		name, statement string
		want            []string
	}{
		{
			"who started this instance, and how it went",
			`SELECT userIdentity.arn, eventName, errorCode FROM EDS WHERE eventName IN ('StartInstances', 'StopInstances') AND element_at(requestParameters, 'instancesSet') LIKE '%` + instance + `%' AND userIdentity.userName = 'test' ORDER BY eventTime`,
			[]string{test + "|StartInstances|NULL", test + "|StartInstances|NULL"},
		},
		{
			"which CreateGrant failed for this key, by whom and why",
			`SELECT userIdentity.arn, userIdentity.invokedBy, errorMessage FROM EDS WHERE eventSource = 'kms.amazonaws.com' AND eventName = 'CreateGrant' AND errorCode = 'AccessDenied' AND errorMessage LIKE '%` + key + `%'`,
			[]string{test + "|ec2-frontend-api.amazonaws.com|User: " + test + " is not authorized to perform: kms:CreateGrant on resource: " + key + " because no identity-based policy allows the kms:CreateGrant action"},
		},
		{
			"which grants this key got",
			`SELECT eventName, element_at(requestParameters, 'keyId'), any_match(resources, r -> r.arn = '` + key + `') FROM EDS WHERE eventName = 'CreateGrant' AND errorCode IS NULL AND userIdentity.arn = '` + test + `'`,
			[]string{"CreateGrant|" + key + "|true"},
		},
		{
			"denials by principal and event",
			`SELECT userIdentity.arn, eventSource, eventName, count(*) AS n FROM EDS WHERE errorCode IN ('AccessDenied', 'Client.UnauthorizedOperation') AND userIdentity.userName = 'test' GROUP BY userIdentity.arn, eventSource, eventName ORDER BY n DESC, eventName`,
			[]string{test + "|kms.amazonaws.com|CreateGrant|1", test + "|iam.amazonaws.com|ListUsers|1"},
		},
		{
			"what failed, by error code",
			`SELECT errorCode, count(*) AS failures FROM EDS WHERE errorCode IS NOT NULL AND userIdentity.userName = 'test' GROUP BY errorCode`,
			[]string{"AccessDenied|2"},
		},
		{
			"without MFA, not by a service",
			`SELECT DISTINCT userIdentity.userName FROM EDS WHERE coalesce(userIdentity.sessionContext.attributes.mfaAuthenticated, 'false') = 'false' AND userIdentity.type = 'IAMUser' AND userIdentity.invokedBy IS NULL`,
			[]string{"test"},
		},
		{
			"what nobody has done",
			`SELECT eventName FROM EDS WHERE eventName = 'DeleteTrail' OR eventTime < '2020-01-01 00:00:00'`,
			nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := *s
			q.T = t
			got := q.answered(s.root, strings.ReplaceAll(tc.statement, "EDS", id))
			if !slices.Equal(got, tc.want) {
				t.Errorf("%s\ngives %q\nwant  %q", tc.statement, got, tc.want)
			}
		})
	}

	top := s.answered(s.root, "SELECT eventSource, count(*) AS calls, min(eventTime) <= max(eventTime), CASE WHEN count(*) > 3 THEN 'many' ELSE 'few' END FROM "+id+" WHERE eventTime > now() - interval '1' hour AND eventSource <> 'cloudtrail.amazonaws.com' GROUP BY eventSource HAVING count(*) > 3 ORDER BY calls DESC LIMIT 1")
	if len(top) != 1 || !strings.HasPrefix(top[0], "ec2.amazonaws.com|") || !strings.HasSuffix(top[0], "|true|many") {
		t.Errorf("the top source is %q", top)
	}
}

// TestLakeEventJSON: an event in a store is the event of the history.
func TestLakeEventJSON(t *testing.T) {
	t.Parallel()
	needLake(t)
	s := newStage(t)
	_, id := s.dataStore(s.root, "store")
	key := s.key()
	event := s.events("CreateKey")[0]
	got := s.answered(s.root, "SELECT eventJson, eventID, cast(eventTime AS varchar), recipientAccountId, managementEvent, eventCategory, readOnly FROM "+id+" WHERE eventName = 'CreateKey'")
	want := *event.CloudTrailEvent + "|" + *event.EventId + "|" + event.EventTime.UTC().Format(time.DateTime) + "|123456789012|true|Management|false"
	if !slices.Equal(got, []string{want}) {
		t.Errorf("%s\nwant %s", got, want)
	}
	// The query itself is an event, with its parameters and its id.
	queries := s.answered(s.root, "SELECT element_at(requestParameters, 'queryStatement'), length(element_at(responseElements, 'queryId')) FROM "+id+" WHERE eventName = 'StartQuery' AND responseElements IS NOT NULL LIMIT 1")
	if len(queries) != 1 || !strings.Contains(queries[0], "eventName") || !strings.HasSuffix(queries[0], "|36") {
		t.Errorf("%q", queries)
	}
	_ = key
}

// TestLakePages: a result is read page by page, with the statistics of each.
func TestLakePages(t *testing.T) {
	t.Parallel()
	needLake(t)
	s := newStage(t)
	_, id := s.dataStore(s.root, "store")
	s.key()
	q := s.queried(s.root, "SELECT x FROM UNNEST(sequence(1, 1234)) AS t(x), "+id+" WHERE eventName = 'CreateKey' ORDER BY x")
	if q.QueryStatus != cttypes.QueryStatusFinished || aws.ToInt64(q.QueryStatistics.EventsScanned) < 1 || aws.ToInt64(q.QueryStatistics.BytesScanned) < 100 {
		t.Fatalf("%s %+v", q.QueryStatus, q.QueryStatistics)
	}
	for _, size := range []int32{1000, 333, 200} {
		pages := cloudtrail.NewGetQueryResultsPaginator(s.root.trail, &cloudtrail.GetQueryResultsInput{QueryId: q.QueryId, MaxQueryResults: &size})
		n := 0
		for pages.HasMorePages() {
			out, err := pages.NextPage(t.Context())
			s.must(err)
			for _, row := range out.QueryResultRows {
				if n++; row[0]["x"] != strconv.Itoa(n) {
					t.Fatalf("row %d is %v", n, row)
				}
			}
			if *out.QueryStatistics.TotalResultsCount != 1234 || int(*out.QueryStatistics.ResultsCount) != len(out.QueryResultRows) || len(out.QueryResultRows) > int(size) {
				t.Fatalf("statistics %+v", out.QueryStatistics)
			}
		}
		if n != 1234 {
			t.Errorf("%d rows in pages of %d", n, size)
		}
	}
	_, err := s.root.trail.GetQueryResults(t.Context(), &cloudtrail.GetQueryResultsInput{QueryId: q.QueryId, NextToken: aws.String("nonsense")})
	wantCode(t, err, "InvalidNextTokenException")
}

// TestQueryErrors: AWS's errors, and nothing is started.
func TestQueryErrors(t *testing.T) {
	t.Parallel()
	needLake(t)
	s := newStage(t)
	arn, id := s.dataStore(s.root, "store")
	const none = "01234567-89ab-cdef-0123-456789abcdef"
	for _, tc := range []struct{ code, statement string }{
		{"InvalidQueryStatementException", "DROP TABLE " + id},
		{"InvalidQueryStatementException", "SELECT * FROM read_csv('/etc/passwd')"},
		{"InvalidQueryStatementException", "SELECT nosuch FROM " + id},
		{"InvalidQueryStatementException", "SELECT 1"},
		{"InvalidQueryStatementException", "SELECT * FROM " + id + "; SELECT * FROM " + id},
		{"EventDataStoreNotFoundException", "SELECT * FROM " + none},
		{"EventDataStoreNotFoundException", "SELECT * FROM " + id + " UNION SELECT * FROM " + none},
	} {
		_, err := s.root.trail.StartQuery(t.Context(), &cloudtrail.StartQueryInput{QueryStatement: &tc.statement})
		s.wantError(err, tc.code, "")
	}
	for _, in := range []*cloudtrail.StartQueryInput{{}, {QueryAlias: aws.String("a")}} {
		if _, err := s.root.trail.StartQuery(t.Context(), in); err == nil {
			t.Errorf("%+v was started", in)
		}
	}
	_, err := s.root.trail.StartQuery(t.Context(), &cloudtrail.StartQueryInput{QueryStatement: aws.String("SELECT * FROM " + id), DeliveryS3Uri: aws.String("s3://no-such-bucket/x")})
	s.wantError(err, "S3BucketDoesNotExistException", "")
	_, err = s.root.trail.DescribeQuery(t.Context(), &cloudtrail.DescribeQueryInput{QueryId: aws.String(none)})
	s.wantError(err, "QueryIdNotFoundException", "")
	listed, err := s.root.trail.ListQueries(t.Context(), &cloudtrail.ListQueriesInput{EventDataStore: &arn})
	s.must(err)
	if len(listed.Queries) > 0 {
		t.Errorf("%v were started", listed.Queries)
	}

	failed := s.queried(s.root, "SELECT CAST(eventName AS integer) FROM "+id)
	if failed.QueryStatus != cttypes.QueryStatusFailed || !strings.HasPrefix(aws.ToString(failed.ErrorMessage), "Cannot cast '") {
		t.Errorf("%s: %s", failed.QueryStatus, aws.ToString(failed.ErrorMessage))
	}
	_, err = s.root.trail.CancelQuery(t.Context(), &cloudtrail.CancelQueryInput{QueryId: failed.QueryId})
	s.wantError(err, "InactiveQueryException", "")
	finished := s.queried(s.root, "SELECT eventName FROM "+id)
	listed, err = s.root.trail.ListQueries(t.Context(), &cloudtrail.ListQueriesInput{EventDataStore: &id, QueryStatus: cttypes.QueryStatusFinished})
	s.must(err)
	if len(listed.Queries) != 1 || *listed.Queries[0].QueryId != *finished.QueryId {
		t.Errorf("%v", listed.Queries)
	}
	first, err := s.root.trail.ListQueries(t.Context(), &cloudtrail.ListQueriesInput{EventDataStore: &id, MaxResults: aws.Int32(1)})
	s.must(err)
	second, err := s.root.trail.ListQueries(t.Context(), &cloudtrail.ListQueriesInput{EventDataStore: &id, MaxResults: aws.Int32(1), NextToken: first.NextToken})
	s.must(err)
	if *first.Queries[0].QueryId != *finished.QueryId || *second.Queries[0].QueryId != *failed.QueryId || second.NextToken != nil {
		t.Errorf("%v, then %v", first.Queries, second.Queries)
	}
	_, err = s.root.trail.ListQueries(t.Context(), &cloudtrail.ListQueriesInput{EventDataStore: &id, QueryStatus: "DONE"})
	s.wantError(err, "ValidationException", "")
	_, err = s.root.trail.ListQueries(t.Context(), &cloudtrail.ListQueriesInput{EventDataStore: &id, StartTime: aws.Time(time.Now()), EndTime: aws.Time(time.Now().Add(-time.Hour))})
	s.wantError(err, "InvalidDateRangeException", "")

	// After seven days there is nothing to see any more.
	s.cloud.Advance(8 * 24 * time.Hour)
	_, err = s.root.trail.GetQueryResults(t.Context(), &cloudtrail.GetQueryResultsInput{QueryId: finished.QueryId})
	s.wantError(err, "QueryIdNotFoundException", "")
}

// TestCancelQuery: a query that runs for long is cancelled, and so many at a time.
func TestCancelQuery(t *testing.T) {
	t.Parallel()
	needLake(t)
	s := newStage(t)
	_, id := s.dataStore(s.root, "store")
	s.key()
	endless := "SELECT count(*) FROM " + id + ", UNNEST(sequence(1, 100000)) AS a(x), UNNEST(sequence(1, 100000)) AS b(y) WHERE (x * y) % 7 = 3"
	var ids []string
	for range 10 {
		out, err := s.root.trail.StartQuery(t.Context(), &cloudtrail.StartQueryInput{QueryStatement: &endless})
		s.must(err)
		ids = append(ids, *out.QueryId)
	}
	_, err := s.root.trail.StartQuery(t.Context(), &cloudtrail.StartQueryInput{QueryStatement: &endless})
	s.wantError(err, "MaxConcurrentQueriesException", "")
	s.until("the first query to run", func() bool {
		out, err := s.root.trail.DescribeQuery(t.Context(), &cloudtrail.DescribeQueryInput{QueryId: &ids[0]})
		s.must(err)
		return out.QueryStatus == cttypes.QueryStatusRunning
	})
	for _, q := range slices.Backward(ids) {
		out, err := s.root.trail.CancelQuery(t.Context(), &cloudtrail.CancelQueryInput{QueryId: &q})
		s.must(err)
		if out.QueryStatus != cttypes.QueryStatusCancelled {
			t.Errorf("%s", out.QueryStatus)
		}
	}
	// The engine is free again.
	began := time.Now()
	if got := s.answered(s.root, "SELECT count(*) FROM "+id+" WHERE eventName = 'CreateKey'"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("%q", got)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("after %v", took)
	}
	results, err := s.root.trail.GetQueryResults(t.Context(), &cloudtrail.GetQueryResultsInput{QueryId: &ids[0]})
	s.must(err)
	if results.QueryStatus != cttypes.QueryStatusCancelled || len(results.QueryResultRows) > 0 {
		t.Errorf("%s, %v", results.QueryStatus, results.QueryResultRows)
	}
}

// TestDataStores walks an event data store's life.
func TestDataStores(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	trail, ctx := s.root.trail, t.Context()
	made, err := trail.CreateEventDataStore(ctx, &cloudtrail.CreateEventDataStoreInput{Name: aws.String("store"), TagsList: []cttypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}})
	s.must(err)
	if made.Status != cttypes.EventDataStoreStatusCreated || *made.RetentionPeriod != 366 || !*made.MultiRegionEnabled || *made.OrganizationEnabled || !*made.TerminationProtectionEnabled ||
		made.BillingMode != cttypes.BillingModeExtendableRetentionPricing || aws.ToString(made.AdvancedEventSelectors[0].Name) != "Default management events" {
		t.Errorf("made %+v", made)
	}
	arn := *made.EventDataStoreArn
	status := func() cttypes.EventDataStoreStatus {
		out, err := trail.GetEventDataStore(ctx, &cloudtrail.GetEventDataStoreInput{EventDataStore: &arn})
		s.must(err)
		return out.Status
	}
	s.cloud.Advance(2 * time.Second)
	if got := status(); got != cttypes.EventDataStoreStatusEnabled {
		t.Errorf("it is %s", got)
	}
	refused := func(code string, err error) {
		t.Helper()
		s.wantError(err, code, "")
	}
	create := func(in cloudtrail.CreateEventDataStoreInput) error {
		if in.Name == nil {
			in.Name = aws.String("another")
		}
		_, err := trail.CreateEventDataStore(ctx, &in)
		return err
	}
	field := func(name string, equals ...string) cttypes.AdvancedFieldSelector {
		return cttypes.AdvancedFieldSelector{Field: &name, Equals: equals}
	}
	selectors := func(fields ...cttypes.AdvancedFieldSelector) []cttypes.AdvancedEventSelector {
		return []cttypes.AdvancedEventSelector{{FieldSelectors: fields}}
	}
	refused("EventDataStoreAlreadyExistsException", create(cloudtrail.CreateEventDataStoreInput{Name: aws.String("store")}))
	refused("InvalidParameterException", create(cloudtrail.CreateEventDataStoreInput{BillingMode: cttypes.BillingModeFixedRetentionPricing, RetentionPeriod: aws.Int32(3000)}))
	refused("InvalidEventSelectorsException", create(cloudtrail.CreateEventDataStoreInput{AdvancedEventSelectors: selectors(field("eventName", "x"))}))
	refused("InvalidEventSelectorsException", create(cloudtrail.CreateEventDataStoreInput{AdvancedEventSelectors: selectors(field("eventCategory", "Everything"))}))
	refused("OrganizationsNotInUseException", create(cloudtrail.CreateEventDataStoreInput{OrganizationEnabled: aws.Bool(true)}))
	_, err = trail.GetEventDataStore(ctx, &cloudtrail.GetEventDataStoreInput{EventDataStore: aws.String("arn:aws:cloudtrail:eu-west-1:123456789012:trail/x")})
	refused("EventDataStoreARNInvalidException", err)
	_, err = trail.GetEventDataStore(ctx, &cloudtrail.GetEventDataStoreInput{EventDataStore: aws.String("01234567-89ab-cdef-0123-456789abcdef")})
	refused("EventDataStoreNotFoundException", err)
	_, err = trail.UpdateEventDataStore(ctx, &cloudtrail.UpdateEventDataStoreInput{EventDataStore: &arn})
	refused("InvalidParameterException", err)
	_, err = trail.UpdateEventDataStore(ctx, &cloudtrail.UpdateEventDataStoreInput{EventDataStore: &arn, BillingMode: cttypes.BillingModeFixedRetentionPricing})
	refused("InvalidParameterException", err)
	_, err = trail.DeleteEventDataStore(ctx, &cloudtrail.DeleteEventDataStoreInput{EventDataStore: &arn})
	refused("EventDataStoreTerminationProtectedException", err)
	_, err = trail.RestoreEventDataStore(ctx, &cloudtrail.RestoreEventDataStoreInput{EventDataStore: &arn})
	refused("InvalidEventDataStoreStatusException", err)
	_, err = trail.StartEventDataStoreIngestion(ctx, &cloudtrail.StartEventDataStoreIngestionInput{EventDataStore: &arn})
	refused("InvalidEventDataStoreStatusException", err)
	_, err = trail.GetInsightSelectors(ctx, &cloudtrail.GetInsightSelectorsInput{EventDataStore: &arn})
	refused("InsightNotEnabledException", err)

	_, err = trail.AddTags(ctx, &cloudtrail.AddTagsInput{ResourceId: &arn, TagsList: []cttypes.Tag{{Key: aws.String("env"), Value: aws.String("b")}}})
	s.must(err)
	_, err = trail.RemoveTags(ctx, &cloudtrail.RemoveTagsInput{ResourceId: &arn, TagsList: []cttypes.Tag{{Key: aws.String("team")}}})
	s.must(err)
	tags, err := trail.ListTags(ctx, &cloudtrail.ListTagsInput{ResourceIdList: []string{arn}})
	s.must(err)
	if list := tags.ResourceTagList[0].TagsList; len(list) != 1 || *list[0].Key != "env" {
		t.Errorf("tags %v", list)
	}

	_, err = trail.StopEventDataStoreIngestion(ctx, &cloudtrail.StopEventDataStoreIngestionInput{EventDataStore: &arn})
	s.must(err)
	s.cloud.Advance(2 * time.Second)
	if got := status(); got != cttypes.EventDataStoreStatusStoppedIngestion {
		t.Errorf("it is %s", got)
	}
	updated, err := trail.UpdateEventDataStore(ctx, &cloudtrail.UpdateEventDataStoreInput{EventDataStore: &arn, Name: aws.String("renamed"), RetentionPeriod: aws.Int32(7), TerminationProtectionEnabled: aws.Bool(false), MultiRegionEnabled: aws.Bool(false)})
	s.must(err)
	if *updated.Name != "renamed" || *updated.RetentionPeriod != 7 || *updated.MultiRegionEnabled || !updated.UpdatedTimestamp.After(*updated.CreatedTimestamp) {
		t.Errorf("updated %+v", updated)
	}
	_, err = trail.DeleteEventDataStore(ctx, &cloudtrail.DeleteEventDataStoreInput{EventDataStore: &arn})
	s.must(err)
	_, err = trail.DeleteEventDataStore(ctx, &cloudtrail.DeleteEventDataStoreInput{EventDataStore: &arn})
	refused("InactiveEventDataStoreException", err)
	if got := status(); got != cttypes.EventDataStoreStatusPendingDeletion {
		t.Errorf("it is %s", got)
	}
	_, err = trail.RestoreEventDataStore(ctx, &cloudtrail.RestoreEventDataStoreInput{EventDataStore: &arn})
	s.must(err)
	if got := status(); got != cttypes.EventDataStoreStatusStoppedIngestion {
		t.Errorf("restored it is %s", got)
	}
	for n := range 9 {
		s.must(create(cloudtrail.CreateEventDataStoreInput{Name: aws.String(fmt.Sprintf("store-%d", n))}))
	}
	refused("EventDataStoreMaxLimitExceededException", create(cloudtrail.CreateEventDataStoreInput{}))
	var names []string
	pages := cloudtrail.NewListEventDataStoresPaginator(trail, &cloudtrail.ListEventDataStoresInput{MaxResults: aws.Int32(3)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		s.must(err)
		for _, d := range out.EventDataStores {
			names = append(names, *d.Name)
		}
	}
	if len(names) != 10 {
		t.Errorf("listed are %v", names)
	}
	_, err = trail.DeleteEventDataStore(ctx, &cloudtrail.DeleteEventDataStoreInput{EventDataStore: &arn})
	s.must(err)
	s.must(create(cloudtrail.CreateEventDataStoreInput{Name: aws.String("one-more")}))
	_, err = trail.RestoreEventDataStore(ctx, &cloudtrail.RestoreEventDataStoreInput{EventDataStore: &arn})
	refused("EventDataStoreMaxLimitExceededException", err)
	s.cloud.Advance(8 * 24 * time.Hour)
	s.until("the store to go", func() bool {
		_, err := trail.GetEventDataStore(ctx, &cloudtrail.GetEventDataStoreInput{EventDataStore: &arn})
		return err != nil
	})
}

// TestWhatAStoreTakes: of the events only those that its selectors, its Region
// and its ingestion let in, for as long as it retains them, and longer than the
// event history does.
func TestWhatAStoreTakes(t *testing.T) {
	t.Parallel()
	needLake(t)
	s := newStage(t)
	id, secret := s.cloud.RootCredentials()
	other := s.in("us-west-2", id, secret, "")
	selecting := func(fields ...cttypes.AdvancedFieldSelector) func(*cloudtrail.CreateEventDataStoreInput) {
		return func(in *cloudtrail.CreateEventDataStoreInput) {
			in.AdvancedEventSelectors = []cttypes.AdvancedEventSelector{{FieldSelectors: append(fields, cttypes.AdvancedFieldSelector{Field: aws.String("eventCategory"), Equals: []string{"Management"}})}}
		}
	}
	_, all := s.dataStore(s.root, "all")
	_, here := s.dataStore(s.root, "here", func(in *cloudtrail.CreateEventDataStoreInput) { in.MultiRegionEnabled = aws.Bool(false) })
	_, keys := s.dataStore(s.root, "keys", selecting(cttypes.AdvancedFieldSelector{Field: aws.String("eventSource"), Equals: []string{"kms.amazonaws.com"}}, cttypes.AdvancedFieldSelector{Field: aws.String("eventName"), StartsWith: []string{"Create"}}))
	_, nobody := s.dataStore(s.root, "nobody", selecting(cttypes.AdvancedFieldSelector{Field: aws.String("userIdentity.arn"), NotEquals: []string{"arn:aws:iam::123456789012:root"}}))
	_, items := s.dataStore(s.root, "items", func(in *cloudtrail.CreateEventDataStoreInput) {
		in.AdvancedEventSelectors = []cttypes.AdvancedEventSelector{{FieldSelectors: []cttypes.AdvancedFieldSelector{{Field: aws.String("eventCategory"), Equals: []string{"ConfigurationItem"}}}}}
	})
	_, off := s.dataStore(s.root, "off", func(in *cloudtrail.CreateEventDataStoreInput) { in.StartIngestion = aws.Bool(false) })
	_, brief := s.dataStore(s.root, "brief", func(in *cloudtrail.CreateEventDataStoreInput) { in.RetentionPeriod = aws.Int32(7) })
	s.key()
	_, err := other.kms.CreateKey(t.Context(), &kms.CreateKeyInput{})
	s.must(err)
	_, err = other.kms.ListKeys(t.Context(), &kms.ListKeysInput{})
	s.must(err)
	kept := func(id string) []string {
		t.Helper()
		return s.answered(s.root, "SELECT awsRegion, eventName FROM "+id+" WHERE eventSource = 'kms.amazonaws.com' ORDER BY awsRegion, eventName")
	}
	for id, want := range map[string][]string{
		all: {"eu-west-1|CreateKey", "us-west-2|CreateKey", "us-west-2|ListKeys"}, here: {"eu-west-1|CreateKey"},
		keys: {"eu-west-1|CreateKey", "us-west-2|CreateKey"}, nobody: nil, items: nil, off: nil, brief: {"eu-west-1|CreateKey", "us-west-2|CreateKey", "us-west-2|ListKeys"},
	} {
		if got := kept(id); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", id, got, want)
		}
	}
	s.cloud.Advance(2 * time.Second)
	_, err = s.root.trail.StopEventDataStoreIngestion(t.Context(), &cloudtrail.StopEventDataStoreIngestionInput{EventDataStore: &keys})
	s.must(err)
	s.cloud.Advance(2 * time.Second)
	s.key()
	if got := kept(keys); len(got) != 2 {
		t.Errorf("a store that takes no more has %q", got)
	}
	_, err = s.root.trail.StartEventDataStoreIngestion(t.Context(), &cloudtrail.StartEventDataStoreIngestionInput{EventDataStore: &keys})
	s.must(err)
	s.key()
	if got := kept(keys); len(got) != 3 {
		t.Errorf("a store that takes more again has %q", got)
	}
	// The history forgets after ninety days; a store when it was told to.
	s.cloud.Advance(100 * 24 * time.Hour)
	s.until("the history to forget", func() bool { return len(s.events("CreateKey")) == 0 })
	if got := kept(all); len(got) != 5 {
		t.Errorf("after 100 days there are %q", got)
	}
	if got := kept(brief); len(got) != 0 {
		t.Errorf("a store that keeps a week has after 100 days %q", got)
	}
	s.cloud.Advance(300 * 24 * time.Hour)
	if got := kept(all); len(got) != 0 {
		t.Errorf("after 400 days there are %q", got)
	}
	// Two stores in one query.
	s.key()
	if got := s.answered(s.root, "SELECT a.eventName, b.eventName FROM "+all+" AS a INNER JOIN "+here+" AS b ON a.eventID = b.eventID WHERE a.eventName = 'CreateKey'"); !slices.Equal(got, []string{"CreateKey|CreateKey"}) {
		t.Errorf("%q", got)
	}
}

// TestSessionByHour follows one role session.
func TestSessionByHour(t *testing.T) {
	t.Parallel()
	needLake(t)
	s := newStage(t)
	_, id := s.dataStore(s.root, "store")
	role, err := s.root.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("admin"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`)})
	s.must(err)
	caller := s.user("caller")
	s.allow("caller", "assume", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)
	got, err := caller.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("tuesday")})
	s.must(err)
	session := s.as(*got.Credentials.AccessKeyId, *got.Credentials.SecretAccessKey, *got.Credentials.SessionToken)
	for range 2 {
		_, err = session.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
		wantCode(t, err, "UnauthorizedOperation")
	}
	hours := s.answered(s.root, "SELECT date_trunc('hour', eventTime) AS hour, userIdentity.sessionContext.sessionIssuer.userName, count(*) AS n FROM "+id+
		" WHERE userIdentity.principalId LIKE '%:tuesday' AND errorCode = 'Client.UnauthorizedOperation' GROUP BY 1, 2 ORDER BY 1")
	n := 0
	for _, h := range hours {
		var count int
		if _, err := fmt.Sscanf(h[strings.LastIndexByte(h, '|')+1:], "%d", &count); err != nil || !strings.Contains(h, ":00:00.000|admin|") {
			t.Errorf("%q", h)
		}
		n += count
	}
	if n != 2 {
		t.Errorf("%q", hours)
	}
}

// TestDataStoreKey: CloudTrail and who reads the store both need its key.
func TestDataStoreKey(t *testing.T) {
	t.Parallel()
	needLake(t)
	s := newStage(t)
	service := `{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":["kms:DescribeKey","kms:GenerateDataKey","kms:Decrypt"],"Resource":"*"}`
	key := s.key()
	create := func(by clients, name string) (*cloudtrail.CreateEventDataStoreOutput, error) {
		return by.trail.CreateEventDataStore(t.Context(), &cloudtrail.CreateEventDataStoreInput{Name: &name, KmsKeyId: &key})
	}
	_, err := create(s.root, "refused")
	s.wantError(err, "InsufficientEncryptionPolicyException", "")
	s.putKeyPolicy(key, keyPolicy(rootStatement, service))
	auditor := s.user("auditor")
	s.allow("auditor", "trail", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cloudtrail:*","Resource":"*"}}`)
	_, err = create(auditor, "refused")
	s.wantError(err, "InsufficientEncryptionPolicyException", "")
	made, err := create(s.root, "store")
	s.must(err)
	if aws.ToString(made.KmsKeyId) != key {
		t.Errorf("the key is %s", aws.ToString(made.KmsKeyId))
	}
	arn := *made.EventDataStoreArn
	statement := "SELECT count(*) FROM " + arn[strings.LastIndexByte(arn, '/')+1:]
	_, err = auditor.trail.StartQuery(t.Context(), &cloudtrail.StartQueryInput{QueryStatement: &statement})
	s.wantError(err, "InsufficientEncryptionPolicyException", "")
	s.allow("auditor", "key", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"cloudtrail.eu-west-1.amazonaws.com"}}}}`)
	if got := s.answered(auditor, statement); len(got) != 1 {
		t.Errorf("%q", got)
	}
	q := s.queried(auditor, statement)
	s.allow("auditor", "key", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:Decrypt","Resource":"*"}}`)
	_, err = auditor.trail.GetQueryResults(t.Context(), &cloudtrail.GetQueryResultsInput{QueryId: q.QueryId})
	s.wantError(err, "InsufficientEncryptionPolicyException", "")
	another := s.key()
	s.putKeyPolicy(another, keyPolicy(rootStatement, service))
	_, err = s.root.trail.UpdateEventDataStore(t.Context(), &cloudtrail.UpdateEventDataStoreInput{EventDataStore: &arn, KmsKeyId: &another})
	s.wantError(err, "InvalidParameterException", "")
	_, err = s.root.trail.UpdateEventDataStore(t.Context(), &cloudtrail.UpdateEventDataStoreInput{EventDataStore: &arn, KmsKeyId: &key})
	s.must(err)
	_, err = s.root.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key})
	s.must(err)
	_, err = s.root.trail.StartQuery(t.Context(), &cloudtrail.StartQueryInput{QueryStatement: &statement})
	s.wantError(err, "KmsException", "")
}

// TestQueryPermissions: a query needs the permission on every store that it reads.
func TestQueryPermissions(t *testing.T) {
	t.Parallel()
	needLake(t)
	s := newStage(t)
	one, oneID := s.dataStore(s.root, "one")
	_, twoID := s.dataStore(s.root, "two")
	auditor := s.user("auditor")
	s.allow("auditor", "one", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["cloudtrail:StartQuery","cloudtrail:DescribeQuery","cloudtrail:GetQueryResults"],"Resource":"`+one+`"}}`)
	if got := s.answered(auditor, "SELECT count(*) > 0 FROM "+oneID); !slices.Equal(got, []string{"true"}) {
		t.Errorf("%q", got)
	}
	for _, statement := range []string{"SELECT 1 FROM " + twoID, "SELECT eventID FROM " + oneID + " UNION SELECT eventID FROM " + twoID, "SELECT nonsense"} {
		_, err := auditor.trail.StartQuery(t.Context(), &cloudtrail.StartQueryInput{QueryStatement: &statement})
		s.wantError(err, "AccessDeniedException", "")
	}
	q := s.queried(s.root, "SELECT 1 FROM "+twoID)
	_, err := auditor.trail.GetQueryResults(t.Context(), &cloudtrail.GetQueryResultsInput{QueryId: q.QueryId})
	s.wantError(err, "AccessDeniedException", "")
	raw, err := json.Marshal(q.QueryStatistics)
	s.must(err)
	if !strings.Contains(string(raw), "EventsScanned") {
		t.Errorf("%s", raw)
	}
}

// TestQueryDelivery: a result lies in the bucket, with the file that signs for it.
func TestQueryDelivery(t *testing.T) {
	t.Parallel()
	needLake(t)
	a := newArchive(t)
	_, id := a.dataStore(a.root, "store")
	a.key()
	deliver := func(uri string) *cloudtrail.DescribeQueryOutput {
		out, err := a.root.trail.StartQuery(t.Context(), &cloudtrail.StartQueryInput{
			QueryStatement: aws.String("SELECT eventName, element_at(requestParameters, 'none') AS \"a, b\", awsRegion FROM " + id + " WHERE eventName = 'CreateKey'"), DeliveryS3Uri: &uri,
		})
		a.must(err)
		return a.awaitQuery(a.root, *out.QueryId)
	}
	q := deliver("s3://" + bucket + "/team")
	if q.DeliveryStatus != cttypes.DeliveryStatusSuccess || aws.ToString(q.DeliveryS3Uri) != "s3://"+bucket+"/team" {
		t.Fatalf("%s to %s", q.DeliveryStatus, aws.ToString(q.DeliveryS3Uri))
	}
	folder := "team/AWSLogs/123456789012/CloudTrail-Lake/Query/" + a.cloud.Now().Format("2006/01/02") + "/" + *q.QueryId + "/"
	if got := string(a.content(folder + "result_1.csv.gz")); got != "eventName,\"a, b\",awsRegion\nCreateKey,,eu-west-1\n" {
		t.Errorf("%q", got)
	}
	raw, err := os.ReadFile(filepath.Join(a.buckets, bucket, folder, "result_sign.json"))
	a.must(err)
	var sign struct {
		Version, Region, HashAlgorithm, SignatureAlgorithm, QueryCompleteTime, HashSignature, PublicKeyFingerprint string

		Files []struct{ FileHashValue, FileName string }
	}
	a.must(json.Unmarshal(raw, &sign))
	packed, err := os.ReadFile(filepath.Join(a.buckets, bucket, folder, "result_1.csv.gz"))
	a.must(err)
	sum := sha256.Sum256(packed)
	if len(sign.Files) != 1 || sign.Files[0].FileName != "result_1.csv.gz" || sign.Files[0].FileHashValue != hex.EncodeToString(sum[:]) || sign.Version != "1.0" || sign.Region != region {
		t.Errorf("%s", raw)
	}
	keys, err := a.root.trail.ListPublicKeys(t.Context(), &cloudtrail.ListPublicKeysInput{})
	a.must(err)
	public, err := x509.ParsePKCS1PublicKey(keys.PublicKeyList[0].Value)
	a.must(err)
	signature, err := hex.DecodeString(sign.HashSignature)
	a.must(err)
	signed := sha256.Sum256([]byte(sign.Files[0].FileHashValue))
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, signed[:], signature); err != nil || *keys.PublicKeyList[0].Fingerprint != sign.PublicKeyFingerprint {
		t.Errorf("the signature is not of the key: %v", err)
	}
	if err := os.Rename(filepath.Join(a.buckets, bucket), filepath.Join(a.buckets, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	out, err := a.root.trail.StartQuery(t.Context(), &cloudtrail.StartQueryInput{QueryStatement: aws.String("SELECT 1 FROM " + id), DeliveryS3Uri: aws.String("s3://" + bucket)})
	if err == nil {
		t.Errorf("%s goes to a bucket that is not there", *out.QueryId)
	}
}

// TestQuerySurvivesRestart: a query that the server left unfinished is run by the
// next one, and results are there still.
func TestQuerySurvivesRestart(t *testing.T) {
	t.Parallel()
	needLake(t)
	data := t.TempDir()
	open := func() (*stage, func()) {
		c, err := cloud.New(cloud.WithDir(data))
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(c)
		s := &stage{T: t, cloud: c, url: server.URL}
		id, secret := c.RootCredentials()
		s.root = s.as(id, secret, "")
		return s, func() {
			server.Close()
			s.must(c.Close())
		}
	}
	first, stop := open()
	_, id := first.dataStore(first.root, "store")
	first.key()
	done := first.queried(first.root, "SELECT eventName FROM "+id+" WHERE eventName = 'CreateKey'")
	long := "SELECT count(*) FROM " + id + ", UNNEST(sequence(1, 10000)) AS a(x), UNNEST(sequence(1, 3000)) AS b(y) WHERE eventName = 'CreateKey' AND (x * y) % 7 = 3"
	var left []string
	for range 3 {
		out, err := first.root.trail.StartQuery(t.Context(), &cloudtrail.StartQueryInput{QueryStatement: &long})
		first.must(err)
		left = append(left, *out.QueryId)
	}
	stop()
	second, stop := open()
	defer stop()
	results, err := second.root.trail.GetQueryResults(t.Context(), &cloudtrail.GetQueryResultsInput{QueryId: done.QueryId})
	second.must(err)
	if len(results.QueryResultRows) != 1 || results.QueryResultRows[0][0]["eventName"] != "CreateKey" {
		t.Errorf("%v", results.QueryResultRows)
	}
	for _, q := range left {
		if out := second.awaitQuery(second.root, q); out.QueryStatus != cttypes.QueryStatusFinished {
			t.Errorf("%s: %s", out.QueryStatus, aws.ToString(out.ErrorMessage))
		}
	}
}

// TestOrganizationDataStore: the members' events are in it; the management account
// and its delegate ask for them, and a member does not see it.
func TestOrganizationDataStore(t *testing.T) {
	t.Parallel()
	needLake(t)
	k := newCompany(t)
	ctx := t.Context()
	create := func(by clients, name string) (*cloudtrail.CreateEventDataStoreOutput, error) {
		return by.trail.CreateEventDataStore(ctx, &cloudtrail.CreateEventDataStoreInput{Name: &name, OrganizationEnabled: aws.Bool(true)})
	}
	_, err := create(k.inMember, "store")
	k.wantError(err, "NotOrganizationMasterAccountException", "")
	_, err = create(k.admin, "store")
	k.wantError(err, "CloudTrailAccessNotEnabledException", "")
	_, err = k.admin.org.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("cloudtrail.amazonaws.com")})
	k.must(err)
	made, err := create(k.admin, "store")
	k.must(err)
	arn := *made.EventDataStoreArn
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	k.newMemberKey()
	statement := "SELECT recipientAccountId, eventName FROM " + id + " WHERE eventName = 'CreateKey'"
	want := []string{k.member + "|CreateKey"}
	if got := k.answered(k.admin, statement); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	_, err = k.inMember.trail.GetEventDataStore(ctx, &cloudtrail.GetEventDataStoreInput{EventDataStore: &arn})
	k.wantError(err, "EventDataStoreNotFoundException", "")
	_, err = k.inMember.trail.StartQuery(ctx, &cloudtrail.StartQueryInput{QueryStatement: &statement})
	k.wantError(err, "EventDataStoreNotFoundException", "")

	_, err = k.admin.trail.RegisterOrganizationDelegatedAdmin(ctx, &cloudtrail.RegisterOrganizationDelegatedAdminInput{MemberAccountId: &k.member})
	k.must(err)
	k.inMember = k.enter(k.member)
	if got := k.answered(k.inMember, statement); !slices.Equal(got, want) {
		t.Errorf("the delegate gets %q", got)
	}
	started, err := k.inMember.trail.StartQuery(ctx, &cloudtrail.StartQueryInput{QueryStatement: &statement, EventDataStoreOwnerAccountId: aws.String("123456789012")})
	k.must(err)
	if aws.ToString(started.EventDataStoreOwnerAccountId) != "123456789012" {
		t.Errorf("the owner is %s", aws.ToString(started.EventDataStoreOwnerAccountId))
	}
	_, err = k.inMember.trail.StartQuery(ctx, &cloudtrail.StartQueryInput{QueryStatement: &statement, EventDataStoreOwnerAccountId: &k.member})
	k.wantError(err, "EventDataStoreNotFoundException", "")
	second, err := create(k.inMember, "second")
	k.must(err)
	if !strings.HasPrefix(*second.EventDataStoreArn, "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/") {
		t.Errorf("the delegate's store is %s", *second.EventDataStoreArn)
	}
	_, err = k.inMember.trail.UpdateEventDataStore(ctx, &cloudtrail.UpdateEventDataStoreInput{EventDataStore: second.EventDataStoreArn, OrganizationEnabled: aws.Bool(false)})
	k.wantError(err, "NotOrganizationMasterAccountException", "")
	_, err = k.admin.trail.UpdateEventDataStore(ctx, &cloudtrail.UpdateEventDataStoreInput{EventDataStore: second.EventDataStoreArn, OrganizationEnabled: aws.Bool(false)})
	k.must(err)
	_, err = k.inMember.trail.GetEventDataStore(ctx, &cloudtrail.GetEventDataStoreInput{EventDataStore: second.EventDataStoreArn})
	k.wantError(err, "EventDataStoreNotFoundException", "")
}
