// Package cloud is Keyturn's AWS: IAM, STS, KMS, EC2, EBS and CloudTrail behind
// one http.Handler, for unmodified AWS clients. [New] makes one:
//
//	c, err := cloud.New()
//	if err != nil { … }
//	defer c.Close()
//	server := httptest.NewServer(c)
//	id, secret := c.RootCredentials()
//
// Without options it lives in memory, with fresh root credentials; [WithDir]
// keeps it in a folder. Every request is verified and authorized as AWS would:
// a client needs the root credentials, or a user's or a session's that were
// made with them.
//
// A request goes one way: read, route, verify the signature, decode, authorize,
// carry out, record, answer. The calls that one service makes for a caller
// (EC2 asking KMS) join at the fourth step. There is no other door.
package cloud
