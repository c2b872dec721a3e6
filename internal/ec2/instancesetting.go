package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// Settings of an instance that each have an operation of their own.

func (s *Service) instanceSettingOperations() []api.Operation {
	return []api.Operation{
		api.Op("ModifyInstanceMaintenanceOptions", func(c *api.Call, in *ec2.ModifyInstanceMaintenanceOptionsInput) ([]api.Need, error) {
			n, err := s.instanceNeed(c, "ModifyInstanceMaintenanceOptions", aws.ToString(in.InstanceId))
			setAttributes(&n, true, setting{"AutoRecovery", string(in.AutoRecovery)}, setting{"RebootMigration", string(in.RebootMigration)})
			return []api.Need{n}, err
		}, s.modifyMaintenance),
		api.Op("ModifyInstanceCpuOptions", func(c *api.Call, in *ec2.ModifyInstanceCpuOptionsInput) ([]api.Need, error) {
			n, err := s.instanceNeed(c, "ModifyInstanceCpuOptions", aws.ToString(in.InstanceId))
			setAttributes(&n, true, setting{"CoreCount", optionalNumber(in.CoreCount)}, setting{"ThreadsPerCore", optionalNumber(in.ThreadsPerCore)})
			return []api.Need{n}, err
		}, s.modifyCPU),
		api.Op("ModifyPrivateDnsNameOptions", s.modifyNamesNeeds, s.modifyNames),
		api.Op("ResetInstanceAttribute", func(c *api.Call, in *ec2.ResetInstanceAttributeInput) ([]api.Need, error) {
			n, err := s.instanceNeed(c, "ResetInstanceAttribute", aws.ToString(in.InstanceId))
			return []api.Need{n}, err
		}, s.resetInstanceAttribute),
		api.Read("GetLaunchTemplateData", func(c *api.Call, in *ec2.GetLaunchTemplateDataInput) ([]api.Need, error) {
			n, err := s.instanceNeed(c, "GetLaunchTemplateData", aws.ToString(in.InstanceId))
			return []api.Need{n}, err
		}, s.getLaunchTemplateData),
		api.Read("GetPasswordData", func(c *api.Call, in *ec2.GetPasswordDataInput) ([]api.Need, error) {
			n, err := s.instanceNeed(c, "GetPasswordData", aws.ToString(in.InstanceId))
			return []api.Need{n}, err
		}, s.getPasswordData),
		api.Op("SendDiagnosticInterrupt", func(c *api.Call, in *ec2.SendDiagnosticInterruptInput) ([]api.Need, error) {
			n, err := s.instanceNeed(c, "SendDiagnosticInterrupt", aws.ToString(in.InstanceId))
			return []api.Need{n}, err
		}, s.sendDiagnosticInterrupt),
	}
}

func (s *Service) modifyMaintenance(c *api.Call, in *ec2.ModifyInstanceMaintenanceOptionsInput) (*ec2.ModifyInstanceMaintenanceOptionsOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if err := checkWords([]choice{
		choose("AutoRecovery", in.AutoRecovery, in.AutoRecovery.Values()),
		choose("RebootMigration", in.RebootMigration, in.RebootMigration.Values()),
	}); err != nil {
		return nil, err
	}
	if i.gone() {
		return nil, incorrectInstanceState("The instance '%s' is not in a state from which it can be modified.", i.ID)
	}
	i.AutoRecovery = either(string(in.AutoRecovery), i.AutoRecovery)
	i.RebootMigration = either(string(in.RebootMigration), i.RebootMigration)
	return &ec2.ModifyInstanceMaintenanceOptionsOutput{
		InstanceId: aws.String(i.ID), AutoRecovery: types.InstanceAutoRecoveryState(either(i.AutoRecovery, "default")),
		RebootMigration: types.InstanceRebootMigrationState(either(i.RebootMigration, "default")),
	}, s.putInstance(c, i)
}

