package kms

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// TestRotation: after every rotation new ciphertexts are under new material,
// and old ones still decrypt.
func TestRotation(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	var blobs [][]byte
	current := func() string {
		t.Helper()
		out := do[kms.DescribeKeyOutput](s, root(), "DescribeKey", &kms.DescribeKeyInput{KeyId: k.KeyId})
		return *out.KeyMetadata.CurrentKeyMaterialId
	}
	seen := map[string]bool{}
	check := func() {
		t.Helper()
		blobs = append(blobs, encrypted(s, root(), k.KeyId, "x", nil))
		seen[current()] = true
		if len(seen) != len(blobs) {
			t.Errorf("%d materials after %d rotations", len(seen), len(blobs)-1)
		}
		for i, blob := range blobs {
			out := do[kms.DecryptOutput](s, root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: blob, KeyId: k.KeyId})
			if string(out.Plaintext) != "x" || !seen[*out.KeyMaterialId] || (i == len(blobs)-1) != (*out.KeyMaterialId == current()) {
				t.Errorf("ciphertext %d: %q by %s", i, out.Plaintext, *out.KeyMaterialId)
			}
		}
	}
	check()
	if id := *do[kms.RotateKeyOnDemandOutput](s, root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.KeyId}).KeyId; id != *k.Arn {
		t.Errorf("KeyId %s", id)
	}
	check()
	if out := do[kms.GetKeyRotationStatusOutput](s, root(), "GetKeyRotationStatus", &kms.GetKeyRotationStatusInput{KeyId: k.KeyId}); out.KeyRotationEnabled {
		t.Error("a rotation on demand turned automatic rotation on")
	}
	do[kms.EnableKeyRotationOutput](s, root(), "EnableKeyRotation", &kms.EnableKeyRotationInput{KeyId: k.KeyId, RotationPeriodInDays: aws.Int32(90)})
	status := do[kms.GetKeyRotationStatusOutput](s, root(), "GetKeyRotationStatus", &kms.GetKeyRotationStatusInput{KeyId: k.KeyId})
	if !status.KeyRotationEnabled || *status.RotationPeriodInDays != 90 || !status.NextRotationDate.Equal(s.now.Add(90*day)) {
		t.Errorf("status %+v", status)
	}
	for range 2 {
		s.advance(90 * day)
		check()
	}
	// A disabled key waits with its rotation until it is enabled.
	do[kms.DisableKeyOutput](s, root(), "DisableKey", &kms.DisableKeyInput{KeyId: k.KeyId})
	before := current()
	s.advance(100 * day)
	if current() != before {
		t.Error("a disabled key rotated")
	}
	do[kms.EnableKeyOutput](s, root(), "EnableKey", &kms.EnableKeyInput{KeyId: k.KeyId})
	check()
	do[kms.DisableKeyRotationOutput](s, root(), "DisableKeyRotation", &kms.DisableKeyRotationInput{KeyId: k.KeyId})
	before = current()
	s.advance(200 * day)
	if current() != before {
		t.Error("a key rotated after that was turned off")
	}
	list := do[kms.ListKeyRotationsOutput](s, root(), "ListKeyRotations", &kms.ListKeyRotationsInput{KeyId: k.KeyId})
	if len(list.Rotations) != 4 || list.Rotations[0].RotationType != "ON_DEMAND" || list.Rotations[1].RotationType != "AUTOMATIC" ||
		!list.Rotations[1].RotationDate.Equal(start.Add(90*day)) || list.Rotations[3].KeyMaterialState != "CURRENT" {
		t.Errorf("rotations %+v", list.Rotations)
	}
	all := do[kms.ListKeyRotationsOutput](s, root(), "ListKeyRotations", &kms.ListKeyRotationsInput{
		KeyId: k.KeyId, IncludeKeyMaterial: "ALL_KEY_MATERIAL", Limit: aws.Int32(3),
	})
	if len(all.Rotations) != 3 || !all.Truncated || all.Rotations[0].RotationDate != nil {
		t.Errorf("with the first material: %d, %v", len(all.Rotations), all.Truncated)
	}
}

func TestRotationLimit(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	for range maxOnDemand {
		s.now = s.now.Add(time.Minute)
		do[kms.RotateKeyOnDemandOutput](s, root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	}
	refused(s, root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.KeyId}, "LimitExceededException", "*")
}
