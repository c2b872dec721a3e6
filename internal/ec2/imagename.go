package ec2

import (
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyturn/keyturn/internal/api"
)

// imageName is what an AMI may be called (EC2 API reference, "CreateImage").
var imageName = regexp.MustCompile(`^[a-zA-Z0-9()\[\] ./\-'@_]{3,128}$`)

// checkImageName refuses a name that no image may have, or that another of the
// account's images has.
func checkImageName(c *api.Call, name *string) error {
	if aws.ToString(name) == "" {
		return missingParameter("name")
	}
	if !imageName.MatchString(*name) {
		return api.Error("InvalidAMIName.Malformed",
			"AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', '/' and '_'")
	}
	for im, err := range imageTable.Find(c.Tx, c.Scope(), byName, *name) {
		if err != nil {
			return err
		}
		return api.Error("InvalidAMIName.Duplicate", "AMI name "+*name+" is already in use by AMI "+im.ID)
	}
	return nil
}
