package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/cloud"
	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

func newDemo() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play the failure, its diagnosis and its fix, in memory",
		Long: `Play the case this program is for: a user with every EC2 permission starts an instance whose
volumes are encrypted, and it stops by itself. The demo finds out why, attaches the fix, and
ends with the instance running. All of it is real: the SDK's own clients, signed requests, a
port of this machine. Nothing leaves the machine, and nothing is kept.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			lang, err := chooseLanguage(name)
			if err != nil {
				return err
			}
			s := newScreen(c.OutOrStdout())
			s.lang = lang
			return demo(c.Context(), s)
		},
	}
	c.Flags().StringVar(&name, "lang", "", "language of the text: en or es (default: the locale's)")
	return c
}

// demo opens a cloud in memory on a free port and plays on it.
func demo(ctx context.Context, on *screen) (err error) {
	began := time.Now()
	sky, err := cloud.New(cloud.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sky.Close()) }()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("no free port on this machine: %w", err)
	}
	server := &http.Server{Handler: sky, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	defer func() {
		err = errors.Join(err, server.Close())
		if failed := <-ended; !errors.Is(failed, http.ErrServerClosed) {
			err = errors.Join(err, failed)
		}
	}()

	id, secret := sky.RootCredentials()
	url := "http://" + listener.Addr().String()
	p := &play{screen: on, cloud: sky, url: url, root: newActor(url, id, secret)}
	on.title("keyturn demo", phrase.Say("an AWS in memory on %s, the SDK's own clients, signed requests", url))
	for _, act := range []struct {
		title phrase.Text
		do    func(context.Context) error
	}{
		{phrase.Say("An administrator sets the stage"), p.set},
		{phrase.Say("test starts the instance"), p.fail},
		{phrase.Say("What AWS's article has you look at"), p.look},
		{phrase.Say("What the doctor sees"), p.diagnose},
		{phrase.Say("The administrator attaches the fix"), p.fix},
		{phrase.Say("test starts the instance again"), p.succeed},
		{phrase.Say("And no more than that"), p.limit},
	} {
		on.act(act.title)
		if err := act.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", act.title, err)
		}
	}
	on.end(phrase.Say("%s is running.", p.instance), fmt.Sprintf("%.1f s", time.Since(began).Seconds()))
	return nil
}

// play is the article's case and who is in it.
type play struct {
	*screen
	cloud      *cloud.Cloud
	url        string
	root, test actor
	// key is the ARN of the customer key.
	key, instance string
	report        *diagnose.Report
}

func (p *play) set(ctx context.Context) (err error) {
	if p.test, err = p.root.newUser(ctx, p.url, "test", "arn:aws:iam::aws:policy/AmazonEC2FullAccess"); err != nil {
		return err
	}
	p.labels(phrase.Say("user"), phrase.Say("may do"), phrase.Say("customer key"), phrase.Say("instance"), phrase.Say("root device volume"), phrase.Say("other volume"))
	p.fact(phrase.Say("user"), phrase.Plain(p.userARN()))
	p.fact(phrase.Say("may do"), phrase.Say("AmazonEC2FullAccess, as AWS publishes it, and nothing else"))
	if p.key, err = p.root.newKey(ctx, "key of the volumes"); err != nil {
		return err
	}
	p.fact(phrase.Say("customer key"), phrase.Plain(p.key))
	if p.instance, err = p.root.launch(ctx, p.key); err != nil {
		return err
	}
	if _, err := p.await(ctx, ec2types.InstanceStateNameRunning); err != nil {
		return err
	}
	if err := p.root.stop(ctx, p.instance); err != nil {
		return err
	}
	i, err := p.await(ctx, ec2types.InstanceStateNameStopped)
	if err != nil {
		return err
	}
	p.fact(phrase.Say("instance"), phrase.Join(", ", phrase.Plain(p.instance), phrase.Say("stopped")))
	for _, m := range i.BlockDeviceMappings {
		role := phrase.Say("other volume")
		if aws.ToString(m.DeviceName) == aws.ToString(i.RootDeviceName) {
			role = phrase.Say("root device volume")
		}
		p.fact(role, phrase.Say("%s on %s, encrypted under the key", aws.ToString(m.Ebs.VolumeId), aws.ToString(m.DeviceName)))
	}
	return nil
}

func (p *play) userARN() string { return "arn:aws:iam::" + p.cloud.Account() + ":user/test" }

// start has test start the instance and shows the states it goes through.
func (p *play) start(ctx context.Context, end ec2types.InstanceStateName) error {
	p.command("aws ec2 start-instances --instance-ids " + p.instance)
	before, now, err := p.test.start(ctx, p.instance)
	if err != nil {
		return err
	}
	if _, err := p.await(ctx, end); err != nil {
		return err
	}
	p.states(string(before), string(now), string(end))
	return nil
}

func (p *play) fail(ctx context.Context) error {
	return p.start(ctx, ec2types.InstanceStateNameStopped)
}

func (p *play) succeed(ctx context.Context) error {
	return p.start(ctx, ec2types.InstanceStateNameRunning)
}

// await waits until the instance has settled, and wants it in that state.
func (p *play) await(ctx context.Context, want ec2types.InstanceStateName) (ec2types.Instance, error) {
	for {
		i, err := p.root.instance(ctx, p.instance)
		if err != nil {
			return i, err
		}
		switch i.State.Name {
		case want:
			return i, nil
		case ec2types.InstanceStateNameRunning, ec2types.InstanceStateNameStopped, ec2types.InstanceStateNameTerminated:
			return i, fmt.Errorf("%s is %s instead of %s", p.instance, i.State.Name, want)
		default: // on its way
		}
		// Nobody came to watch the clock.
		p.cloud.Advance(time.Second)
		select {
		case <-ctx.Done():
			return i, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *play) look(ctx context.Context) error {
	p.command("aws ec2 describe-instances --instance-id " + p.instance + ` \` + "\n" + `    --query "Reservations[*].Instances[*].StateReason"`)
	i, err := p.root.instance(ctx, p.instance)
	if err != nil {
		return err
	}
	type reason struct{ Message, Code *string }
	text, err := json.MarshalIndent([][]reason{{{i.StateReason.Message, i.StateReason.Code}}}, "", "  ")
	if err != nil {
		return err
	}
	p.answer(string(text))
	p.command(`aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=CreateGrant`)
	message, err := p.root.denial(ctx, "CreateGrant")
	if err != nil {
		return err
	}
	p.words(`"errorMessage": "` + message + `"`)
	return nil
}

func (p *play) diagnose(ctx context.Context) (err error) {
	p.command("keyturn diagnose " + p.instance)
	p.report, err = diagnose.Run(ctx, diagnose.NewClients(p.root.config), diagnose.Options{Instance: p.instance, Region: p.root.config.Region})
	if err != nil {
		return err
	}
	return p.report.WriteText(p.indented(), diagnose.Style{Color: bool(p.ink), Language: p.lang, Width: max(p.width-3, 0)})
}

// fix attaches what the doctor wrote, and nothing of the demo's own.
func (p *play) fix(ctx context.Context) error {
	if len(p.report.Fixes) == 0 {
		return errors.New("the doctor found no fix")
	}
	fix := p.report.Fixes[0]
	if fix.Kind != diagnose.IAMPolicyFix || fix.Target != p.userARN() {
		return fmt.Errorf("the doctor wants %s on %s, not a policy of the user's", fix.Kind, fix.Target)
	}
	p.command("aws iam put-user-policy --user-name test --policy-name start-encrypted-instances \\\n    --policy-document file://fix.json")
	p.note(phrase.Say("fix.json is the policy above, as the doctor wrote it."))
	return p.root.putUserPolicy(ctx, "test", "start-encrypted-instances", fix.Document)
}

func (p *play) limit(ctx context.Context) error {
	p.command("aws kms create-grant \\\n    --key-id " + p.key + " \\\n    --grantee-principal " + p.userARN() + " --operations Decrypt")
	err := p.test.grantItself(ctx, p.key, p.userARN())
	refusal, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fmt.Errorf("a grant without an AWS resource was not refused: %w", err)
	}
	p.refused(refusal.ErrorCode(), refusal.ErrorMessage())
	p.note(phrase.Say("kms:GrantIsForAWSResource lets EC2 have its grant, and nobody else."))
	return nil
}
