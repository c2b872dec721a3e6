package iam_test

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/store"
)

func (w *world) generate(want types.ReportStateType) {
	w.t.Helper()
	if got := must[awsiam.GenerateCredentialReportOutput](w, "GenerateCredentialReport", &awsiam.GenerateCredentialReportInput{}); got.State != want {
		w.t.Errorf("the report is %s, want %s", got.State, want)
	}
}

// report reads the report, by user and column.
func (w *world) report() map[string]map[string]string {
	w.t.Helper()
	got := must[awsiam.GetCredentialReportOutput](w, "GetCredentialReport", &awsiam.GetCredentialReportInput{})
	if got.ReportFormat != "text/csv" || strings.HasSuffix(string(got.Content), "\n") {
		w.t.Errorf("the report is %s and ends with %q", got.ReportFormat, got.Content[len(got.Content)-1:])
	}
	rows, err := csv.NewReader(strings.NewReader(string(got.Content))).ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	if rows[1][0] != "<root_account>" {
		w.t.Errorf("the first row is of %s", rows[1][0])
	}
	all := map[string]map[string]string{}
	for _, row := range rows[1:] {
		all[row[0]] = map[string]string{}
		for i, column := range rows[0] {
			all[row[0]][column] = row[i]
		}
	}
	return all
}

func TestCredentialReportLifecycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	get := &awsiam.GetCredentialReportInput{}
	w.fails("GetCredentialReport", get, "ReportNotPresent", "")
	started := must[awsiam.GenerateCredentialReportOutput](w, "GenerateCredentialReport", &awsiam.GenerateCredentialReportInput{})
	if started.State != types.ReportStateTypeStarted || *started.Description != "No report exists. Starting a new report generation task" {
		t.Errorf("started: %+v", started)
	}
	w.fails("GetCredentialReport", get, "ReportInProgress", "")
	w.generate(types.ReportStateTypeInprogress)
	w.runTasks()
	w.generate(types.ReportStateTypeComplete)
	w.person()
	if got := w.report(); len(got) != 1 {
		t.Errorf("a report of before knows %v", got)
	}
	w.now = w.now.Add(4*time.Hour - 10*time.Second)
	w.generate(types.ReportStateTypeComplete)
	w.now = w.now.Add(time.Minute)
	w.fails("GetCredentialReport", get, "ReportExpired", "")
	w.generate(types.ReportStateTypeStarted)
	w.fails("GetCredentialReport", get, "ReportInProgress", "")
	w.runTasks()
	if got := w.report(); len(got) != 2 {
		t.Errorf("a report of now knows %v", got)
	}
}

func TestCredentialReportRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: aws.String("a,b"), Path: aws.String("/x/")})
	w.person()
	person := aws.String("person")
	must[awsiam.UpdateAccountPasswordPolicyOutput](w, "UpdateAccountPasswordPolicy", &awsiam.UpdateAccountPasswordPolicyInput{MaxPasswordAge: aws.Int32(10)})
	must[awsiam.CreateLoginProfileOutput](w, "CreateLoginProfile", &awsiam.CreateLoginProfileInput{UserName: person, Password: aws.String(goodPassword)})
	changed := w.now
	key := must[awsiam.CreateAccessKeyOutput](w, "CreateAccessKey", &awsiam.CreateAccessKeyInput{UserName: person}).AccessKey
	must[awsiam.UpdateAccessKeyOutput](w, "UpdateAccessKey", &awsiam.UpdateAccessKeyInput{UserName: person, AccessKeyId: key.AccessKeyId, Status: types.StatusTypeInactive})
	used := w.now
	if err := w.store.Update(t.Context(), func(tx store.Tx) error {
		return w.iam.TouchAccessKey(tx, *key.AccessKeyId, "ec2", "eu-west-1", used)
	}); err != nil {
		t.Fatal(err)
	}
	serial, seed := w.device("phone")
	w.enable("person", serial, seed)
	w.generate(types.ReportStateTypeStarted)
	w.runTasks()
	got := w.report()
	stamp := func(at time.Time) string { return at.Format("2006-01-02T15:04:05Z") }
	for user, want := range map[string]map[string]string{
		"<root_account>": {"arn": "arn:aws:iam::123456789012:root", "password_enabled": "false", "password_last_changed": "N/A", "password_next_rotation": "not_supported", "mfa_active": "false", "access_key_1_active": "false", "cert_1_active": "false"},
		"a,b":            {"arn": "arn:aws:iam::123456789012:user/x/a,b", "password_enabled": "false", "password_last_used": "N/A", "password_last_changed": "N/A", "password_next_rotation": "N/A", "access_key_1_active": "false", "access_key_1_last_rotated": "N/A"},
		"person": {
			"password_enabled": "true", "password_last_used": "no_information", "password_last_changed": stamp(changed),
			"password_next_rotation": stamp(changed.AddDate(0, 0, 10)), "mfa_active": "true",
			"access_key_1_active": "false", "access_key_1_last_rotated": stamp(*key.CreateDate), "access_key_1_last_used_date": stamp(used),
			"access_key_1_last_used_region": "eu-west-1", "access_key_1_last_used_service": "ec2",
			"access_key_2_active": "false", "access_key_2_last_rotated": "N/A", "cert_1_active": "false", "cert_2_last_rotated": "N/A",
		},
	} {
		for column, v := range want {
			if got[user][column] != v {
				t.Errorf("%s of %s is %q, want %q", column, user, got[user][column], v)
			}
		}
	}
}
