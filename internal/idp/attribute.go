package idp

import (
	"bytes"
	"encoding/xml"
	"strings"

	"github.com/crewjam/saml"

	"github.com/keyturn/keyturn/internal/api"
)

// attributes begins the names of AWS's own attributes (IAM guide, "Configure
// SAML assertions for the authentication response").
const attributes = "https://aws.amazon.com/SAML/Attributes/"

// eduPerson, eduOrg and person begin the names of attributes of directories.
const (
	eduPerson = "urn:oid:1.3.6.1.4.1.5923.1.1.1."
	eduOrg    = "urn:oid:1.3.6.1.4.1.5923.1.2.1."
	person    = "urn:oid:0.9.2342.19200300.100.1."
)

// attributeKeys are the condition keys that attributes give (IAM guide,
// "Configure SAML assertions for the authentication response", mapping SAML
// attributes to AWS trust policy context keys).
var attributeKeys = map[string]string{
	eduPerson + "1": "saml:edupersonaffiliation", eduPerson + "2": "saml:edupersonnickname",
	eduPerson + "3": "saml:edupersonorgdn", eduPerson + "4": "saml:edupersonorgunitdn",
	eduPerson + "5": "saml:edupersonprimaryaffiliation", eduPerson + "6": "saml:edupersonprincipalname",
	eduPerson + "7": "saml:edupersonentitlement", eduPerson + "8": "saml:edupersonprimaryorgunitdn",
	eduPerson + "9": "saml:edupersonscopedaffiliation", eduPerson + "10": "saml:edupersontargetedid",
	eduPerson + "11": "saml:edupersonassurance",
	eduOrg + "2":     "saml:eduorghomepageuri", eduOrg + "3": "saml:eduorgidentityauthnpolicyuri",
	eduOrg + "4": "saml:eduorglegalname", eduOrg + "5": "saml:eduorgsuperioruri", eduOrg + "6": "saml:eduorgwhitepagesuri",
	"urn:oid:2.5.4.3": "saml:cn", "urn:oid:2.5.4.4": "saml:surname", "urn:oid:2.5.4.42": "saml:givenName",
	"urn:oid:2.5.4.45": "saml:x500UniqueIdentifier",
	person + "1":       "saml:uid", person + "3": "saml:mail", person + "45": "saml:organizationStatus",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name":              "saml:name",
	"http://schemas.xmlsoap.org/claims/CommonName":                            "saml:commonName",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname":         "saml:givenName",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname":           "saml:surname",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress":      "saml:mail",
	"http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid": "saml:primaryGroupSID",
}

// addAttribute takes what AWS makes use of.
func addAttribute(f *api.Federation, a saml.Attribute) {
	var values []string
	for _, v := range a.Values {
		values = append(values, strings.TrimSpace(v.Value))
	}
	if len(values) == 0 {
		return
	}
	if key, ok := attributeKeys[a.Name]; ok {
		f.RequestKeys[key] = values
	}
	name, ok := strings.CutPrefix(a.Name, attributes)
	if !ok {
		return
	}
	switch {
	case name == "Role":
		for _, v := range values {
			first, second, _ := strings.Cut(v, ",")
			f.Roles = append(f.Roles, [2]string{strings.TrimSpace(first), strings.TrimSpace(second)})
		}
	case name == "RoleSessionName":
		f.Session = values[0]
	case name == "SourceIdentity":
		f.SourceIdentity = values[0]
	case name == "TransitiveTagKeys":
		f.Transitive = values
	case strings.HasPrefix(name, "PrincipalTag:"):
		f.Tags[strings.TrimPrefix(name, "PrincipalTag:")] = values[0]
	}
}

// providerName takes a SAML provider's ARN apart.
func providerName(arn string) (account, name string) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) < 6 {
		return "", arn
	}
	return part[4], strings.TrimPrefix(part[5], "saml-provider/")
}

// recipient is to whom a response says it is addressed, and whether all that it
// asserts is encrypted: read before anything is verified, to know what to verify.
func recipient(response []byte) (to string, encrypted bool) {
	encrypted = true
	d := xml.NewDecoder(bytes.NewReader(response))
	for {
		token, err := d.Token()
		if err != nil {
			if to == "" {
				to = "https://signin.aws.amazon.com/saml" // as it must say inside
			}
			return to, encrypted
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		encrypted = encrypted && start.Name.Local != "Assertion"
		for _, a := range start.Attr {
			named := start.Name.Local == "Response" && a.Name.Local == "Destination" ||
				start.Name.Local == "SubjectConfirmationData" && a.Name.Local == "Recipient"
			if named && to == "" {
				to = a.Value
			}
		}
	}
}
