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
// would drift apart otherwise. Then it carries the requests out, for a caller
// with the permissions that EBS asks for.
func TestAgreesWithLaunch(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	k, second := s.key(root()), s.key(root())
	site := launch.Site{Partition: "aws", Account: account, Region: region}
	caller := user(account, "test")
	s.allow(caller, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:CreateGrant","kms:GenerateDataKeyWithoutPlaintext","kms:ReEncrypt*"],"Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"ec2.eu-west-1.amazonaws.com"}}}]}`)
	from := func(key *string, encrypted bool) *launch.Source {
		return &launch.Source{
			Snapshot: "snap-0123456789abcdef0", Encrypted: encrypted, Key: aws.ToString(key), Context: map[string]string{launch.ContextKey: "vol-source"},
		}
	}
	volume := func(source *launch.Source) []launch.Volume {
		return []launch.Volume{{ID: "vol-0123456789abcdef0", Key: *k.Arn, Source: source}}
	}
	const instance = "i-0123456789abcdef0"
	compared := make(map[launch.Operation]int)
	for name, steps := range map[string][]launch.Step{
		"an empty volume":                  launch.Run(site, instance, volume(nil)),
		"a volume of the same key":         launch.Run(site, instance, volume(from(k.Arn, true))),
		"a volume of another key":          launch.Run(site, instance, volume(from(second.Arn, true))),
		"a volume of a plain snapshot":     launch.Run(site, instance, volume(from(nil, false))),
		"a start":                          launch.Start(site, instance, volume(nil)),
		"a copy under another key":         launch.CopySnapshot(site, "snap-copy", *k.Arn, *from(second.Arn, true)),
		"an encrypted copy of a plain one": launch.CopySnapshot(site, "snap-copy", *k.Arn, *from(nil, false)),
	} {
		for _, step := range steps {
			compared[step.Operation]++
			w := who{principal: step.Principal(site, caller.principal)}
			if step.By == launch.ByCaller {
				w = caller.viaEC2()
			}
			in := s.input(step)
			s.compare(name, step, w, in, step.Requests(site, caller.principal))
			if _, err := s.run(w, string(step.Operation), in); err != nil {
				t.Errorf("%s: %s: %v", name, step.Operation, err)
			}
		}
	}
	for _, o := range []launch.Operation{launch.CreateGrant, launch.Decrypt, launch.GenerateDataKeyWithoutPlaintext, launch.ReEncrypt} {
		if compared[o] == 0 {
			t.Errorf("no %s was compared", o)
		}
	}
}

// input is the request that a step stands for.
func (s *stage) input(step launch.Step) any {
	s.t.Helper()
	switch step.Operation {
	case launch.GenerateDataKeyWithoutPlaintext:
		return &kms.GenerateDataKeyWithoutPlaintextInput{
			KeyId: &step.Key, NumberOfBytes: aws.Int32(step.NumberOfBytes), EncryptionContext: step.EncryptionContext,
		}
	case launch.CreateGrant:
		in := &kms.CreateGrantInput{
			KeyId: &step.Key, GranteePrincipal: &step.Grant.Grantee, RetiringPrincipal: &step.Grant.Retiring,
			Constraints: &kmstypes.GrantConstraints{EncryptionContextSubset: step.Grant.Subset},
		}
		for _, o := range step.Grant.Operations {
			in.Operations = append(in.Operations, kmstypes.GrantOperation(o))
		}
		return in
	case launch.Decrypt:
		return &kms.DecryptInput{
			CiphertextBlob: encrypted(s, root(), &step.Key, "x", step.EncryptionContext), EncryptionContext: step.EncryptionContext,
		}
	case launch.ReEncrypt:
		return &kms.ReEncryptInput{
			CiphertextBlob: encrypted(s, root(), &step.SourceKey, "x", step.SourceContext), SourceEncryptionContext: step.SourceContext,
			DestinationKeyId: &step.Key, DestinationEncryptionContext: step.EncryptionContext,
		}
	}
	s.t.Fatalf("launch has a new step, %s: compare it here", step.Operation)
	return nil
}

// compare holds what the operation's authorization asks against what launch states.
func (s *stage) compare(name string, step launch.Step, w who, in any, stated []access.Request) {
	s.t.Helper()
	err := s.store.View(context.Background(), func(tx store.Tx) error {
		needs, err := s.ops[string(step.Operation)].Needs(s.call(w, string(step.Operation), tx), in)
		if err != nil {
			return err
		}
		if len(needs) != len(stated) {
			s.t.Fatalf("%s: %s asks for %d permissions, launch states %d", name, step.Operation, len(needs), len(stated))
		}
		for i, n := range needs {
			if n.Action != stated[i].Action || n.Resource != stated[i].Resource || n.Account != stated[i].ResourceAccount {
				s.t.Errorf("%s: asks %s on %s, launch states %s on %s", name, n.Action, n.Resource, stated[i].Action, stated[i].Resource)
			}
			compareContexts(s.t, name+": "+n.Action, stated[i].Context, n.Context)
		}
		return nil
	})
	if err != nil {
		s.t.Errorf("%s: %v", name, err)
	}
}

// ofKey are the keys that tell what the keys are, and who calls: launch leaves
// them to whoever knows the key.
var ofKey = []string{
	"kms:keyorigin", "kms:keyspec", "kms:keyusage", "kms:multiregion", "kms:encryptionalgorithm", "kms:calleraccount",
	"kms:reencryptonsamekey",
}

func compareContexts(t testing.TB, name string, stated, asked access.Context) {
	t.Helper()
	want, got := maps.Collect(stated.All()), maps.Collect(asked.All())
	for key, values := range want {
		if strings.HasPrefix(key, "aws:") {
			continue // the cloud's
		}
		if !slices.Equal(got[key], values) {
			t.Errorf("%s: %s is %v, launch states %v", name, key, got[key], values)
		}
	}
	for key, values := range got {
		if _, ok := want[key]; !ok && !slices.Contains(ofKey, key) {
			t.Errorf("%s: %s is %v, launch states nothing", name, key, values)
		}
	}
}
