package wire_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/wire"
)

// post makes a request for a service's operation; target is that of AWS JSON.
func post(target, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	}
	return r
}

func codeAndMessage(err error) string {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return "no error of AWS's: " + err.Error()
	}
	return e.ErrorCode() + ": " + e.ErrorMessage()
}

func TestRoute(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	cbor := post("TrentService.Encrypt", "")
	cbor.Header.Set("Content-Type", "application/cbor")
	get := httptest.NewRequest(http.MethodGet, "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Signature=00", nil)
	for _, v := range []struct {
		rule, service string
		r             *http.Request
		body          string
		want          string // an operation, or an error
	}{
		{"by Action", "ec2", post("", ""), "Action=StartInstances&Version=2016-11-15", "StartInstances"},
		{"by an escaped Action", "sts", post("", ""), "Action=Get%43allerIdentity&Version=2011-06-15", "GetCallerIdentity"},
		{"a presigned URL", "sts", get, "", "GetCallerIdentity"},
		{"an older EC2 API version", "ec2", post("", ""), "Action=StartInstances&Version=2014-10-01", "StartInstances"},
		{"a later one", "ec2", post("", ""), "Action=StartInstances&Version=2099-01-01", "NoSuchVersion: The requested version (2099-01-01) of service AmazonEC2 does not exist"},
		{"EC2's unknown action", "ec2", post("", ""), "Action=Foo&Version=2016-11-15", "InvalidAction: The action Foo is not valid for this web service."},
		{"IAM's unknown action", "iam", post("", ""), "Action=Foo&Version=2010-05-08", "InvalidAction: Could not find operation Foo for version 2010-05-08"},
		{"another API's version", "iam", post("", ""), "Action=ListUsers&Version=2011-06-15", "InvalidAction: Could not find operation ListUsers for version 2011-06-15"},
		{"no version", "iam", post("", ""), "Action=ListUsers", "InvalidAction: Could not find operation ListUsers for version NO_VERSION_SPECIFIED"},
		{"no action", "ec2", post("", ""), "Version=2016-11-15", "MissingAction: The request is missing an action or a required parameter."},
		{"nothing", "sts", post("", ""), "", "MissingAction: The request is missing an action or a required parameter."},
		{"an action that cannot be read", "sts", post("", ""), "Action=%zz", "MalformedQueryString: The query string contains a syntax error."},
		{"an endless action is cut off", "ec2", post("", ""), "Action=" + long, "InvalidAction: The action " + long[:256] + " is not valid for this web service."},
		{"by target", "kms", post("TrentService.Encrypt", ""), "", "Encrypt"},
		{"CloudTrail's model's target", "cloudtrail", post("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents", ""), "", "LookupEvents"},
		{"CloudTrail's short target", "cloudtrail", post("CloudTrail_20131101.LookupEvents", ""), "", "LookupEvents"},
		{"the short form is CloudTrail's alone", "organizations", post("CloudTrail_20131101.ListRoots", ""), "", "UnknownOperationException: "},
		{"another service's target", "kms", post("AWSOrganizationsV20161128.Encrypt", ""), "", "UnknownOperationException: "},
		{"an unknown target", "kms", post("TrentService.Foo", ""), "", "UnknownOperationException: "},
		{"names have their case", "kms", post("TrentService.encrypt", ""), "", "UnknownOperationException: "},
		{"no target", "kms", post("", ""), "{}", "UnknownOperationException: "},
		{"AWS JSON is posted", "kms", httptest.NewRequest(http.MethodGet, "/", nil), "", "UnknownOperationException: "},
		{"CBOR is nobody's here", "kms", cbor, "\xa0", "UnknownOperationException: "},
		{"by method and path", "ebs", httptest.NewRequest(http.MethodGet, "/snapshots/snap-0123456789abcdef0/blocks/7?blockToken=x", nil), "", "GetSnapshotBlock"},
		{"another method is another operation", "ebs", httptest.NewRequest(http.MethodPut, "/snapshots/snap-0123456789abcdef0/blocks/7", nil), "", "PutSnapshotBlock"},
		{"a label is not empty", "ebs", httptest.NewRequest(http.MethodGet, "/snapshots//blocks/7", nil), "", "UnknownOperationException: "},
		{"a path that goes on", "ebs", httptest.NewRequest(http.MethodGet, "/snapshots/snap-0123456789abcdef0/blocks/7/8", nil), "", "UnknownOperationException: "},
		{"an unknown path", "ebs", httptest.NewRequest(http.MethodGet, "/", nil), "", "UnknownOperationException: "},
	} {
		t.Run(v.rule, func(t *testing.T) {
			t.Parallel()
			model, _ := wire.Lookup(v.service)
			o, err := model.Route(v.r, []byte(v.body))
			var got string
			if err != nil {
				got = codeAndMessage(err)
			} else {
				got = o.Name()
			}
			if got != v.want {
				t.Errorf("got  %s\nwant %s", got, v.want)
			}
		})
	}
}

