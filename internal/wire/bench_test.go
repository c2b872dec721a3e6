package wire_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/keyturn/keyturn/internal/wire"
)

// BenchmarkDecode is a request of each protocol, decoded and checked.
func BenchmarkDecode(b *testing.B) {
	for _, v := range []struct{ name, service, operation, body string }{
		{"EC2 query", "ec2", "RunInstances", "Action=RunInstances&BlockDeviceMapping.1.DeviceName=%2Fdev%2Fxvda&BlockDeviceMapping.1.Ebs.Encrypted=true&BlockDeviceMapping.1.Ebs.VolumeSize=8&ImageId=ami-0123456789abcdef0&InstanceType=t3.micro&MaxCount=1&MinCount=1&Version=2016-11-15"},
		{"AWS query", "sts", "GetCallerIdentity", "Action=GetCallerIdentity&Version=2011-06-15"},
		{"AWS JSON", "kms", "Encrypt", `{"KeyId":"arn:aws:kms:eu-west-1:123456789012:key/8e3426b8-87b4-434c-ae74-8e63dadf354a","Plaintext":"c2VjcmV0","EncryptionContext":{"aws:ebs:id":"vol-0123456789abcdef0"}}`},
		{"REST JSON", "ebs", "CompleteSnapshot", ""},
	} {
		b.Run(v.name, func(b *testing.B) {
			_, inType, _, _ := method(sdkClients(new(transport))[v.service], v.operation)
			model, _ := wire.Lookup(v.service)
			o, _ := model.Operation(v.operation)
			r := httptest.NewRequest(http.MethodPost, "/snapshots/completion/snap-0123456789abcdef0", nil)
			r.Header.Set("X-Amz-ChangedBlocksCount", "1")
			b.ReportAllocs()
			for b.Loop() {
				in := reflect.New(inType).Interface()
				if err := o.Decode(r, []byte(v.body), in); err != nil {
					b.Fatal(err)
				}
				if err := o.Validate(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEncode is DescribeInstances' answer with one instance, every member set.
func BenchmarkEncode(b *testing.B) {
	_, _, outType, _ := method(sdkClients(new(transport))["ec2"], "DescribeInstances")
	model, _ := wire.Lookup("ec2")
	o, _ := model.Operation("DescribeInstances")
	out := reflect.New(outType)
	(&filler{}).fill(out.Elem(), 6)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if err := o.Encode(w, out.Interface(), "id"); err != nil {
			b.Fatal(err)
		}
	}
}
