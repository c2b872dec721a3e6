package cloud

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/lake"
)

// neighbours are three accounts that share nothing.
var neighbours = []string{"111111111111", "222222222222", "333333333333"}

// secret marks what belongs to an account. No request carries it, so an answer
// that holds another account's has looked where it must not.
func secret(account string) string { return "secret-of-" + account[:4] }

// TestAccountsAreIsolated: whatever the root users of three accounts ask for,
// with whichever ids and ARNs, nothing of another account is changed or shown.
func TestAccountsAreIsolated(t *testing.T) {
	t.Parallel()
	buckets := t.TempDir()
	for _, name := range []string{"group", "other"} { // names that requests give
		if err := os.Mkdir(filepath.Join(buckets, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		// The time stands still, so that no scheduled work comes due: what changes
		// is the request's doing.
		c, err := New(WithClock(func() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) }), WithBuckets(buckets))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		known := map[string][]string{} // ids and ARNs that everybody has heard of
		for _, account := range neighbours {
			furnish(t, c, account, known)
		}
		operations := allOperations(c)
		for range rapid.IntRange(40, 120).Draw(r, "calls") {
			op := rapid.SampledFrom(operations).Draw(r, "operation")
			account := rapid.SampledFrom(neighbours).Draw(r, "account")
			in := reflect.New(op.in)
			imagine(r, known, in.Elem(), 3)
			before := othersRows(t, c, account)
			call := rootCall(c, op, account)
			out, err := c.dispatch(call, op, in.Interface())
			if after := othersRows(t, c, account); !slices.Equal(before, after) {
				r.Fatalf("%s:%s by %s changed another account:\n%s\n%+v", op.service, op.Name(), account, difference(before, after), in)
			}
			shown, _ := json.Marshal(out)
			text := string(shown) + fmt.Sprint(err)
			for _, other := range neighbours {
				if other != account && strings.Contains(text, secret(other)) {
					r.Fatalf("%s:%s by %s shows what is %s's: %s", op.service, op.Name(), account, other, text)
				}
			}
		}
	})
}

func allOperations(c *Cloud) []*operation {
	var all []*operation
	for _, ops := range c.operations {
		for _, op := range ops {
			all = append(all, op)
		}
	}
	// An invitation lies with the account that it is for: that is what it is.
	all = slices.DeleteFunc(all, func(op *operation) bool { return op.Name() == "InviteAccountToOrganization" })
	slices.SortFunc(all, func(a, b *operation) int {
		return strings.Compare(a.service+":"+a.Name(), b.service+":"+b.Name())
	})
	return all
}

func rootCall(c *Cloud, op *operation, account string) *api.Call {
	call := walkCall(c, op, access.Principal{
		Type: access.Root, Partition: "aws", Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account,
	})
	call.Account = account
	return call
}

func inAccount[Out any](t *testing.T, c *Cloud, account, service, name string, in any) *Out {
	t.Helper()
	op, ok := c.lookup(service, name)
	if !ok {
		t.Fatalf("%s:%s is not built", service, name)
	}
	out, err := c.dispatch(rootCall(c, op, account), op, in)
	if err != nil {
		t.Fatalf("%s:%s: %v", service, name, err)
	}
	return out.(*Out)
}

