package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/cloud"
)

// defaultListen is the port that tools for a local AWS expect.
const defaultListen = "127.0.0.1:4566"

// addressFile holds, in the data folder, the address of the server that has it,
// and rootGiven if its root credentials are not those of the folder.
const (
	addressFile = "address"
	rootGiven   = "root-credentials-given"
)

type serveOptions struct {
	listen, data, account, root string
	buckets, bucketsProfile     string
	memory, testing             bool
}

func newServe() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run a local AWS",
		Long: `Run a local AWS: IAM, STS, KMS, EC2, EBS and CloudTrail on one port, for unmodified AWS
clients. When it is ready it prints one line: what to export. It keeps its state in --data
and stops on interrupt.

Only one server at a time can have a data folder.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return serve(c, o) },
	}
	f := c.Flags()
	f.StringVar(&o.listen, "listen", defaultListen, "address to listen on")
	f.StringVar(&o.data, "data", "", "folder for the state (default: keyturn in the user's configuration folder)")
	f.BoolVar(&o.memory, "memory", false, "keep nothing: the state is gone with the server")
	f.StringVar(&o.account, "account", cloud.DefaultAccount, "account id, 12 digits")
	f.StringVar(&o.buckets, "buckets", "", "where CloudTrail's log files go: a `FOLDER`, each of whose sub-folders is a bucket, or the URL of a server that speaks S3's protocol (default: there is no bucket)")
	f.StringVar(&o.bucketsProfile, "buckets-profile", "", "profile of the AWS configuration with the credentials for the server of --buckets (default: as the AWS CLI finds them)")
	f.StringVar(&o.root, "root-credentials", "", "the root user's access key as `ID:SECRET`, for tests (default: random)")
	f.BoolVar(&o.testing, "testing", false, "offer POST /_keyturn/reset and /_keyturn/clock to everybody who reaches the port")
	return c
}

func serve(c *cobra.Command, o serveOptions) error {
	options, folder, err := o.cloudOptions(c)
	if err != nil {
		return err
	}
	ctx := c.Context()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return &hintError{fmt.Errorf("cannot listen on %s: %w", o.listen, err), "choose another address with --listen, such as 127.0.0.1:0 for a free port"}
	}
	aws, err := cloud.New(options...)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler: aws, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: time.Minute, IdleTimeout: 5 * time.Minute,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	warnOpen(c, listener.Addr())
	forget, err := ready(c, aws, reachable(listener.Addr()), folder, o.root != "")
	if err != nil {
		return errors.Join(err, server.Close(), aws.Close())
	}
	defer forget()
	releaseStart()
	select {
	case err = <-ended:
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = server.Shutdown(stop)
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, aws.Close())
}

// ready prints what to export, and notes it in the data folder for "keyturn
// env" until forget is called.
func ready(c *cobra.Command, aws *cloud.Cloud, address, folder string, given bool) (forget func(), err error) {
	id, secret := aws.RootCredentials()
	line := exports(address, "", id, secret)
	forget = func() {}
	if folder != "" {
		note, text := filepath.Join(folder, addressFile), address
		if given {
			text += " " + rootGiven
		}
		if err := os.WriteFile(note, []byte(text+"\n"), 0o600); err != nil {
			return forget, fmt.Errorf("the address cannot be noted for \"keyturn env\": %w", err)
		}
		forget = func() { os.Remove(note) } // one left behind is found out by "keyturn env"
		if !given {
			line = exports(address, folder, "", "")
		}
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), line)
	return forget, err
}

func (o serveOptions) cloudOptions(c *cobra.Command) (options []cloud.Option, folder string, err error) {
	options = []cloud.Option{
		cloud.WithAccount(o.account),
		cloud.WithLogger(slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))),
	}
	if o.memory && o.data != "" {
		return nil, "", errors.New("--memory keeps nothing and --data says where to keep it: give one of them")
	}
	if !o.memory {
		if folder, err = dataFolder(o.data); err != nil {
			return nil, "", err
		}
		options = append(options, cloud.WithDir(folder))
	}
	if o.root != "" {
		id, secret, ok := strings.Cut(o.root, ":")
		if !ok || id == "" || secret == "" {
			return nil, "", errors.New("--root-credentials must be ID:SECRET")
		}
		options = append(options, cloud.WithRootCredentials(id, secret))
	}
	switch {
	case strings.HasPrefix(o.buckets, "http://"), strings.HasPrefix(o.buckets, "https://"):
		client, err := o.bucketServer(c.Context())
		if err != nil {
			return nil, "", err
		}
		options = append(options, cloud.WithS3(client))
	case o.buckets != "":
		dir, err := filepath.Abs(o.buckets)
		if err != nil {
			return nil, "", err
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, "", &hintError{fmt.Errorf("--buckets: there is no folder %s", dir), "make it, with a sub-folder for each bucket: mkdir -p " + quote(filepath.Join(o.buckets, "example-logs"))}
		}
		options = append(options, cloud.WithBuckets(dir))
	}
	if o.testing {
		options = append(options, cloud.WithTesting())
	}
	return options, folder, nil
}

// bucketServer is a client of the server that --buckets names.
func (o serveOptions) bucketServer(ctx context.Context) (*s3.Client, error) {
	asked := awsOptions{profile: o.bucketsProfile, endpoint: o.buckets, region: os.Getenv("AWS_REGION")}
	if asked.region == "" {
		asked.region = "us-east-1"
	}
	cfg, err := asked.config(ctx)
	if err != nil {
		return nil, fmt.Errorf("--buckets: %w", err)
	}
	return s3.NewFromConfig(cfg, func(s *s3.Options) {
		s.BaseEndpoint, s.UsePathStyle = &o.buckets, true
		// Not every server knows the checksums that AWS's newer clients send unasked.
		s.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	}), nil
}

// dataFolder is the folder that was asked for, or the user's own.
func dataFolder(flag string) (string, error) {
	if flag != "" {
		return filepath.Abs(flag)
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return "", &hintError{fmt.Errorf("no folder to keep the state in: %w", err), "name one with --data, or use --memory"}
	}
	return filepath.Join(config, "keyturn"), nil
}

// exports is one line for a shell. The credentials stay in their file where
// there is one; a server without a folder has only this line to tell them.
func exports(address, folder, id, secret string) string {
	line := "export AWS_ENDPOINT_URL=http://" + address + " AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1"
	switch {
	case folder != "":
		return line + " AWS_SHARED_CREDENTIALS_FILE=" + quote(filepath.Join(folder, cloud.CredentialsFile))
	case id == "":
		return line
	}
	return line + " AWS_ACCESS_KEY_ID=" + quote(id) + " AWS_SECRET_ACCESS_KEY=" + quote(secret)
}

// quote makes a word safe for a shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:@%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// reachable is where this machine's clients find a listener: one on all
// addresses is on the loopback address, too.
func reachable(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return address.String()
}

// warnOpen says what it means to listen for others than this machine.
func warnOpen(c *cobra.Command, address net.Addr) {
	if tcp, ok := address.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		fmt.Fprintln(c.ErrOrStderr(), "keyturn: listening for other machines too: requests are signed, but nothing is encrypted on the way")
	}
}
