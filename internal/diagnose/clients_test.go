package diagnose

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// throttling is a service that refuses a number of calls for being too many.
type throttling struct{ refuse, asked int }

// Do implements aws.HTTPClient.
func (c *throttling) Do(*http.Request) (*http.Response, error) {
	c.asked++
	status, body := http.StatusOK, `{"KeyMetadata":{"KeyId":"8e3426b8-87b4-434c-ae74-8e63dadf354a"}}`
	if c.asked <= c.refuse {
		status, body = http.StatusBadRequest, `{"__type":"ThrottlingException","message":"Rate exceeded"}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// TestThrottled: what is throttled is asked again, slower each time, unless the
// configuration has its own way.
func TestThrottled(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name     string
		config   aws.Config
		refuse   int
		mode     aws.RetryMode
		succeeds bool
		asked    int
	}{
		{name: "by default adaptive", refuse: 1, mode: aws.RetryModeAdaptive, succeeds: true, asked: 2},
		{name: "the user's mode", config: aws.Config{RetryMode: aws.RetryModeStandard}, refuse: 1, mode: aws.RetryModeStandard, succeeds: true, asked: 2},
		{name: "the user's attempts", config: aws.Config{RetryMaxAttempts: 1}, refuse: 1, mode: aws.RetryModeAdaptive, asked: 1},
		{name: "the user's retryer", config: aws.Config{Retryer: func() aws.Retryer { return aws.NopRetryer{} }}, refuse: 1, asked: 1},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			service := &throttling{refuse: v.refuse}
			v.config.HTTPClient, v.config.Region = service, "eu-west-1"
			v.config.Credentials = credentials.NewStaticCredentialsProvider("id", "secret", "")
			c := NewClients(v.config)
			_, err := c.KMS.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/volumes")})
			if (err == nil) != v.succeeds || service.asked != v.asked {
				t.Errorf("asked %d times, want %d: %v", service.asked, v.asked, err)
			}
			options := c.KMS.(*kms.Client).Options()
			if v.mode != "" && options.RetryMode != v.mode {
				t.Errorf("the mode is %s, want %s", options.RetryMode, v.mode)
			}
			if v.config.RetryMaxAttempts == 0 && v.config.Retryer == nil && options.Retryer.MaxAttempts() != maxAttempts {
				t.Errorf("%d attempts, want %d", options.Retryer.MaxAttempts(), maxAttempts)
			}
		})
	}
}