// TestDecodeRefuses: requests that cannot be read, in the words of each
// protocol's framework.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, v := range []struct{ rule, service, operation, body, want string }{
		{"EC2: a parameter nobody knows", "ec2", "StartInstances", "Foo=1", "UnknownParameter: The parameter Foo is not recognized"},
		{"EC2: one inside a structure", "ec2", "RunInstances", "Placement.Foo=1", "UnknownParameter: The parameter Placement.Foo is not recognized"},
		{"EC2: one below a value", "ec2", "RunInstances", "ImageId.1=ami", "UnknownParameter: The parameter ImageId.1 is not recognized"},
		{"EC2: an item that is no number", "ec2", "StartInstances", "InstanceId.x=i-1", "UnknownParameter: The parameter InstanceId.x is not recognized"},
		{"EC2: names that only begin alike", "ec2", "DescribeInstances", "Filter.1.Name=x&Filter.1-a=y&Filter.1.Value.1=z", "UnknownParameter: The parameter Filter.1-a is not recognized"},
		{"EC2: a number that is none", "ec2", "RunInstances", "MinCount=many", "InvalidParameterValue: Value (many) for parameter MinCount is invalid."},
		{"EC2: a boolean that is none", "ec2", "StartInstances", "DryRun=perhaps", "InvalidParameterValue: Value (perhaps) for parameter DryRun is invalid."},
		{"EC2: a bare value for a list", "ec2", "StartInstances", "InstanceId=i-1", "InvalidParameterValue: Value (i-1) for parameter InstanceId is invalid."},
		{"a bad escape", "ec2", "StartInstances", "InstanceId.1=%zz", "MalformedQueryString: The query string contains a syntax error."},
		{"endless nesting", "ec2", "StartInstances", strings.Repeat("InstanceId.", 64) + "1=x", "MalformedQueryString: The query string contains a syntax error."},
		{"query: an item that is no number", "iam", "TagUser", "Tags.member.x.Key=a", "MalformedInput: Start of list found where not expected"},
		{"query: items begin with one", "iam", "TagUser", "Tags.member.0.Key=a", "MalformedInput: 0 is not a valid index"},
		{"query: a number has one form", "iam", "TagUser", "Tags.member.01.Key=a", "MalformedInput: Value found where not expected"},
		{"query: a number has an end", "iam", "TagUser", "Tags.member.214748370.Key=a", "MalformedInput: Index 214748370 is illegal"},
		{"query: gaps are bounded", "iam", "TagUser", "Tags.member.1.Key=a&Tags.member.2000.Key=a", "MalformedInput: Excessively sparse input would skip 1,999 list elements"},
		{"query: a list for a value", "iam", "GetUser", "UserName.1=a", "MalformedInput: Start of list found where not expected"},
		{"query: a structure for a value", "iam", "GetUser", "UserName.a=a", "MalformedInput: Start of structure or map found where not expected."},
		{"query: a number that is none", "sts", "AssumeRole", "DurationSeconds=1.5", "MalformedInput: "},
		{"JSON: cut off", "kms", "Encrypt", `{"KeyId":"x"`, "SerializationException: "},
		{"JSON: nothing", "kms", "Encrypt", ``, "SerializationException: "},
		{"JSON: null", "kms", "Encrypt", `null`, "SerializationException: "},
		{"JSON: a bare text", "kms", "Encrypt", `"x"`, "SerializationException: "},
		{"JSON: a list", "kms", "Encrypt", `[]`, "SerializationException: Start of list found where not expected"},
		{"JSON: it goes on", "kms", "Encrypt", `{} {}`, "SerializationException: "},
		{"JSON: no UTF-8", "kms", "Encrypt", "{\"KeyId\":\"\xff\"}", "SerializationException: "},
		{"JSON: endless nesting", "kms", "Encrypt", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), "SerializationException: "},
		{"JSON: a number for a text", "kms", "Encrypt", `{"KeyId":1}`, "SerializationException: NUMBER_VALUE can not be converted to a String"},
		{"JSON: true for a text", "kms", "Encrypt", `{"KeyId":true}`, "SerializationException: TRUE_VALUE can not be converted to a String"},
		{"JSON: false for a number", "kms", "GenerateRandom", `{"NumberOfBytes":false}`, "SerializationException: FALSE_VALUE can not be converted to an Integer"},
		{"JSON: a text for a number", "kms", "GenerateRandom", `{"NumberOfBytes":"1"}`, "SerializationException: STRING_VALUE can not be converted to an Integer"},
		{"JSON: a list for a text", "kms", "Encrypt", `{"KeyId":["x"]}`, "SerializationException: Start of list found where not expected"},
		{"JSON: an object for a list", "kms", "CreateGrant", `{"Operations":{}}`, "SerializationException: Start of structure or map found where not expected."},
		{"JSON: a text for a list", "kms", "CreateGrant", `{"Operations":"Decrypt"}`, "SerializationException: Expected list or null"},
		{"JSON: a text for a structure", "kms", "CreateGrant", `{"Constraints":"x"}`, "SerializationException: Expected null"},
		{"JSON: no base64", "kms", "Encrypt", `{"Plaintext":"?"}`, "SerializationException: "},
	} {
		t.Run(v.rule, func(t *testing.T) {
			t.Parallel()
			model, _ := wire.Lookup(v.service)
			o, _ := model.Operation(v.operation)
			_, inType, _, _ := method(sdkClients(new(transport))[v.service], v.operation)
			err := o.Decode(post("", ""), []byte(v.body), reflect.New(inType).Interface())
			if err == nil {
				t.Fatal("decoded")
			}
			if got := codeAndMessage(err); got != v.want {
				t.Errorf("got  %s\nwant %s", got, v.want)
			}
		})
	}
}

