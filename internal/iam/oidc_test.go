package iam_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const (
	oidcARN = "arn:aws:iam::123456789012:oidc-provider/idp.example.com/id/Example"
	oidcURL = "https://idp.example.com/id/Example"
)

var thumbprint = strings.Repeat("0a", 20)

func (w *world) oidc(clients ...string) {
	w.t.Helper()
	must[awsiam.CreateOpenIDConnectProviderOutput](w, "CreateOpenIDConnectProvider", &awsiam.CreateOpenIDConnectProviderInput{
		Url: aws.String(oidcURL), ClientIDList: clients, ThumbprintList: []string{thumbprint},
		Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}, {Key: aws.String("a"), Value: aws.String("1")}},
	})
}

func (w *world) getOIDC() *awsiam.GetOpenIDConnectProviderOutput {
	w.t.Helper()
	return must[awsiam.GetOpenIDConnectProviderOutput](w, "GetOpenIDConnectProvider", &awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(oidcARN)})
}

func TestOIDCProviders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := aws.String(oidcARN)
	w.oidc("app", "app", "other")
	w.fails("CreateOpenIDConnectProvider", &awsiam.CreateOpenIDConnectProviderInput{Url: aws.String(oidcURL), ThumbprintList: []string{thumbprint}},
		"EntityAlreadyExists", "Provider with url "+oidcURL+" already exists.")
	got := w.getOIDC()
	if *got.Url != "idp.example.com/id/Example" || !slices.Equal(got.ClientIDList, []string{"app", "other"}) || !slices.Equal(got.ThumbprintList, []string{thumbprint}) {
		t.Errorf("got %s, %v, %v", *got.Url, got.ClientIDList, got.ThumbprintList)
	}
	if len(got.Tags) != 2 || *got.Tags[0].Key != "a" {
		t.Errorf("tags are not in the order of their keys: %v", got.Tags)
	}
	for range 2 { // adding and removing twice is no error
		must[awsiam.AddClientIDToOpenIDConnectProviderOutput](w, "AddClientIDToOpenIDConnectProvider", &awsiam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: id, ClientID: aws.String("third")})
		must[awsiam.RemoveClientIDFromOpenIDConnectProviderOutput](w, "RemoveClientIDFromOpenIDConnectProvider", &awsiam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: id, ClientID: aws.String("app")})
	}
	next := strings.Repeat("0b", 20)
	must[awsiam.UpdateOpenIDConnectProviderThumbprintOutput](w, "UpdateOpenIDConnectProviderThumbprint", &awsiam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: id, ThumbprintList: []string{next}})
	if got := w.getOIDC(); !slices.Equal(got.ClientIDList, []string{"other", "third"}) || !slices.Equal(got.ThumbprintList, []string{next}) {
		t.Errorf("got %v, %v", got.ClientIDList, got.ThumbprintList)
	}
	if got := must[awsiam.GetAccountSummaryOutput](w, "GetAccountSummary", &awsiam.GetAccountSummaryInput{}).SummaryMap["Providers"]; got != 1 {
		t.Errorf("the summary counts %d providers", got)
	}
	for range 2 { // and so is deleting
		must[awsiam.DeleteOpenIDConnectProviderOutput](w, "DeleteOpenIDConnectProvider", &awsiam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: id})
	}
	w.fails("GetOpenIDConnectProvider", &awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: id}, "NoSuchEntity", "OpenIDConnect Provider not found for arn "+oidcARN)
	if got := must[awsiam.ListOpenIDConnectProvidersOutput](w, "ListOpenIDConnectProviders", &awsiam.ListOpenIDConnectProvidersInput{}).OpenIDConnectProviderList; len(got) != 0 {
		t.Errorf("still listed: %v", got)
	}
}

func TestOIDCProviderTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.oidc()
	id := aws.String(oidcARN)
	must[awsiam.TagOpenIDConnectProviderOutput](w, "TagOpenIDConnectProvider", &awsiam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: id, Tags: []types.Tag{{Key: aws.String("c"), Value: aws.String("3")}}})
	must[awsiam.UntagOpenIDConnectProviderOutput](w, "UntagOpenIDConnectProvider", &awsiam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: id, TagKeys: []string{"b"}})
	var got []string
	for _, tag := range must[awsiam.ListOpenIDConnectProviderTagsOutput](w, "ListOpenIDConnectProviderTags", &awsiam.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: id}).Tags {
		got = append(got, *tag.Key+*tag.Value)
	}
	if !slices.Equal(got, []string{"a1", "c3"}) {
		t.Errorf("tags %v", got)
	}
	// A policy may turn on the tags.
	_, needs, err := w.run(rootCaller(account), "GetOpenIDConnectProvider", &awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: id})
	if err != nil || len(needs) != 1 || needs[0].Resource != oidcARN {
		t.Fatalf("needs %+v, %v", needs, err)
	}
	if v, _, _ := needs[0].Context.Get("aws:ResourceTag/a"); !slices.Equal(v, []string{"1"}) {
		t.Errorf("aws:ResourceTag/a is %v", v)
	}
}

func TestOIDCProviderRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.oidc()
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprint("client", i)
	}
	for _, row := range []struct {
		rule          string
		in            awsiam.CreateOpenIDConnectProviderInput
		code, message string
	}{
		{"the scheme is https", awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("http://idp.example.com")}, "ValidationError", "Invalid Open ID Connect Provider URL"},
		{"there is a host", awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https:///x")}, "ValidationError", "Invalid Open ID Connect Provider URL"},
		{"there is no query", awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https://idp.example.com?x=1")}, "ValidationError", "Invalid Open ID Connect Provider URL"},
		{"five thumbprints at most", awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https://example.com"), ThumbprintList: slices.Repeat([]string{thumbprint}, 6)}, "InvalidInput", "Thumbprint list must contain fewer than 5 entries."},
		{"a thumbprint is hexadecimal", awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https://example.com"), ThumbprintList: []string{strings.Repeat("x", 40)}}, "InvalidInput", "Invalid thumbprint: " + strings.Repeat("x", 40)},
		{"a hundred clients at most", awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https://example.com"), ThumbprintList: []string{thumbprint}, ClientIDList: many}, "LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"},
		{"a provider without thumbprints would have to be asked", awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https://example.com")}, "OpenIdIdpCommunicationError", "Unable to communicate with the OpenID Connect provider. Please specify a thumbprint list."},
	} {
		t.Run(row.rule, func(t *testing.T) {
			w.fails("CreateOpenIDConnectProvider", &row.in, row.code, row.message)
		})
	}
	// Another account's provider is nobody's here, and what is no ARN is none.
	other := "arn:aws:iam::210987654321:oidc-provider/idp.example.com/id/Example"
	w.fails("AddClientIDToOpenIDConnectProvider", &awsiam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: &other, ClientID: aws.String("x")}, "NoSuchEntity", "OpenIDConnect Provider not found for arn "+other)
	w.fails("GetOpenIDConnectProvider", &awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String("idp.example.com/id/Example")}, "ValidationError", "Invalid ARN:  Could not be parsed!")
	if got := must[awsiam.ListOpenIDConnectProvidersOutput](w, "ListOpenIDConnectProviders", &awsiam.ListOpenIDConnectProvidersInput{}).OpenIDConnectProviderList; len(got) != 1 || *got[0].Arn != oidcARN {
		t.Errorf("a refusal changed the list: %v", got)
	}
}

// TestOIDCIssuersThatDifferByASlash are two, as their tokens' iss claims are.
func TestOIDCIssuersThatDifferByASlash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, issuer := range []string{"idp.example.com", "idp.example.com/", "IDP.example.com"} {
		made := must[awsiam.CreateOpenIDConnectProviderOutput](w, "CreateOpenIDConnectProvider", &awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https://" + issuer), ThumbprintList: []string{thumbprint}})
		got := must[awsiam.GetOpenIDConnectProviderOutput](w, "GetOpenIDConnectProvider", &awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: made.OpenIDConnectProviderArn})
		if *made.OpenIDConnectProviderArn != "arn:aws:iam::123456789012:oidc-provider/"+issuer || *got.Url != issuer {
			t.Errorf("%s became %s of %s", issuer, *made.OpenIDConnectProviderArn, *got.Url)
		}
	}
}
