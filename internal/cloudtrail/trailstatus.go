package cloudtrail

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) statusOperations() []api.Operation {
	return []api.Operation{
		api.Op("StartLogging", on(s, "StartLogging", func(in *cloudtrail.StartLoggingInput) *string { return in.Name }), s.startLogging),
		api.Op("StopLogging", on(s, "StopLogging", func(in *cloudtrail.StopLoggingInput) *string { return in.Name }), s.stopLogging),
		api.Read("GetTrailStatus", on(s, "GetTrailStatus", func(in *cloudtrail.GetTrailStatusInput) *string { return in.Name }), s.getTrailStatus),
	}
}

func (s *Service) startLogging(c *api.Call, in *cloudtrail.StartLoggingInput) (*cloudtrail.StartLoggingOutput, error) {
	t, err := s.change(c, aws.ToString(in.Name))
	if err != nil || t.Logging {
		return &cloudtrail.StartLoggingOutput{}, err
	}
	t.Logging, t.Started = true, c.Now
	if err := start(c.Tx, t, c.Now); err != nil {
		return nil, err
	}
	return &cloudtrail.StartLoggingOutput{}, put(c.Tx, t)
}

func (s *Service) stopLogging(c *api.Call, in *cloudtrail.StopLoggingInput) (*cloudtrail.StopLoggingOutput, error) {
	t, err := s.change(c, aws.ToString(in.Name))
	if err != nil || !t.Logging {
		return &cloudtrail.StopLoggingOutput{}, err
	}
	t.Logging, t.Stopped = false, c.Now
	return &cloudtrail.StopLoggingOutput{}, put(c.Tx, t)
}

// getTrailStatus tells how delivery stands in the region. The members that AWS calls no longer
// in use are empty texts, or repeat a time, as AWS has them.
func (s *Service) getTrailStatus(c *api.Call, in *cloudtrail.GetTrailStatusInput) (*cloudtrail.GetTrailStatusOutput, error) {
	t, err := s.find(c, aws.ToString(in.Name), byARN)
	if err != nil {
		return nil, err
	}
	d, _, err := deliveryOf(c.Tx, t.ID)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.GetTrailStatusOutput{
		IsLogging:          aws.Bool(t.Logging),
		StartLoggingTime:   timeOrNil(t.Started),
		StopLoggingTime:    timeOrNil(t.Stopped),
		TimeLoggingStarted: aws.String(timeText(t.Started)), TimeLoggingStopped: aws.String(timeText(t.Stopped)),
		LatestDeliveryTime:                 timeOrNil(d.Delivered[c.Region]),
		LatestDigestDeliveryTime:           timeOrNil(d.DigestDelivered[c.Region]),
		LatestDeliveryAttemptTime:          aws.String(timeText(d.Attempted)),
		LatestDeliveryAttemptSucceeded:     aws.String(timeText(d.Delivered[c.Region])),
		LatestNotificationAttemptTime:      aws.String(""),
		LatestNotificationAttemptSucceeded: aws.String(""),
	}
	if d.Error != "" {
		out.LatestDeliveryError = aws.String(d.Error)
	}
	if d.DigestError != "" {
		out.LatestDigestDeliveryError = aws.String(d.DigestError)
	}
	return out, nil
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
