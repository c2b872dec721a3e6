package kms

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/store"
)

// benchmark measures an operation's handler, and its authorization descriptor,
// in one transaction.
func benchmark(b *testing.B, operation string, in func(k *kmstypes.KeyMetadata, blob []byte) any) {
	s := newStage(b)
	k := s.key(root())
	blob := encrypted(s, root(), k.KeyId, "secret", map[string]string{"aws:ebs:id": "vol-1"})
	op, input := s.ops[operation], in(k, blob)
	part := func(name string, do func(tx store.Tx) error) {
		b.Run(name, func(b *testing.B) {
			err := s.store.View(context.Background(), func(tx store.Tx) error {
				b.ReportAllocs()
				for b.Loop() {
					if err := do(tx); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
	part("descriptor", func(tx store.Tx) error {
		_, err := op.Needs(s.call(root(), operation, tx), input)
		return err
	})
	part("handler", func(tx store.Tx) error {
		_, err := op.Do(s.call(root(), operation, tx), input)
		return err
	})
}

func BenchmarkEncrypt(b *testing.B) {
	benchmark(b, "Encrypt", func(k *kmstypes.KeyMetadata, _ []byte) any {
		return &kms.EncryptInput{KeyId: k.KeyId, Plaintext: make([]byte, 64), EncryptionContext: map[string]string{"aws:ebs:id": "vol-1"}}
	})
}

func BenchmarkDecrypt(b *testing.B) {
	benchmark(b, "Decrypt", func(_ *kmstypes.KeyMetadata, blob []byte) any {
		return &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"aws:ebs:id": "vol-1"}}
	})
}

func BenchmarkGenerateDataKey(b *testing.B) {
	benchmark(b, "GenerateDataKey", func(k *kmstypes.KeyMetadata, _ []byte) any {
		return &kms.GenerateDataKeyInput{KeyId: k.KeyId, NumberOfBytes: aws.Int32(64)}
	})
}

// BenchmarkAmongManyGrants is the descriptor's time on a key with the grants of
// ten thousand volumes.
func BenchmarkAmongManyGrants(b *testing.B) {
	s := newStage(b)
	k := s.key(root())
	for range 10000 {
		s.grant(root(), kms.CreateGrantInput{
			KeyId: k.KeyId, GranteePrincipal: aws.String("arn:aws:iam::123456789012:role/r"), Operations: operations{"Decrypt"},
		})
	}
	in := &kms.EncryptInput{KeyId: k.KeyId, Plaintext: make([]byte, 64)}
	err := s.store.View(context.Background(), func(tx store.Tx) error {
		for b.Loop() {
			if _, err := s.ops["Encrypt"].Needs(s.call(root(), "Encrypt", tx), in); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
