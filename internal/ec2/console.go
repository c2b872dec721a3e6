package ec2

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// getConsoleOutput shows what the machine wrote to its console. No operating
// system runs here, and the console says so; one that never came to run wrote
// nothing.
func (s *Service) getConsoleOutput(c *api.Call, in *ec2.GetConsoleOutputInput) (*ec2.GetConsoleOutputOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	t, _ := instanceTypeNamed(i.Type)
	if aws.ToBool(in.Latest) && t.hypervisor() == "xen" {
		return nil, unsupported("This instance type does not support retrieving the latest console logs. Retrieve the console logs without specifying the latest option.")
	}
	out := &ec2.GetConsoleOutputOutput{InstanceId: aws.String(i.ID), Timestamp: aws.Time(i.Launched)}
	if i.State == types.InstanceStateNameRunning {
		console := fmt.Sprintf("keyturn: %s (%s, %s) started at %s. No operating system runs here.\n", i.ID, i.Image, i.Type, i.Launched.UTC().Format(time.RFC3339))
		out.Output = aws.String(base64.StdEncoding.EncodeToString([]byte(console)))
	}
	return out, nil
}