// TestDecodeAccepts: what AWS lets pass.
func TestDecodeAccepts(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		rule, service, operation, url, body string
		want                                string // the event's parameters, as Go prints them
	}{
		{"items in any order", "ec2", "StartInstances", "/", "InstanceId.10=c&InstanceId.2=b&InstanceId.1=a", "map[instancesSet:map[items:[map[instanceId:a] map[instanceId:b] map[instanceId:c]]]]"},
		{"an empty list", "iam", "CreateUser", "/", "UserName=a&Tags=", "map[tags:[] userName:a]"},
		{"the first of two", "iam", "GetUser", "/", "UserName=a&UserName=b", "map[userName:a]"},
		{"parameters in URL and body", "iam", "CreateUser", "/?Action=CreateUser&UserName=a", "Path=%2F", "map[path:/ userName:a]"},
		{"what is not known, but for EC2", "iam", "GetUser", "/", "UserName=a&Foo.Bar=b", "map[userName:a]"},
		{"JSON: what is not known", "kms", "DescribeKey", "/", `{"KeyId":"a","Foo":[{}]}`, "map[keyId:a]"},
		{"JSON: null is not there", "kms", "CreateGrant", "/", `{"KeyId":"a","Name":null,"Operations":["Decrypt",null]}`, "map[keyId:a operations:[Decrypt]]"},
		{"JSON: decimals are cut off", "kms", "GenerateRandom", "/", `{"NumberOfBytes":1.9}`, "map[numberOfBytes:1]"},
		{"JSON: names have their case", "kms", "DescribeKey", "/", `{"KeyId":"a","keyId":"b"}`, "map[keyId:a]"},
	} {
		t.Run(v.rule, func(t *testing.T) {
			t.Parallel()
			model, _ := wire.Lookup(v.service)
			o, _ := model.Operation(v.operation)
			_, inType, _, _ := method(sdkClients(new(transport))[v.service], v.operation)
			in := reflect.New(inType).Interface()
			r := httptest.NewRequest(http.MethodPost, v.url, nil)
			err := o.Decode(r, []byte(v.body), in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(v.want, fmt.Sprint(o.EventParameters(in))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestBind: every operation of every service has types for all its members.
func TestBind(t *testing.T) {
	t.Parallel()
	for service, client := range sdkClients(new(transport)) {
		model, _ := wire.Lookup(service)
		for _, name := range model.Operations() {
			_, in, out, ok := method(client, name)
			if !ok {
				t.Errorf("the SDK has no %s:%s", service, name)
				continue
			}
			o, _ := model.Operation(name)
			if err := o.Bind(in, out); err != nil {
				t.Error(err)
			}
		}
	}
	model, _ := wire.Lookup("kms")
	o, _ := model.Operation("DescribeKey")
	err := o.Bind(reflect.TypeFor[struct{ GrantTokens []string }](), nil)
	if err == nil || !strings.Contains(err.Error(), "DescribeKeyRequest.KeyId") {
		t.Errorf("a type without KeyId: %v", err)
	}
}
