package ec2

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/crypto/ssh"
)

func TestCreatedKeyPairOpens(t *testing.T) {
	t.Parallel()
	for _, kind := range []types.KeyType{types.KeyTypeRsa, types.KeyTypeEd25519} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			made := must[ec2.CreateKeyPairOutput](w, "CreateKeyPair", &ec2.CreateKeyPairInput{KeyName: aws.String("mine"), KeyType: kind})
			private, err := ssh.ParseRawPrivateKey([]byte(*made.KeyMaterial))
			if err != nil {
				t.Fatal(err)
			}
			var want string
			switch key := private.(type) {
			case *rsa.PrivateKey:
				der, err := x509.MarshalPKCS8PrivateKey(key)
				if err != nil {
					t.Fatal(err)
				}
				want = strings.ReplaceAll(fmt.Sprintf("% x", sha1.Sum(der)), " ", ":")
			case *ed25519.PrivateKey:
				public, err := ssh.NewPublicKey(key.Public())
				if err != nil {
					t.Fatal(err)
				}
				want = strings.TrimPrefix(ssh.FingerprintSHA256(public), "SHA256:") + "="
			default:
				t.Fatalf("the private key is a %T", private)
			}
			if *made.KeyFingerprint != want {
				t.Errorf("fingerprint %s, want %s", *made.KeyFingerprint, want)
			}
			w.refused("CreateKeyPair", &ec2.CreateKeyPairInput{KeyName: aws.String("mine")}, "InvalidKeyPair.Duplicate", "The keypair already exists")
			got := must[ec2.DescribeKeyPairsOutput](w, "DescribeKeyPairs", &ec2.DescribeKeyPairsInput{KeyPairIds: []string{*made.KeyPairId}, IncludePublicKey: aws.Bool(true)}).KeyPairs
			if len(got) != 1 || got[0].KeyType != kind || !strings.HasPrefix(*got[0].PublicKey, "ssh-") {
				t.Errorf("the pair is shown as %+v", got)
			}
			must[ec2.DeleteKeyPairOutput](w, "DeleteKeyPair", &ec2.DeleteKeyPairInput{KeyName: aws.String("mine")})
			must[ec2.DeleteKeyPairOutput](w, "DeleteKeyPair", &ec2.DeleteKeyPairInput{KeyName: aws.String("mine")})
			w.refused("DescribeKeyPairs", &ec2.DescribeKeyPairsInput{KeyNames: []string{"mine"}}, "InvalidKeyPair.NotFound", "The key pair 'mine' does not exist")
		})
	}
}

// A public key from ssh-keygen, and what `ssh-keygen -e -m PKCS8 | openssl pkey
// -pubin -outform DER | openssl md5 -c` says of it, are computed anew here from
// a fresh key in each form that may be imported.
func TestImportKeyPairForms(t *testing.T) {
	t.Parallel()
	made, err := newKeyMaterial(types.KeyTypeRsa, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(made.private))
	private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	blob := strings.Fields(made.public)[1]
	prints := make(map[string]string)
	for name, form := range map[string]string{
		"OpenSSH with a comment": made.public + " somebody@example",
		"base64 of DER":          base64.StdEncoding.EncodeToString(der),
		"RFC 4716":               "---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"2048-bit RSA, \\\nconverted\"\n" + blob[:70] + "\n" + blob[70:] + "\n---- END SSH2 PUBLIC KEY ----\n",
	} {
		w := newWorld(t)
		out := must[ec2.ImportKeyPairOutput](w, "ImportKeyPair", &ec2.ImportKeyPairInput{KeyName: aws.String("mine"), PublicKeyMaterial: []byte(form)})
		if n := strings.Count(*out.KeyFingerprint, ":"); n != 15 {
			t.Errorf("%s: fingerprint %s is no MD5", name, *out.KeyFingerprint)
		}
		prints[*out.KeyFingerprint] = name
	}
	if len(prints) != 1 {
		t.Errorf("the same key has the fingerprints %v", prints)
	}
	w := newWorld(t)
	w.refused("ImportKeyPair", &ec2.ImportKeyPairInput{KeyName: aws.String("mine"), PublicKeyMaterial: []byte("hello")}, "InvalidKey.Format", "Key is not in valid OpenSSH public key format")
}

func FuzzReadPublicKey(f *testing.F) {
	f.Add([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRhdGEgdGhhdCBpcyBub3QgYSBrZXkgYXQgYWxs me"))
	f.Add([]byte("---- BEGIN SSH2 PUBLIC KEY ----\nComment: x\\\ny\nAAAA\n---- END SSH2 PUBLIC KEY ----"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := readPublicKey(raw)
		if err == nil && (m.fingerprint == "" || m.public == "" || m.kind == "") {
			t.Errorf("an accepted key is %+v", m)
		}
		if err != nil && errorCode(err) == "" {
			t.Errorf("the refusal is not EC2's: %v", err)
		}
	})
}
