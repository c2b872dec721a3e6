package kms

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/store"
)

// TestAgreesWithLaunch compares the condition keys of EC2's requests with those
// that package launch states: what the doctor says and what the cloud does
// would drift apart otherwise.
func TestAgreesWithLaunch(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k := s.key(root())
	site := launch.Site{Partition: "aws", Account: account, Region: region}
	caller := user(account, "test")
	volume := launch.Volume{ID: "vol-0123456789abcdef0", Key: *k.Arn}
	blob := encrypted(s, root(), k.KeyId, "x", map[string]string{launch.ContextKey: volume.ID})
	compared := 0
	for _, step := range launch.Run(site, "i-0123456789abcdef0", []launch.Volume{volume}) {
		var in any
		w := caller
		if step.By == launch.ByCaller {
			w = w.viaEC2()
		}
		switch step.Operation {
		case launch.GenerateDataKeyWithoutPlaintext:
			in = &kms.GenerateDataKeyWithoutPlaintextInput{
				KeyId: &step.Key, NumberOfBytes: aws.Int32(step.NumberOfBytes), EncryptionContext: step.EncryptionContext,
			}
		case launch.CreateGrant:
			g := &kms.CreateGrantInput{
				KeyId: &step.Key, GranteePrincipal: &step.Grant.Grantee, RetiringPrincipal: &step.Grant.Retiring,
				Constraints: &kmstypes.GrantConstraints{EncryptionContextSubset: step.Grant.Subset},
			}
			for _, o := range step.Grant.Operations {
				g.Operations = append(g.Operations, kmstypes.GrantOperation(o))
			}
			in = g
		case launch.Decrypt:
			w = who{principal: step.Principal(site, caller.principal)}
			in = &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: step.EncryptionContext}
		default:
			t.Fatalf("launch has a new step, %s: compare it here", step.Operation)
		}
		compared++
		stated := step.Requests(site, caller.principal)
		if len(stated) != 1 {
			t.Fatalf("%s: %d requests", step.Operation, len(stated))
		}
		err := s.store.View(context.Background(), func(tx store.Tx) error {
			needs, err := s.ops[string(step.Operation)].Needs(s.call(w, string(step.Operation), tx), in)
			if err != nil {
				return err
			}
			if len(needs) != 1 || needs[0].Action != stated[0].Action || needs[0].Resource != stated[0].Resource {
				t.Errorf("%s: asks %+v", step.Operation, needs)
			}
			compareContexts(t, string(step.Operation), stated[0].Context, needs[0].Context)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if compared != 3 {
		t.Errorf("%d steps compared, want 3", compared)
	}
}

// ofKey are the keys that tell what the key is, and who calls: launch leaves
// them to whoever knows the key.
var ofKey = []string{
	"kms:keyorigin", "kms:keyspec", "kms:keyusage", "kms:multiregion", "kms:encryptionalgorithm", "kms:calleraccount",
}

func compareContexts(t *testing.T, operation string, stated, asked access.Context) {
	t.Helper()
	want, got := maps.Collect(stated.All()), maps.Collect(asked.All())
	for key, values := range want {
		if strings.HasPrefix(key, "aws:") {
			continue // the cloud's
		}
		if !slices.Equal(got[key], values) {
			t.Errorf("%s: %s is %v, launch states %v", operation, key, got[key], values)
		}
	}
	for key, values := range got {
		if _, ok := want[key]; !ok && !slices.Contains(ofKey, key) {
			t.Errorf("%s: %s is %v, launch states nothing", operation, key, values)
		}
	}
}
