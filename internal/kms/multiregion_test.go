package kms

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
)

const (
	abroad  = "us-east-1"
	further = "us-west-2"
)

// primary makes a multi-Region primary key.
func (s *stage) primary(change ...func(*kms.CreateKeyInput)) *kmstypes.KeyMetadata {
	s.t.Helper()
	in := &kms.CreateKeyInput{MultiRegion: aws.Bool(true)}
	for _, c := range change {
		c(in)
	}
	return do[kms.CreateKeyOutput](s, root(), "CreateKey", in).KeyMetadata
}

// replicate makes a replica and waits for it.
func (s *stage) replicate(k *kmstypes.KeyMetadata, region string) *kmstypes.KeyMetadata {
	s.t.Helper()
	out := do[kms.ReplicateKeyOutput](s, root(), "ReplicateKey", &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: &region})
	s.advance(settleTime)
	return out.ReplicaKeyMetadata
}

func (s *stage) decrypts(w who, blob []byte, want string) {
	s.t.Helper()
	if out := do[kms.DecryptOutput](s, w, "Decrypt", &kms.DecryptInput{CiphertextBlob: blob}); string(out.Plaintext) != want {
		s.t.Errorf("decrypted %q, want %q", out.Plaintext, want)
	}
}

// TestRelatedKeys: what one encrypts the other decrypts, before rotations and
// after, and everything else is each one's own.
func TestRelatedKeys(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.primary()
	if !isKeyID(*k.KeyId) || (*k.KeyId)[:4] != "mrk-" || k.MultiRegionConfiguration.MultiRegionKeyType != "PRIMARY" {
		t.Fatalf("the primary key is %+v", k)
	}
	old := encrypted(s, root(), k.KeyId, "old", map[string]string{})
	do[kms.RotateKeyOnDemandOutput](s, root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	replicated := do[kms.ReplicateKeyOutput](s, root(), "ReplicateKey", &kms.ReplicateKeyInput{
		KeyId: k.KeyId, ReplicaRegion: aws.String(abroad), Description: aws.String("replica"), Tags: tagList("a", "b"),
	})
	r := replicated.ReplicaKeyMetadata
	if r.KeyState != kmstypes.KeyStateCreating || r.Enabled || r.CurrentKeyMaterialId != nil || len(replicated.ReplicaTags) != 1 {
		t.Errorf("the replica is %+v", r)
	}
	if own := s.last.Own; len(own) != 1 || own[0].Name != "CreateKey" || !own[0].ByCaller || own[0].Region != abroad {
		t.Errorf("the call left %+v besides its event", own)
	}
	refused(s, root().in(abroad), "Decrypt", &kms.DecryptInput{CiphertextBlob: old}, "KMSInvalidStateException", *r.Arn+" is creating.")
	refused(s, root().in(abroad), "DisableKey", &kms.DisableKeyInput{KeyId: r.KeyId}, "KMSInvalidStateException", *r.Arn+" is creating.")
	s.advance(settleTime)
	if got := s.describe(root().in(abroad), k.KeyId); got.KeyState != kmstypes.KeyStateEnabled || *got.Description != "replica" ||
		*got.CurrentKeyMaterialId != *s.describe(root(), k.KeyId).CurrentKeyMaterialId {
		t.Errorf("the replica is %+v", got)
	}
	s.decrypts(root().in(abroad), old, "old")
	there := encrypted(s, root().in(abroad), k.KeyId, "there", nil)
	s.decrypts(root(), there, "there")

	refused(s, root().in(abroad), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.KeyId}, "UnsupportedOperationException", *r.Arn+" is not a multi-region primary key.")
	do[kms.RotateKeyOnDemandOutput](s, root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	if names := ownNames(s.last.Own); !slices.Equal(names, []string{"RotateKey", "SynchronizeMultiRegionKey"}) {
		t.Errorf("the rotation left %v", names)
	}
	after := encrypted(s, root(), k.KeyId, "after", nil)
	s.decrypts(root().in(abroad), after, "after")
	s.decrypts(root().in(abroad), old, "old")

	do[kms.DisableKeyOutput](s, root(), "DisableKey", &kms.DisableKeyInput{KeyId: k.KeyId})
	s.decrypts(root().in(abroad), after, "after")
}

func ownNames(list []api.OwnEvent) []string {
	var names []string
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

func TestReplicateRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t, CheckRegions(func(region string) (string, bool) {
		return map[string]string{"eu-west-1": "aws", abroad: "aws", further: "aws", "cn-north-1": "aws-cn"}[region], region != "xx-north-9"
	}))
	k, single := s.primary(), s.key(root())
	replicate := func(id *string, region string) *kms.ReplicateKeyInput {
		return &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: &region}
	}
	refused(s, root(), "ReplicateKey", replicate(single.KeyId, abroad), "UnsupportedOperationException", *single.Arn+" is not a multi-region primary key.")
	refused(s, root(), "ReplicateKey", replicate(k.KeyId, region), "AlreadyExistsException", "*")
	refused(s, root(), "ReplicateKey", replicate(k.KeyId, "cn-north-1"), "UnsupportedOperationException", "*")
	refused(s, root(), "ReplicateKey", replicate(k.KeyId, "xx-north-9"), "UnsupportedOperationException", "*")
	r := s.replicate(k, abroad)
	refused(s, root(), "ReplicateKey", replicate(k.KeyId, abroad), "AlreadyExistsException", "*")
	refused(s, root().in(abroad), "ReplicateKey", replicate(k.KeyId, further), "UnsupportedOperationException", *r.Arn+" is not a multi-region primary key.")
	do[kms.DisableKeyOutput](s, root(), "DisableKey", &kms.DisableKeyInput{KeyId: k.KeyId})
	refused(s, root(), "ReplicateKey", replicate(k.KeyId, further), "DisabledException", *k.Arn+" is disabled.")
	before := s.rows()
	in := replicate(k.KeyId, further)
	do[kms.EnableKeyOutput](s, root(), "EnableKey", &kms.EnableKeyInput{KeyId: k.KeyId})
	in.Policy = aws.String("no policy")
	refused(s, root(), "ReplicateKey", in, "MalformedPolicyDocumentException", "*")
	if after := s.rows(); !slices.Equal(before, after) {
		t.Errorf("a refused replica left rows: %v", after)
	}
}

