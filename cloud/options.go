package cloud

import (
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Option changes what New makes.
type Option func(*settings)

type settings struct {
	dir             string
	account         string
	rootID, rootKey string
	testing         bool
	now             func() time.Time
	random          io.Reader
	log             *slog.Logger
	buckets         string
	objects         *s3.Client
}

// DefaultAccount is the account of a cloud that is told no other.
const DefaultAccount = "123456789012"

// WithDir keeps the cloud's state in a folder, made if it is not there:
// keyturn.db (the state), root.key (what secrets are sealed with) and
// credentials (the root user's, a shared-credentials file). One process at a
// time may have it open.
func WithDir(dir string) Option { return func(s *settings) { s.dir = dir } }

// WithAccount names the account, 12 digits.
func WithAccount(id string) Option { return func(s *settings) { s.account = id } }

// WithRootCredentials sets the root user's access key instead of a random one.
// It is meant for tests.
func WithRootCredentials(id, secret string) Option {
	return func(s *settings) { s.rootID, s.rootKey = id, secret }
}

// WithBuckets names a folder for what CloudTrail delivers: each of its sub-folders
// is a bucket of that name. A trail wants a bucket that is there; without this
// option none is.
func WithBuckets(dir string) Option { return func(s *settings) { s.buckets = dir } }

// WithS3 has CloudTrail deliver to the buckets that a client reaches, of AWS's or
// of any server that speaks S3's protocol, instead of to a folder.
func WithS3(client *s3.Client) Option { return func(s *settings) { s.objects = client } }

// WithTesting offers POST /_keyturn/reset and POST /_keyturn/clock, with which
// anybody who reaches the server can wipe it or move its time.
func WithTesting() Option { return func(s *settings) { s.testing = true } }

// WithClock replaces time.Now. Work that comes due when the clock jumps is
// found when [Cloud.Advance] is called.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// WithLogger has the cloud report what went wrong inside it; without one it is silent.
func WithLogger(log *slog.Logger) Option { return func(s *settings) { s.log = log } }
