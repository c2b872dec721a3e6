package simulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
)

// Principal is who makes a request: an ARN, or a service principal such as
// ec2.amazonaws.com, and what an ARN does not tell.
type Principal struct {
	ARN string `json:"arn"`
	// UserID is the value of aws:userid: AIDA…, or AROA…:session.
	UserID string `json:"userId"`
	// RoleARN and RoleID are a session's role, whose path its own ARN leaves out.
	RoleARN string `json:"roleArn"`
	RoleID  string `json:"roleId"`
	// UserARN is the user behind a federated user session.
	UserARN string `json:"userArn"`
	// Tags are the principal's; nil: nobody knows.
	Tags map[string]string `json:"tags"`
}

// UnmarshalJSON reads an ARN or an object.
func (p *Principal) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, &p.ARN)
	}
	type plain Principal
	return strict(data, (*plain)(p))
}

var serviceName = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?$`)

// principal is the principal as package access takes it.
func (p *Principal) principal() (access.Principal, error) {
	out, ok := diagnose.PrincipalNamed(p.ARN)
	switch {
	case ok:
	case serviceName.MatchString(p.ARN):
		out = access.Principal{Type: access.Service, Partition: "aws", ServicePrincipal: p.ARN}
		if strings.HasSuffix(p.ARN, ".cn") {
			out.Partition = "aws-cn"
		}
	default:
		parts := strings.SplitN(p.ARN, ":", 6)
		if len(parts) < 6 || parts[0] != "arn" || parts[2] != "sts" || !strings.HasPrefix(parts[5], "federated-user/") {
			return out, fmt.Errorf("%q is no principal: give the ARN of a user, a role, a session or the root user, or a service such as ec2.amazonaws.com", p.ARN)
		}
		out = access.Principal{
			Type: access.FederatedUser, Partition: parts[1], Account: parts[4], ARN: p.ARN,
			Name: strings.TrimPrefix(parts[5], "federated-user/"), UserARN: p.UserARN,
		}
	}
	if out.Type != access.Service && !accountID.MatchString(out.Account) {
		return out, fmt.Errorf("the principal %s is of no account: its ARN wants 12 digits behind the fourth colon", p.ARN)
	}
	if out.Type != access.RoleSession && (p.RoleARN != "" || p.RoleID != "") {
		return out, fmt.Errorf("%s is no session of a role: leave roleArn and roleId away", p.ARN)
	}
	if out.Type != access.FederatedUser && p.UserARN != "" {
		return out, errors.New("only a federated user has a userArn")
	}
	if p.UserID != "" {
		out.UserID = p.UserID
	}
	if p.RoleARN != "" {
		out.RoleARN = p.RoleARN
		out.ServiceLinked = strings.Contains(p.RoleARN, ":role/aws-service-role/")
	}
	out.RoleID, out.Tags = p.RoleID, p.Tags
	// EC2's own session for an instance has no policies (EBS guide, "Requirements
	// for Amazon EBS encryption").
	out.IdentityOnly = strings.HasSuffix(out.RoleARN, ":role/aws:ec2-infrastructure")
	return out, nil
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// name is the principal as people call it: by ARN, or a service's name.
func name(p *access.Principal) string {
	if p.ServicePrincipal != "" {
		return p.ServicePrincipal
	}
	return p.ARN
}
