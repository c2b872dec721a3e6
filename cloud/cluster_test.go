package cloud_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// TestClusterWithWorkloadIdentity is a cluster's controller that comes with the
// cluster's own tokens: what it launches needs the key for its role. A key policy
// in the form of alias/aws/ebs's lets in whoever launches in the account, through
// EC2 and not otherwise.
func TestClusterWithWorkloadIdentity(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	key := s.key()
	i := newIssuer(s)
	role := i.trusting("karpenter", `"sts:AssumeRoleWithWebIdentity"`, `{"StringEquals":{"`+i.name()+`:sub":"system:serviceaccount:kube-system:karpenter"}}`)
	_, err := s.root.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("karpenter"), PolicyArn: aws.String(fullAccess)})
	s.must(err)
	out, err := i.assume(role, i.token(map[string]any{"sub": "system:serviceaccount:kube-system:karpenter"}))
	s.must(err)
	controller := s.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	node := volume{device: "/dev/xvda", key: key, encrypted: true}

	failed := s.await(s.run(controller, node), ec2types.InstanceStateNameTerminated)
	if !strings.HasPrefix(reason(failed), "Client.InvalidKMSKey.InvalidState") {
		t.Errorf("without the key the node ends with %s", reason(failed))
	}
	raw := *s.events("GenerateDataKeyWithoutPlaintext")[0].CloudTrailEvent
	for _, want := range []string{`"AccessDenied"`, "assumed-role/karpenter/app", `"federatedProvider":"` + i.provider + `"`} {
		if !strings.Contains(raw, want) {
			t.Errorf("the denied call lacks %s: %s", want, raw)
		}
	}

	_, err = s.root.kms.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &key, PolicyName: aws.String("default"), Policy: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:CreateGrant","kms:DescribeKey"],"Resource":"*",
		 "Condition":{"StringEquals":{"kms:ViaService":"ec2.` + region + `.amazonaws.com","kms:CallerAccount":"123456789012"}}}]}`)})
	s.must(err)
	s.await(s.run(controller, node), ec2types.InstanceStateNameRunning)
	_, err = controller.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
	wantCode(t, err, "AccessDeniedException")
	_, err = controller.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})
	s.must(err)
}
