package diagnose

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/phrase"
)

// template reads a version of a launch template. The default is $Default.
func (g *gatherer) template(t Target) (*ec2types.LaunchTemplateVersion, error) {
	version := t.Version
	if version == "" {
		version = "$Default"
	}
	in := &ec2.DescribeLaunchTemplateVersionsInput{Versions: []string{version}}
	if resourceID.MatchString(t.Name) {
		in.LaunchTemplateId = &t.Name
	} else {
		in.LaunchTemplateName = &t.Name
	}
	g.tell(phrase.Say("reading the launch template %s", t.Name))
	out, err := g.clients.EC2.DescribeLaunchTemplateVersions(g.ctx, in)
	if err != nil {
		return nil, err
	}
	if len(out.LaunchTemplateVersions) == 0 || out.LaunchTemplateVersions[0].LaunchTemplateData == nil {
		return nil, phrase.NewError(phrase.Say("launch template %s has no version %s", t.Name, version), nil)
	}
	return &out.LaunchTemplateVersions[0], nil
}

// templateVolumes are the volumes that a template asks for, over the image's.
func (g *gatherer) templateVolumes(v *ec2types.LaunchTemplateVersion) {
	for _, m := range v.LaunchTemplateData.BlockDeviceMappings {
		if m.Ebs == nil {
			continue
		}
		w := g.device(aws.ToString(m.DeviceName))
		w.Source = "ec2:DescribeLaunchTemplateVersions"
		if m.Ebs.Encrypted != nil {
			w.Encrypted = *m.Ebs.Encrypted
		}
		if key := aws.ToString(m.Ebs.KmsKeyId); key != "" {
			w.Key, w.KeyFrom = key, FromTemplate
		}
		w.from(aws.ToString(m.Ebs.SnapshotId))
	}
}

// launchTemplate adds the volumes of the template that a launch was made from.
func (g *gatherer) launchTemplate(launch *Event) {
	id, _ := at(launch.request, "launchTemplate", "launchTemplateId").(string)
	if id == "" {
		id, _ = at(launch.request, "launchTemplate", "launchTemplateName").(string)
	}
	if id == "" {
		return
	}
	t := Target{Kind: TemplateTarget, Name: id}
	t.Version, _ = at(launch.request, "launchTemplate", "version").(string)
	v, err := g.template(t)
	if err != nil {
		g.unread(err, "launch template "+id, "ec2:DescribeLaunchTemplateVersions", "", "")
		return
	}
	g.templateVolumes(v)
}