// TestReplicateNeeds: the permission on the primary key, and to make a key there.
func TestReplicateNeeds(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k, ada := s.primary(), user(account, "ada")
	in := &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String(abroad)}
	s.allow(ada, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:ReplicateKey","Resource":"*","Condition":{"StringEquals":{"kms:ReplicaRegion":"us-east-1","kms:MultiRegionKeyType":"PRIMARY"}}}}`)
	refused(s, ada, "ReplicateKey", in, "AccessDeniedException", "*")
	s.allow(ada, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1","kms:MultiRegionKeyType":"REPLICA"}}}}`)
	do[kms.ReplicateKeyOutput](s, ada, "ReplicateKey", in)
	in.ReplicaRegion = aws.String(further)
	refused(s, ada, "ReplicateKey", in, "AccessDeniedException", "*")
}

func TestUpdatePrimaryRegion(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.primary()
	do[kms.EnableKeyRotationOutput](s, root(), "EnableKeyRotation", &kms.EnableKeyRotationInput{KeyId: k.KeyId, RotationPeriodInDays: aws.Int32(90)})
	r := s.replicate(k, abroad)
	if out := do[kms.GetKeyRotationStatusOutput](s, root().in(abroad), "GetKeyRotationStatus", &kms.GetKeyRotationStatusInput{KeyId: k.KeyId}); !out.KeyRotationEnabled {
		t.Error("the replica does not show the rotation of its primary key")
	}
	update := &kms.UpdatePrimaryRegionInput{KeyId: k.KeyId, PrimaryRegion: aws.String(further)}
	refused(s, root(), "UpdatePrimaryRegion", update, "NotFoundException", "*")
	refused(s, root().in(abroad), "UpdatePrimaryRegion", update, "UnsupportedOperationException", *r.Arn+" is not a multi-region primary key.")
	update.PrimaryRegion = aws.String(abroad)
	do[kms.UpdatePrimaryRegionOutput](s, root(), "UpdatePrimaryRegion", update)
	if own := s.last.Own; len(own) != 1 || own[0].Region != abroad || !own[0].ByCaller || len(s.last.Resources) != 1 {
		t.Errorf("the call left %+v, and names %v", own, s.last.Resources)
	}
	blob := encrypted(s, root(), k.KeyId, "x", nil) // goes on
	refused(s, root(), "DisableKey", &kms.DisableKeyInput{KeyId: k.KeyId}, "KMSInvalidStateException", *k.Arn+" is updating.")
	refused(s, root().in(abroad), "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId}, "KMSInvalidStateException", *r.Arn+" is updating.")
	if got := s.describe(root(), k.KeyId); got.KeyState != kmstypes.KeyStateUpdating || !got.Enabled {
		t.Errorf("the key is %+v", got)
	}
	s.advance(settleTime)
	for _, w := range []who{root(), root().in(abroad)} {
		got := s.describe(w, k.KeyId)
		x := got.MultiRegionConfiguration
		if got.KeyState != kmstypes.KeyStateEnabled || *x.PrimaryKey.Region != abroad || len(x.ReplicaKeys) != 1 || *x.ReplicaKeys[0].Region != region {
			t.Errorf("the key is %+v with %+v", got, x)
		}
	}
	// The rotation is the new primary key's.
	s.own = nil
	s.advance(91 * day)
	if names := ownNames(s.own); !slices.Equal(names, []string{"RotateKey", "SynchronizeMultiRegionKey"}) || s.own[0].Region != abroad {
		t.Errorf("after the period: %+v", s.own)
	}
	s.decrypts(root().in(abroad), encrypted(s, root(), k.KeyId, "y", nil), "y")
	s.decrypts(root().in(abroad), blob, "x")
}

// TestDeletePrimary: a primary key waits for its replicas, then for itself.
func TestDeletePrimary(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.primary()
	r := s.replicate(k, abroad)
	out := do[kms.ScheduleKeyDeletionOutput](s, root(), "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: aws.Int32(7)})
	if out.KeyState != kmstypes.KeyStatePendingReplicaDeletion || out.DeletionDate != nil {
		t.Errorf("scheduled: %+v", out)
	}
	refused(s, root(), "Encrypt", &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")}, "KMSInvalidStateException", *k.Arn+" is pending replica deletion.")
	if got := s.describe(root(), k.KeyId); aws.ToInt32(got.PendingDeletionWindowInDays) != 7 || got.DeletionDate != nil {
		t.Errorf("the key is %+v", got)
	}
	s.advance(30 * day)
	do[kms.ScheduleKeyDeletionOutput](s, root().in(abroad), "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionInput{KeyId: r.KeyId, PendingWindowInDays: aws.Int32(7)})
	s.advance(7 * day)
	refused(s, root().in(abroad), "DescribeKey", &kms.DescribeKeyInput{KeyId: r.KeyId}, "NotFoundException", "*")
	got := s.describe(root(), k.KeyId)
	if got.KeyState != kmstypes.KeyStatePendingDeletion || !got.DeletionDate.Equal(s.now.Add(7*day)) || len(got.MultiRegionConfiguration.ReplicaKeys) != 0 {
		t.Errorf("the key is %+v", got)
	}
	do[kms.CancelKeyDeletionOutput](s, root(), "CancelKeyDeletion", &kms.CancelKeyDeletionInput{KeyId: k.KeyId})
	do[kms.EnableKeyOutput](s, root(), "EnableKey", &kms.EnableKeyInput{KeyId: k.KeyId})
	s.replicate(k, abroad)
	s.decrypts(root().in(abroad), encrypted(s, root(), k.KeyId, "x", nil), "x")
}

// TestRelatedImportedKeys: material is imported in each Region for itself.
func TestRelatedImportedKeys(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.primary(func(in *kms.CreateKeyInput) { in.Origin = "EXTERNAL" })
	there := root().in(abroad)
	s.replicate(k, further) // before there is any material
	s.importKey(root(), *k.KeyId, one)
	s.replicate(k, abroad)
	blob := encrypted(s, root(), k.KeyId, "x", nil)
	for _, w := range []who{there, root().in(further)} {
		if got := s.describe(w, k.KeyId).KeyState; got != kmstypes.KeyStatePendingImport {
			t.Errorf("the replica is %s", got)
		}
		refused(s, w, "ImportKeyMaterial", s.wrapped(w, *k.KeyId, "RSAES_OAEP_SHA_256", two), "IncorrectKeyMaterialException", "*")
		s.importKey(w, *k.KeyId, one)
		s.decrypts(w, blob, "x")
	}
	newThere := s.wrapped(there, *k.KeyId, "RSAES_OAEP_SHA_256", two)
	asNew(newThere)
	refused(s, there, "ImportKeyMaterial", newThere, "UnsupportedOperationException", "*")

	second := s.importKey(root(), *k.KeyId, two, asNew)
	state := func() kmstypes.KeyMaterialState { return s.rotations(k.KeyId)[1].KeyMaterialState }
	if got := state(); got != "PENDING_MULTI_REGION_IMPORT_AND_ROTATION" {
		t.Errorf("the second material is %s", got)
	}
	refused(s, root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.KeyId}, "KMSInvalidStateException", "*")
	s.importKey(there, *k.KeyId, two)
	s.importKey(root().in(further), *k.KeyId, two)
	if got := state(); got != "PENDING_ROTATION" {
		t.Errorf("the second material is %s", got)
	}
	s.now = s.now.Add(time.Hour)
	do[kms.RotateKeyOnDemandOutput](s, root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	after := encrypted(s, root(), k.KeyId, "after", nil)
	for _, w := range []who{there, root().in(further)} {
		if got := s.describe(w, k.KeyId); *got.CurrentKeyMaterialId != *second.KeyMaterialId || got.KeyState != kmstypes.KeyStateEnabled {
			t.Errorf("the replica is %+v", got)
		}
		s.decrypts(w, after, "after")
		s.decrypts(w, blob, "x")
	}
	// One Region's loss is not another's.
	do[kms.DeleteImportedKeyMaterialOutput](s, there, "DeleteImportedKeyMaterial", &kms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId})
	refused(s, there, "Decrypt", &kms.DecryptInput{CiphertextBlob: after}, "KMSInvalidStateException", "*")
	s.decrypts(root(), after, "after")
	s.importKey(there, *k.KeyId, two)
	s.decrypts(there, after, "after")
}

// TestRelatedPairs: a signature of one is good under the other.
func TestRelatedPairs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.primary(func(in *kms.CreateKeyInput) { in.KeySpec, in.KeyUsage = "ECC_NIST_P256", "SIGN_VERIFY" })
	s.replicate(k, abroad)
	signature := do[kms.SignOutput](s, root(), "Sign", &kms.SignInput{KeyId: k.KeyId, Message: []byte("x"), SigningAlgorithm: "ECDSA_SHA_256"}).Signature
	do[kms.VerifyOutput](s, root().in(abroad), "Verify", &kms.VerifyInput{KeyId: k.KeyId, Message: []byte("x"), SigningAlgorithm: "ECDSA_SHA_256", Signature: signature})
	do[kms.SignOutput](s, root().in(abroad), "Sign", &kms.SignInput{KeyId: k.KeyId, Message: []byte("x"), SigningAlgorithm: "ECDSA_SHA_256"})
}

// TestSparePairs: a pair that was made ahead is taken once, and no more than a few
// are kept.
func TestSparePairs(t *testing.T) {
	t.Parallel()
	p := newSparePairs()
	p.prepare("ECC_NIST_P256") // quick: not ahead
	if n := p.count("ECC_NIST_P256"); n != 0 {
		t.Errorf("%d pairs of a quick spec", n)
	}
	p.prepare("RSA_2048")
	ahead := p.bySpec["RSA_2048"][0]
	if got, err := p.take("RSA_2048"); err != nil || &got.private[0] != &ahead.private[0] || p.count("RSA_2048") != 0 {
		t.Errorf("took another pair than the spare one, or left it: %v", err)
	}
	if got, err := p.take("RSA_2048"); err != nil || len(got.private) == 0 {
		t.Errorf("without a spare pair: %v", err)
	}
	p.bySpec["RSA_2048"] = make([]keyPair, maxSpare)
	p.prepare("RSA_2048")
	if n := p.count("RSA_2048"); n != maxSpare {
		t.Errorf("%d spare pairs", n)
	}
}