// setCPU takes as many of the type's cores and threads as are asked for.
func (i *instance) setCPU(t instanceType, cores, threads int32) error {
	if cores < 1 || cores > t.cores() || threads < 1 || threads > t.ThreadsPerCore {
		return api.Error("InvalidParameterValue", "The specified CpuOptions are not supported for the instance type "+t.Name+".")
	}
	i.Cores, i.ThreadsPerCore = cores, threads
	return nil
}

func (s *Service) modifyCPU(c *api.Call, in *ec2.ModifyInstanceCpuOptionsInput) (*ec2.ModifyInstanceCpuOptionsOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	switch {
	case in.NestedVirtualization == types.NestedVirtualizationSpecificationEnabled:
		return nil, notBuilt("NestedVirtualization")
	case in.CoreCount == nil || in.ThreadsPerCore == nil:
		return nil, api.Error("MissingParameter", "You must specify both CoreCount and ThreadsPerCore.")
	case i.State != types.InstanceStateNameStopped:
		return nil, incorrectInstanceState("The instance '%s' is not in the 'stopped' state.", i.ID)
	}
	t, _ := instanceTypeNamed(i.Type)
	if err := i.setCPU(t, *in.CoreCount, *in.ThreadsPerCore); err != nil {
		return nil, err
	}
	return &ec2.ModifyInstanceCpuOptionsOutput{
		InstanceId: aws.String(i.ID), CoreCount: aws.Int32(i.Cores), ThreadsPerCore: aws.Int32(i.ThreadsPerCore),
	}, s.putInstance(c, i)
}

// resetInstanceAttribute takes an attribute back to its default. The images here
// have no kernel and no RAM disk of their own, so these are at it already.
func (s *Service) resetInstanceAttribute(c *api.Call, in *ec2.ResetInstanceAttributeInput) (*ec2.ResetInstanceAttributeOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	switch in.Attribute {
	case types.InstanceAttributeNameKernel, types.InstanceAttributeNameRamdisk:
		if i.State != types.InstanceStateNameStopped {
			return nil, incorrectInstanceState("The instance '%s' is not in the 'stopped' state.", i.ID)
		}
	case types.InstanceAttributeNameSourceDestCheck:
		if i.gone() {
			return nil, incorrectInstanceState("The instance '%s' is not in a state from which it can be modified.", i.ID)
		}
		if err := s.modifyAddressChecks(c, i, true); err != nil {
			return nil, err
		}
	default:
		return nil, invalidValue("Value (%s) for parameter attribute is invalid. The attribute cannot be reset.", in.Attribute)
	}
	return &ec2.ResetInstanceAttributeOutput{}, nil
}

// getPasswordData gives the administrator's password of a Windows machine as the
// machine encrypted it for its key pair. None runs here, so none ever did, and
// the answer is that of an instance that has not come so far.
func (s *Service) getPasswordData(c *api.Call, in *ec2.GetPasswordDataInput) (*ec2.GetPasswordDataOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	return &ec2.GetPasswordDataOutput{InstanceId: aws.String(i.ID), PasswordData: aws.String(""), Timestamp: aws.Time(i.Launched)}, nil
}

// sendDiagnosticInterrupt has the operating system panic; none runs here, so
// there is nobody to tell. Only Nitro can do it (EC2 guide, "Send a diagnostic
// interrupt to debug an unreachable Amazon EC2 instance").
func (s *Service) sendDiagnosticInterrupt(c *api.Call, in *ec2.SendDiagnosticInterruptInput) (*ec2.SendDiagnosticInterruptOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if t, _ := instanceTypeNamed(i.Type); t.hypervisor() == "xen" {
		// A sentence without a source.
		return nil, unsupported("The instance type '%s' does not support diagnostic interrupts.", t.Name)
	}
	if i.State != types.InstanceStateNameRunning {
		return nil, incorrectInstanceState("The instance '%s' is not in the 'running' state.", i.ID)
	}
	return &ec2.SendDiagnosticInterruptOutput{}, nil
}
