// Package launch states, as data, which KMS requests EC2 and EBS make for
// whom when an operation touches an encrypted volume: with which encryption
// context, which grant, in whose name.
//
// The cloud performs the list; the doctor and the audit evaluate the same
// list with [Step.Requests]. There is one statement of it, so what the doctor
// says and what the cloud does cannot drift apart.
//
// What is known of AWS is in the KMS guide ("How Amazon EBS uses AWS KMS"),
// the EBS guide ("How Amazon EBS encryption works", "Requirements for Amazon
// EBS encryption"); what was only observed says so where it stands.
package launch

import (
	"github.com/keyturn/keyturn/access"
)

// ContextKey is the only key of EBS's encryption context; its value is the id
// of the volume, or of the snapshot for one made by CopySnapshot.
const ContextKey = "aws:ebs:id"

// DataKeyBytes is the length of a volume's data key: AES-256-XTS takes two
// 256-bit keys.
const DataKeyBytes = 64

// FrontEnd is EC2 as CloudTrail names it in the calls it forwards.
const FrontEnd = "ec2-frontend-api.amazonaws.com"

// Internal is how CloudTrail names a call that AWS made within itself.
const Internal = "AWS Internal"

// By tells in whose name a request is made.
type By int

// The three identities of a launch.
const (
	// ByCaller is a forward access session: EC2 asks KMS in the name of whoever
	// called EC2, so all of the caller's policies bear on it.
	ByCaller By = iota
	// ByInfrastructure is the identity-only role aws:ec2-infrastructure, session
	// named for the instance. It has no policies: the grant lets it decrypt.
	ByInfrastructure
	// ByService is EC2's service principal, working for itself.
	ByService
)

// Operation is the KMS operation of a step.
type Operation string

// The operations of a launch.
const (
	GenerateDataKeyWithoutPlaintext Operation = "GenerateDataKeyWithoutPlaintext"
	CreateGrant                     Operation = "CreateGrant"
	Decrypt                         Operation = "Decrypt"
	ReEncrypt                       Operation = "ReEncrypt"
	RetireGrant                     Operation = "RetireGrant"
)

// Step is one request to KMS.
type Step struct {
	Operation Operation
	By        By
	// Key is the KMS key's ARN.
	Key string
	// Volume is the volume (or the snapshot, in a copy) the request is for.
	Volume string
	// EncryptionContext goes with the cryptographic operations.
	EncryptionContext map[string]string
	// Grant is what a CreateGrant asks for.
	Grant *Grant
	// SourceKey and SourceContext are a ReEncrypt's source side.
	SourceKey     string
	SourceContext map[string]string
	// Instance is the one the infrastructure role acts for.
	Instance string
	// NumberOfBytes is a data key's length.
	NumberOfBytes int32
}

// Grant is the grant that EC2 asks for.
type Grant struct {
	Grantee    string
	Retiring   string
	Operations []string
	// Subset is the grant's EncryptionContextSubset constraint.
	Subset map[string]string
}

// Site is where a launch happens.
type Site struct {
	Partition, Account, Region string
}

// Volume is an encrypted volume as far as KMS is concerned.
type Volume struct {
	ID  string // vol-…
	Key string // key ARN
	// Source is the snapshot it is made from, nil for an empty or an existing volume.
	Source *Source
}

// Source is the snapshot that a volume, or a copy, is made from.
type Source struct {
	Snapshot  string
	Encrypted bool
	Key       string            // key ARN, if encrypted
	Context   map[string]string // the encryption context of its data key
}

// ServicePrincipal is EC2's regional service principal, which retires the
// grants: ec2.us-east-1.amazonaws.com.
func (s Site) ServicePrincipal() string {
	return "ec2." + s.Region + "." + dnsSuffix(s.Partition)
}

func dnsSuffix(partition string) string {
	if partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// Infrastructure is the identity-only role session of an instance (EBS guide,
// "Requirements for Amazon EBS encryption"). Its role ARN has no instance id,
// as observed in CloudTrail.
func (s Site) Infrastructure(instance string) access.Principal {
	return access.Principal{
		Type:         access.RoleSession,
		Partition:    s.Partition,
		Account:      s.Account,
		ARN:          "arn:" + s.Partition + ":sts::" + s.Account + ":assumed-role/aws:ec2-infrastructure/" + instance,
		UserID:       s.Account + ":aws:ec2-infrastructure:" + instance,
		Name:         instance,
		RoleARN:      "arn:" + s.Partition + ":iam::" + s.Account + ":role/aws:ec2-infrastructure",
		RoleID:       s.Account + ":aws:ec2-infrastructure",
		IdentityOnly: true,
	}
}

// Service is EC2's own service principal.
func (s Site) Service() access.Principal {
	return access.Principal{
		Type:             access.Service,
		Partition:        s.Partition,
		ServicePrincipal: s.ServicePrincipal(),
	}
}