// furnish gives an account something of each kind, marked as its own, and tells
// everybody its ids.
func furnish(t *testing.T, c *Cloud, account string, known map[string][]string) {
	t.Helper()
	mark := secret(account)
	tell := func(ids ...*string) {
		for _, id := range ids {
			kind, _, _ := strings.Cut(*id, "-")
			known[kind] = append(known[kind], *id)
			known[""] = append(known[""], *id)
		}
	}
	tags := func(kind ec2types.ResourceType) []ec2types.TagSpecification {
		return []ec2types.TagSpecification{{ResourceType: kind, Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: &mark}}}}
	}
	key := inAccount[kms.CreateKeyOutput](t, c, account, "kms", "CreateKey", &kms.CreateKeyInput{Description: &mark}).KeyMetadata
	user := inAccount[iam.CreateUserOutput](t, c, account, "iam", "CreateUser", &iam.CreateUserInput{UserName: &mark}).User
	role := inAccount[iam.CreateRoleOutput](t, c, account, "iam", "CreateRole", &iam.CreateRoleInput{
		RoleName: aws.String("role"), Description: &mark,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}}`),
	}).Role
	credential := inAccount[iam.CreateServiceSpecificCredentialOutput](t, c, account, "iam", "CreateServiceSpecificCredential", &iam.CreateServiceSpecificCredentialInput{UserName: &mark, ServiceName: aws.String("codecommit.amazonaws.com")}).ServiceSpecificCredential
	job := inAccount[iam.GenerateServiceLastAccessedDetailsOutput](t, c, account, "iam", "GenerateServiceLastAccessedDetails", &iam.GenerateServiceLastAccessedDetailsInput{Arn: user.Arn})
	certificate, private := selfSigned(t)
	inAccount[iam.UploadServerCertificateOutput](t, c, account, "iam", "UploadServerCertificate", &iam.UploadServerCertificateInput{
		ServerCertificateName: aws.String("template"), Path: aws.String("/" + mark + "/"), CertificateBody: &certificate, PrivateKey: &private,
	})
	inAccount[iam.UploadSigningCertificateOutput](t, c, account, "iam", "UploadSigningCertificate", &iam.UploadSigningCertificateInput{UserName: &mark, CertificateBody: &certificate})
	known[""] = append(known[""], *credential.ServiceSpecificCredentialId, *job.JobId)
	known["arn"] = append(known["arn"], *key.Arn, *role.Arn, "arn:aws:iam::"+account+":root")
	known[""] = append(known[""], *key.KeyId, account, *user.UserId)
	volume := inAccount[ec2.CreateVolumeOutput](t, c, account, "ec2", "CreateVolume", &ec2.CreateVolumeInput{
		AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(1), Encrypted: aws.Bool(true), KmsKeyId: key.Arn, TagSpecifications: tags(ec2types.ResourceTypeVolume),
	})
	template := inAccount[ec2.CreateLaunchTemplateOutput](t, c, account, "ec2", "CreateLaunchTemplate", &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: aws.String("template"), LaunchTemplateData: &ec2types.RequestLaunchTemplateData{KeyName: &mark},
	}).LaunchTemplate
	vpc := inAccount[ec2.CreateVpcOutput](t, c, account, "ec2", "CreateVpc", &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), TagSpecifications: tags(ec2types.ResourceTypeVpc)}).Vpc
	subnet := inAccount[ec2.CreateSubnetOutput](t, c, account, "ec2", "CreateSubnet", &ec2.CreateSubnetInput{VpcId: vpc.VpcId, CidrBlock: aws.String("10.0.0.0/24")}).Subnet
	group := inAccount[ec2.CreateSecurityGroupOutput](t, c, account, "ec2", "CreateSecurityGroup", &ec2.CreateSecurityGroupInput{VpcId: vpc.VpcId, GroupName: aws.String("group"), Description: &mark})
	plug := inAccount[ec2.CreateNetworkInterfaceOutput](t, c, account, "ec2", "CreateNetworkInterface", &ec2.CreateNetworkInterfaceInput{SubnetId: subnet.SubnetId, Description: &mark}).NetworkInterface
	address := inAccount[ec2.AllocateAddressOutput](t, c, account, "ec2", "AllocateAddress", &ec2.AllocateAddressInput{TagSpecifications: tags(ec2types.ResourceTypeElasticIp)})
	tell(volume.VolumeId, template.LaunchTemplateId, vpc.VpcId, subnet.SubnetId, group.GroupId, plug.NetworkInterfaceId, address.AllocationId)
	inAccount[autoscaling.CreateLaunchConfigurationOutput](t, c, account, "autoscaling", "CreateLaunchConfiguration", &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String("configuration"), ImageId: aws.String("ami-0123456789abcdef0"), InstanceType: aws.String("t3.micro"), KeyName: &mark,
	})
	trail := inAccount[cloudtrail.CreateTrailOutput](t, c, account, "cloudtrail", "CreateTrail", &cloudtrail.CreateTrailInput{
		Name: aws.String("template"), S3BucketName: aws.String("group"), S3KeyPrefix: &mark, IsMultiRegionTrail: aws.Bool(true),
	})
	inAccount[cloudtrail.StartLoggingOutput](t, c, account, "cloudtrail", "StartLogging", &cloudtrail.StartLoggingInput{Name: trail.TrailARN})
	known["arn"] = append(known["arn"], *trail.TrailARN)
	known[""] = append(known[""], *trail.TrailARN)
	kept := inAccount[cloudtrail.CreateEventDataStoreOutput](t, c, account, "cloudtrail", "CreateEventDataStore", &cloudtrail.CreateEventDataStoreInput{Name: &mark})
	eds := (*kept.EventDataStoreArn)[strings.LastIndexByte(*kept.EventDataStoreArn, '/')+1:]
	if lake.Available {
		query := inAccount[cloudtrail.StartQueryOutput](t, c, account, "cloudtrail", "StartQuery", &cloudtrail.StartQueryInput{QueryStatement: aws.String("SELECT '" + mark + "' AS x FROM " + eds)})
		known[""] = append(known[""], *query.QueryId)
		// It must be over, or it is what changes the account's rows.
		for range 1000 {
			now := inAccount[cloudtrail.DescribeQueryOutput](t, c, account, "cloudtrail", "DescribeQuery", &cloudtrail.DescribeQueryInput{QueryId: query.QueryId})
			if now.QueryStatus == cttypes.QueryStatusFinished {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	known["arn"] = append(known["arn"], *kept.EventDataStoreArn)
	known[""] = append(known[""], *kept.EventDataStoreArn, eds, "SELECT * FROM "+eds)
	organization := inAccount[organizations.CreateOrganizationOutput](t, c, account, "organizations", "CreateOrganization", &organizations.CreateOrganizationInput{}).Organization
	root := inAccount[organizations.ListRootsOutput](t, c, account, "organizations", "ListRoots", &organizations.ListRootsInput{}).Roots[0]
	inAccount[organizations.CreateOrganizationalUnitOutput](t, c, account, "organizations", "CreateOrganizationalUnit", &organizations.CreateOrganizationalUnitInput{ParentId: root.Id, Name: &mark})
	tell(organization.Id, root.Id)
}

// selfSigned is a certificate, valid on the day on which the time stands still,
// and its private key.
func selfSigned(t *testing.T) (certificate, private string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 11, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

// unsaid are members that only spoil requests.
var unsaid = []string{"NextToken", "Marker", "ClientToken", "MaxResults", "MaxItems", "MaxRecords", "Filters", "DryRun", "GrantTokens"}

// naming is what members that name something end with.
var naming = regexp.MustCompile(`(Ids?|Names?|Arns?|CidrBlock|Document|Type)$`)

// imagine fills a request with what somebody could have heard of.
func imagine(r *rapid.T, known map[string][]string, in reflect.Value, depth int) {
	for i := range in.NumField() {
		f := in.Type().Field(i)
		if !f.IsExported() || slices.Contains(unsaid, f.Name) {
			continue
		}
		// What names something is nearly always given, the rest now and then: a
		// request that is refused for its form tells nothing.
		if one := rapid.IntRange(0, 9).Draw(r, "given"); one > 2 && !naming.MatchString(f.Name) || one > 7 {
			continue
		}
		if v, ok := thought(r, known, f.Name, f.Type, depth); ok {
			in.Field(i).Set(v)
		}
	}
}

// idKinds are the beginnings of ids by the end of a member's name.
var idKinds = map[string]string{
	"VolumeId": "vol", "VpcId": "vpc", "SubnetId": "subnet", "GroupId": "sg", "LaunchTemplateId": "lt", "Arn": "arn", "KeyId": "arn", "RootId": "r", "ParentId": "r",
}

func thought(r *rapid.T, known map[string][]string, name string, kind reflect.Type, depth int) (reflect.Value, bool) {
	v := reflect.New(kind).Elem()
	switch kind.Kind() {
	case reflect.Pointer:
		inner, ok := thought(r, known, name, kind.Elem(), depth)
		if ok {
			v.Set(reflect.New(kind.Elem()))
			v.Elem().Set(inner)
		}
		return v, ok
	case reflect.Slice:
		if kind.Elem().Kind() == reflect.Uint8 || depth == 0 {
			return v, false
		}
		inner, ok := thought(r, known, strings.TrimSuffix(name, "s"), kind.Elem(), depth-1)
		if ok {
			v = reflect.Append(v, inner)
		}
		return v, ok
	case reflect.Struct:
		if kind == reflect.TypeFor[time.Time]() || depth == 0 {
			return v, false
		}
		imagine(r, known, v, depth-1)
		return v, true
	case reflect.String:
		v.SetString(word(r, known, name, kind))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(r, name))
	case reflect.Int32, reflect.Int64:
		v.SetInt(rapid.Int64Range(1, 40).Draw(r, name))
	default:
		return v, false
	}
	return v, true
}

// word is a text for a member: one of an enum's, an id of the right kind, or any.
func word(r *rapid.T, known map[string][]string, name string, kind reflect.Type) string {
	if m := reflect.New(kind).Elem().MethodByName("Values"); m.IsValid() {
		values := m.Call(nil)[0]
		return values.Index(rapid.IntRange(0, values.Len()-1).Draw(r, name)).String()
	}
	switch {
	case strings.HasSuffix(name, "Document") || name == "Policy" || name == "Content":
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	case strings.HasSuffix(name, "CidrBlock"):
		return "10.0.1.0/24"
	}
	for end, prefix := range idKinds {
		if strings.HasSuffix(name, end) && len(known[prefix]) > 0 {
			return rapid.SampledFrom(known[prefix]).Draw(r, name)
		}
	}
	if strings.HasSuffix(name, "Name") || strings.HasSuffix(name, "Key") {
		return rapid.SampledFrom([]string{"role", "template", "configuration", "group", "other"}).Draw(r, name)
	}
	return rapid.SampledFrom(known[""]).Draw(r, name)
}

// othersRows are the rows of all accounts but one, without the invitations that
// they got: anybody may invite an account, and it is told by a row of its own.
func othersRows(t *testing.T, c *Cloud, account string) []string {
	t.Helper()
	return slices.DeleteFunc(rows(t, c), func(row string) bool {
		return strings.Contains(row, "/organizations.invited/") ||
			!slices.ContainsFunc(neighbours, func(n string) bool { return n != account && strings.HasPrefix(row, n+"/") })
	})
}

func difference(before, after []string) string {
	var b strings.Builder
	for _, row := range before {
		if !slices.Contains(after, row) {
			b.WriteString("- " + row + "\n")
		}
	}
	for _, row := range after {
		if !slices.Contains(before, row) {
			b.WriteString("+ " + row + "\n")
		}
	}
	return b.String()
}
