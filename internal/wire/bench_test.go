package wire_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/keyturn/keyturn/internal/wire"
)

// BenchmarkDecode is a request of each protocol, routed, decoded and checked.
func BenchmarkDecode(b *testing.B) {
	for _, v := range []struct{ name, service, operation, target, body string }{
		{"EC2 query/RunInstances", "ec2", "RunInstances", "", "Action=RunInstances&BlockDeviceMapping.1.DeviceName=%2Fdev%2Fxvda&BlockDeviceMapping.1.Ebs.Encrypted=true&BlockDeviceMapping.1.Ebs.VolumeSize=8&ImageId=ami-0123456789abcdef0&InstanceType=t3.micro&MaxCount=1&MinCount=1&Version=2016-11-15"},
		{"EC2 query/DescribeInstances", "ec2", "DescribeInstances", "", "Action=DescribeInstances&Filter.1.Name=instance-state-name&Filter.1.Value.1=running&InstanceId.1=i-0123456789abcdef0&Version=2016-11-15"},
		{"AWS query/GetCallerIdentity", "sts", "GetCallerIdentity", "", "Action=GetCallerIdentity&Version=2011-06-15"},
		{"AWS JSON/Encrypt", "kms", "Encrypt", "TrentService.Encrypt", `{"KeyId":"arn:aws:kms:eu-west-1:123456789012:key/8e3426b8-87b4-434c-ae74-8e63dadf354a","Plaintext":"c2VjcmV0","EncryptionContext":{"aws:ebs:id":"vol-0123456789abcdef0"}}`},
		{"REST JSON/CompleteSnapshot", "ebs", "CompleteSnapshot", "", ""},
	} {
		b.Run(v.name, func(b *testing.B) {
			_, inType, _, _ := method(sdkClients(new(transport))[v.service], v.operation)
			r := httptest.NewRequest(http.MethodPost, "/snapshots/completion/snap-0123456789abcdef0", nil)
			r.Header.Set("X-Amz-ChangedBlocksCount", "1")
			r.Header.Set("X-Amz-Target", v.target)
			body := []byte(v.body)
			b.ReportAllocs()
			for b.Loop() {
				model, _ := wire.Lookup(v.service)
				o, err := model.Route(r, body)
				if err != nil {
					b.Fatal(err)
				}
				in := reflect.New(inType).Interface()
				if err := o.Decode(r, body, in); err != nil {
					b.Fatal(err)
				}
				if err := o.Validate(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// discard is a client that takes answers and keeps nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkEncode is an answer of each protocol with every member set: four
// instances of DescribeInstances, with two of everything that is a list.
func BenchmarkEncode(b *testing.B) {
	for _, v := range []struct{ name, service, operation string }{
		{"EC2 query/DescribeInstances", "ec2", "DescribeInstances"},
		{"AWS query/GetCallerIdentity", "sts", "GetCallerIdentity"},
		{"AWS JSON/Encrypt", "kms", "Encrypt"},
		{"REST JSON/ListSnapshotBlocks", "ebs", "ListSnapshotBlocks"},
	} {
		b.Run(v.name, func(b *testing.B) {
			_, _, outType, _ := method(sdkClients(new(transport))[v.service], v.operation)
			model, _ := wire.Lookup(v.service)
			o, _ := model.Operation(v.operation)
			out := reflect.New(outType)
			(&filler{}).fill(out.Elem(), 6)
			w := discard{make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				if err := o.Encode(w, out.Interface(), "id"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
