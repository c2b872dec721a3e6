package iam

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	// reportAge is how long a credential report stands before another is made
	// (IAM guide, "Generate credential reports for your AWS account").
	reportAge = 4 * time.Hour
	// reportTime is how long it takes to make one.
	reportTime = time.Second
	// makeReport is the task that makes one.
	makeReport = "iam.credentialReport"
)

// credentialReport is the account's, a row of its table whose id is always the
// same.
type credentialReport struct {
	// Requested is when the making of a report began; zero: none is being made.
	Requested time.Time `json:",omitzero"`
	Generated time.Time `json:",omitzero"`
	Content   []byte    `json:",omitempty"`
}

var credentialReports = store.NewTable[credentialReport]("iam.credentialreport")

const credentialReportID = "account"

func (s *Service) reportOperations() []api.Operation {
	return []api.Operation{
		op("GenerateCredentialReport", everywhere[iam.GenerateCredentialReportInput], s.generateCredentialReport),
		read("GetCredentialReport", everywhere[iam.GetCredentialReportInput], s.getCredentialReport),
	}
}

func (r credentialReport) stale(now time.Time) bool { return now.Sub(r.Generated) > reportAge }

// generateCredentialReport has a report made, unless there is one that stands.
func (s *Service) generateCredentialReport(c *api.Call, _ *iam.GenerateCredentialReportInput) (*iam.GenerateCredentialReportOutput, error) {
	r, err := credentialReports.Get(c.Tx, c.Global(), credentialReportID)
	if err := ignoreNotFound(err); err != nil {
		return nil, err
	}
	switch {
	case !r.Requested.IsZero():
		return &iam.GenerateCredentialReportOutput{State: types.ReportStateTypeInprogress}, nil
	case !r.stale(c.Now):
		return &iam.GenerateCredentialReportOutput{State: types.ReportStateTypeComplete}, nil
	}
	if err := c.Schedule(makeReport, c.Account, reportTime, struct{}{}); err != nil {
		return nil, err
	}
	r.Requested = c.Now
	return &iam.GenerateCredentialReportOutput{
		State: types.ReportStateTypeStarted, Description: aws.String("No report exists. Starting a new report generation task"),
	}, credentialReports.Put(c.Tx, c.Global(), credentialReportID, r)
}

// finishReport makes the report, of what there is now.
func (s *Service) finishReport(c *api.Call, _ json.RawMessage) error {
	content, err := s.reportRows(c)
	if err != nil {
		return err
	}
	return credentialReports.Put(c.Tx, c.Global(), credentialReportID, credentialReport{Generated: c.Now, Content: content})
}

// getCredentialReport gives the report that stands. AWS's errors have no message.
func (s *Service) getCredentialReport(c *api.Call, _ *iam.GetCredentialReportInput) (*iam.GetCredentialReportOutput, error) {
	r, err := credentialReports.Get(c.Tx, c.Global(), credentialReportID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, &types.CredentialReportNotPresentException{}
	case err != nil:
		return nil, err
	case !r.Requested.IsZero():
		return nil, &types.CredentialReportNotReadyException{}
	case r.stale(c.Now):
		return nil, &types.CredentialReportExpiredException{}
	}
	return &iam.GetCredentialReportOutput{Content: r.Content, GeneratedTime: aws.Time(r.Generated), ReportFormat: types.ReportFormatTypeTextCsv}, nil
}
