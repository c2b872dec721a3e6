package trailfile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// generator makes log files that look like an account's of which much is asked:
// in size, in what repeats and in what never does.
type generator struct {
	*rand.Rand
	at time.Time
}

func newGenerator(seed uint64) *generator {
	return &generator{rand.New(rand.NewPCG(seed, 1)), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
}

const hexadecimal, capitals = "0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

func (g *generator) letters(of string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = of[g.IntN(len(of))]
	}
	return string(b)
}

func (g *generator) uuid() string {
	h := g.letters(hexadecimal, 32)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// event is one event of the most frequent kinds.
func (g *generator) event() string {
	g.at = g.at.Add(time.Duration(g.IntN(400)) * time.Millisecond)
	session := fmt.Sprintf("session-%d", g.IntN(500))
	role := fmt.Sprintf("service-%d", g.IntN(40))
	roleID := "AROA" + strings.Repeat(role[len(role)-1:], 17)
	identity := fmt.Sprintf(`{"type":"AssumedRole","principalId":"%s:%s","arn":"arn:aws:sts::123456789012:assumed-role/%s/%s","accountId":"123456789012","accessKeyId":"ASIA%s","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"%s","arn":"arn:aws:iam::123456789012:role/%s","accountId":"123456789012","userName":"%s"},"attributes":{"creationDate":"%s","mfaAuthenticated":"false"}}}`,
		roleID, session, role, session, g.letters(capitals, 16), roleID, role, role, g.at.Add(-time.Hour).Format(time.RFC3339))
	source, name, request, response, readOnly := "ec2.amazonaws.com", "DescribeInstances", fmt.Sprintf(`{"instancesSet":{"items":[{"instanceId":"i-%s"}]},"filterSet":{}}`, g.letters(hexadecimal, 17)), "null", true
	switch g.IntN(4) {
	case 0:
		source, name = "sts.amazonaws.com", "AssumeRole"
		identity = `{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}`
		request = fmt.Sprintf(`{"roleArn":"arn:aws:iam::123456789012:role/%s","roleSessionName":"i-%s"}`, role, g.letters(hexadecimal, 17))
		response = fmt.Sprintf(`{"credentials":{"accessKeyId":"ASIA%s","sessionToken":"%s","expiration":"Mar 1, 2026, 6:00:00 AM"}}`, g.letters(capitals, 16), g.letters(capitals+"abcdefghijklmnopqrstuvwxyz+/", 356))
	case 1:
		source, name = "kms.amazonaws.com", "Decrypt"
		request = fmt.Sprintf(`{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::example-%d"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, g.IntN(90))
	case 2:
		source, name, readOnly = "logs.amazonaws.com", "CreateLogStream", false
		request = fmt.Sprintf(`{"logGroupName":"/aws/lambda/function-%d","logStreamName":"2026/03/01/[$LATEST]%s"}`, g.IntN(60), g.letters(hexadecimal, 32))
	}
	return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":%s,"eventTime":"%s","eventSource":"%s","eventName":"%s","awsRegion":"eu-west-1","sourceIPAddress":"10.%d.%d.%d","userAgent":"aws-sdk-go-v2/1.48.0 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/%s#1.62.5 m/E,e","requestParameters":%s,"responseElements":%s,"requestID":"%s","eventID":"%s","readOnly":%t,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"123456789012","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"%s"}}`,
		identity, g.at.Format(time.RFC3339), source, name, g.IntN(256), g.IntN(256), g.IntN(256), strings.TrimSuffix(source, ".amazonaws.com"), request, response, g.uuid(), g.uuid(), readOnly,
		strings.Replace(source, ".amazonaws", ".eu-west-1.amazonaws", 1))
}

// start is the event that is looked for.
func (g *generator) start(instance string) string {
	return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::123456789012:user/test","accountId":"123456789012","userName":"test"},"eventTime":"%s","eventSource":"ec2.amazonaws.com","eventName":"StartInstances","awsRegion":"eu-west-1","requestParameters":{"instancesSet":{"items":[{"instanceId":"%s"}]}},"responseElements":{"instancesSet":{"items":[{"instanceId":"%s","currentState":{"code":0,"name":"pending"},"previousState":{"code":80,"name":"stopped"}}]}},"requestID":"%s","eventID":"%s","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"123456789012","eventCategory":"Management"}`,
		g.at.Format(time.RFC3339), instance, instance, g.uuid(), g.uuid())
}

// file is the content of a log file of about so many bytes of JSON.
func (g *generator) file(size int, more ...string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"Records":[`)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(g.event())
	}
	for _, e := range more {
		b.WriteString("," + e)
	}
	b.WriteString("]}")
	return b.Bytes()
}

// path is where AWS would put a file that is written now.
func (g *generator) path() string {
	written := g.at.Add(3 * time.Minute)
	return filepath.Join("AWSLogs", "123456789012", "CloudTrail", "eu-west-1", filepath.FromSlash(written.Format("2006/01/02")),
		"123456789012_CloudTrail_eu-west-1_"+written.Format("20060102T1504Z")+"_"+g.letters(capitals, 16)+".json.gz")
}

func packed(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func write(tb testing.TB, dir, name string, content []byte) {
	tb.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
}
