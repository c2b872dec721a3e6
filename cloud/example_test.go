package cloud_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/cloud"
)

func ExampleNew() {
	c, err := cloud.New(cloud.WithAccount("123456789012"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	server := httptest.NewServer(c)
	defer server.Close()

	id, secret := c.RootCredentials()
	client := sts.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
	who, err := client.GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(*who.Arn)
	// Output: arn:aws:iam::123456789012:root
}
