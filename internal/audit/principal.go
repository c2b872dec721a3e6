package audit

import (
	"strings"

	"github.com/keyturn/keyturn/access"
)

// sessionName is that of the sessions that roles are audited as. Who has another
// name may be let in or kept out by policies that name sessions one by one.
const sessionName = "keyturn-audit"

// userOf is a user by its path (with slashes at both ends), name and id.
func userOf(partition, account, path, name, id string) Principal {
	arn := "arn:" + partition + ":iam::" + account + ":user" + path + name
	return Principal{ARN: arn, Principal: access.Principal{
		Type: access.User, Partition: partition, Account: account, ARN: arn, UserID: id, Name: name,
	}}
}

// roleOf is a role, as a session of it.
func roleOf(partition, account, path, name, id string) Principal {
	arn := "arn:" + partition + ":iam::" + account + ":role" + path + name
	return Principal{ARN: arn, Principal: access.Principal{
		Type: access.RoleSession, Partition: partition, Account: account, Name: sessionName, RoleARN: arn, RoleID: id,
		ARN:    "arn:" + partition + ":sts::" + account + ":assumed-role/" + name + "/" + sessionName,
		UserID: id + ":" + sessionName, ServiceLinked: strings.HasPrefix(path, "/aws-service-role/"),
	}}
}
