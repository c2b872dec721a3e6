package wire_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/wire"
)

// fuzzed are operations of each protocol that between them have structures,
// lists, maps and every kind of scalar.
var fuzzed = map[string][]string{
	"ec2":        {"RunInstances", "DescribeInstances", "AuthorizeSecurityGroupIngress", "DescribeSpotPriceHistory"},
	"iam":        {"CreateUser", "SimulateCustomPolicy", "ListUsers"},
	"sts":        {"AssumeRole"},
	"kms":        {"Encrypt", "CreateGrant", "GenerateRandom", "CreateKey"},
	"cloudtrail": {"LookupEvents"},
	"ebs":        {"StartSnapshot", "PutSnapshotBlock", "ListChangedBlocks"},
}

// fuzzDecode decodes a request as one of a service's operations. What cannot be
// read must be refused as AWS refuses; what can must survive validation and its
// event, and come to the same bytes when the SDK sends it, and what is read of
// that once more.
func fuzzDecode(t *testing.T, service string, n uint8, url, body string) {
	t.Helper()
	name := fuzzed[service][int(n)%len(fuzzed[service])]
	network := new(transport)
	call, inType, _, _ := method(sdkClients(network)[service], name)
	model, _ := wire.Lookup(service)
	o, _ := model.Operation(name)
	in := reflect.New(inType)
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.URL.RawQuery = url
	if err := o.Decode(r, []byte(body), in.Interface()); err != nil {
		if e := new(wire.Error); !errors.As(err, &e) || e.HTTPStatus() != http.StatusBadRequest {
			t.Errorf("%v is no refusal of AWS's", err)
		}
		return
	}
	if err := o.Validate(in.Interface()); err != nil {
		var e smithy.APIError
		if !errors.As(err, &e) || e.ErrorCode() == "" || e.ErrorMessage() == "" {
			t.Errorf("%v is no error of AWS's", err)
		}
		return
	}
	_ = o.EventParameters(in.Interface())
	if service == "ebs" {
		return // a stream is read once
	}
	if _, err := invoke(call, in); !errors.Is(err, errCaptured) {
		return // the SDK's own checks are stricter here
	}
	// An empty structure in a list is read but cannot be sent: what is sent first
	// may number the rest anew, and from then on nothing changes.
	first := resend(t, o, call, inType, network)
	second := resend(t, o, call, inType, network)
	if d := cmp.Diff(sorted("\n"+first), sorted("\n"+second)); d != "" {
		t.Errorf("(-sent +sent again):\n%s", d)
	}
}

// resend reads what the SDK sent last and has the SDK send it again.
func resend(t *testing.T, o *wire.Operation, call reflect.Value, inType reflect.Type, network *transport) string {
	t.Helper()
	sent := string(network.body)
	in := reflect.New(inType)
	if err := o.Decode(network.request, []byte(sent), in.Interface()); err != nil {
		t.Fatalf("what was read and sent again is refused: %v\n%s", err, sent)
	}
	if _, err := invoke(call, in); !errors.Is(err, errCaptured) {
		t.Fatalf("what was read, sent and read again cannot be sent: %v\n%s", err, sent)
	}
	return string(network.body)
}

func FuzzEC2(f *testing.F) {
	f.Add(uint8(0), "Action=RunInstances&BlockDeviceMapping.1.DeviceName=%2Fdev%2Fxvda&BlockDeviceMapping.1.Ebs.VolumeSize=8&MinCount=1&MaxCount=1&ImageId=ami-1&Version=2016-11-15")
	f.Add(uint8(1), "Filter.2.Name=a&Filter.2.Value.1=b&Filter.10.Name=c&InstanceId.1=i-1&DryRun=true")
	f.Add(uint8(2), "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0&IpPermissions.1.FromPort=-1")
	f.Add(uint8(1), "Filter.2.Name&&Filter.0")
	f.Add(uint8(3), "StartTime=2026-11-23T00%3A00%3A00Z&EndTime=1700000000.5&MaxResults=5")
	f.Fuzz(func(t *testing.T, n uint8, body string) { fuzzDecode(t, "ec2", n, "", body) })
}

func FuzzQuery(f *testing.F) {
	f.Add(uint8(0), "Action=CreateUser&UserName=u&Tags.member.1.Key=a&Tags.member.1.Value=b&Version=2010-05-08")
	f.Add(uint8(1), "PolicyInputList.member.1=%7B%7D&ActionNames.member.1=a%3Ab&ContextEntries.member.1.ContextKeyName=k")
	f.Add(uint8(2), "MaxItems=1&Marker=m&PathPrefix=%2F")
	f.Fuzz(func(t *testing.T, n uint8, body string) {
		fuzzDecode(t, "iam", n, "", body)
		fuzzDecode(t, "sts", n, "", body)
	})
}

func FuzzJSON(f *testing.F) {
	f.Add(uint8(0), `{"KeyId":"x","Plaintext":"c2VjcmV0","EncryptionContext":{"a":"b"},"DryRun":false}`)
	f.Add(uint8(1), `{"KeyId":"x","GranteePrincipal":"p","Operations":["Decrypt",null],"Constraints":{"EncryptionContextSubset":{"a":"b"}}}`)
	f.Add(uint8(2), `{"NumberOfBytes":1e2}`)
	f.Add(uint8(0), `{"LookupAttributes":[{"AttributeKey":"EventName","AttributeValue":"CreateGrant"}],"StartTime":1.7e9}`)
	f.Fuzz(func(t *testing.T, n uint8, body string) {
		fuzzDecode(t, "kms", n, "", body)
		fuzzDecode(t, "cloudtrail", n, "", body)
	})
}

func FuzzREST(f *testing.F) {
	f.Add(uint8(0), "", `{"VolumeSize":8,"Description":"d","Tags":[{"Key":"a","Value":"b"}],"Encrypted":true}`)
	f.Add(uint8(2), "firstSnapshotId=snap-1&maxResults=100&startingBlockIndex=x", "")
	f.Fuzz(func(t *testing.T, n uint8, url, body string) { fuzzDecode(t, "ebs", n, url, body) })
}

// FuzzRoute: whatever comes has one operation or a refusal.
func FuzzRoute(f *testing.F) {
	f.Add("POST", "/", "TrentService.Encrypt", "Action=StartInstances&Version=2016-11-15")
	f.Add("GET", "/snapshots/snap-1/blocks/1", "", "")
	f.Fuzz(func(t *testing.T, verb, path, target, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(nil))
		r.Method, r.URL.Path = verb, path
		r.Header.Set("X-Amz-Target", target)
		for service := range fuzzed {
			model, _ := wire.Lookup(service)
			o, err := model.Route(r, []byte(body))
			if e := new(wire.Error); (o == nil) == (err == nil) || err != nil && (!errors.As(err, &e) || e.Code == "") {
				t.Errorf("%s: routed to %v, %v", service, o, err)
			}
		}
	})
}
