package cloud_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// targetOf is a target as scenarios write it: an id, or "group:NAME",
// "launch-template:NAME", "message:TEXT".
func targetOf(text string) diagnose.Target {
	kind, name, _ := strings.Cut(text, ":")
	switch k := diagnose.TargetKind(kind); k {
	case diagnose.GroupTarget, diagnose.TemplateTarget, diagnose.MessageTarget:
		return diagnose.Target{Kind: k, Name: name}
	}
	if t, ok := diagnose.ParseTarget(text); ok {
		return t
	}
	return diagnose.Target{Kind: diagnose.InstanceTarget, Name: text}
}

func init() {
	// What is asked about besides instances, and how it comes about.
	maps.Copy(commands, map[string]func(s *scenario, words []string, rest string) error{
		"leads":  leadsTo,
		"volume": makeVolume,
		"attach": attachVolume,
		"event":  nameEvent,
		"error":  keepError,
		"ends":   endsLaunch,
		"pasted": func(s *scenario, w []string, _ string) error {
			s.vars[w[0]] = "message:" + s.file(w[1])
			return nil
		},
	})
}

// leadsTo wants a target to lead to an instance.
func leadsTo(s *scenario, w []string, _ string) error {
	r, err := s.ask(s.root, s.named(w[0]), "")
	if err == nil && r.Instance.ID != s.vars[w[1]] {
		err = fmt.Errorf("it leads to %q", r.Instance.ID)
	}
	return err
}

// named is a variable's value, or the text itself with its variables.
func (s *scenario) named(word string) string {
	if v, ok := s.vars[word]; ok {
		return v
	}
	return s.expand(word)
}

// makeVolume has somebody make a volume, which is available in the end or gone.
func makeVolume(s *scenario, w []string, _ string) error {
	by := s.person(w[0])
	in := &ec2.CreateVolumeInput{AvailabilityZone: aws.String(region + "a"), Size: aws.Int32(8)}
	if w[3] != "-" {
		in.Encrypted, in.KmsKeyId = aws.Bool(true), aws.String(s.vars[w[3]])
	}
	if len(w) > 4 {
		in.SnapshotId = aws.String(s.vars[w[4]])
	}
	out, err := by.ec2.CreateVolume(s.Context(), in)
	if err != nil {
		return err
	}
	s.vars[w[1]] = *out.VolumeId
	got := ""
	s.until(w[1]+" is made or gone", func() bool {
		shown, err := s.root.ec2.DescribeVolumes(s.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{*out.VolumeId}})
		got = "gone"
		if err == nil {
			got = string(shown.Volumes[0].State)
		}
		return got != string(ec2types.VolumeStateCreating)
	})
	if got != w[2] {
		return fmt.Errorf("the volume is %s", got)
	}
	return nil
}

// attachVolume has somebody attach a volume; a code is that of the refusal.
func attachVolume(s *scenario, w []string, _ string) error {
	_, err := s.person(w[0]).ec2.AttachVolume(s.Context(), &ec2.AttachVolumeInput{
		VolumeId: aws.String(s.vars[w[1]]), InstanceId: aws.String(s.vars[w[2]]), Device: aws.String("/dev/sdf"),
	})
	if len(w) > 3 {
		wantCode(s, err, w[3])
		return nil
	}
	return err
}

// nameEvent keeps the id of the newest event of a name.
func nameEvent(s *scenario, w []string, _ string) error {
	s.until("an event of "+w[1], func() bool {
		events := s.events(w[1])
		if len(events) > 0 {
			s.vars[w[0]] = *events[0].EventId
		}
		return len(events) > 0
	})
	return nil
}

// keepError makes a call that fails, and keeps the error's text as a message.
func keepError(s *scenario, w []string, rest string) error {
	_, rest, _ = strings.Cut(rest, w[0])
	err := call(s, w[1:], rest)
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return fmt.Errorf("it did not fail: %w", err)
	}
	s.vars[w[0]] = "message:" + answer.ErrorCode() + ": " + answer.ErrorMessage()
	return nil
}

// endsLaunch keeps the instance of the last answer, which settles in a state.
func endsLaunch(s *scenario, w []string, _ string) error {
	if err := commands["get"](s, []string{w[0], "Instances.0.InstanceId"}, ""); err != nil {
		return err
	}
	s.stage.await(s.vars[w[0]], ec2types.InstanceStateName(w[1]))
	return nil
}
