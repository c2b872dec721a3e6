package ec2

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/keyturn/keyturn/internal/store"
)

// BenchmarkDescribeInstances measures the operation without its protocol: ten
// instances with two volumes each.
func BenchmarkDescribeInstances(b *testing.B) {
	w := newWorld(b)
	for range 10 {
		w.running(encryptedDevice("/dev/sdf"))
	}
	op := w.ops["DescribeInstances"]
	b.ReportAllocs()
	for b.Loop() {
		err := w.store.View(context.Background(), func(tx store.Tx) error {
			_, err := op.Do(w.call(tx, "DescribeInstances"), &ec2.DescribeInstancesInput{})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
