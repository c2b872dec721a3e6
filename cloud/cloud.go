package cloud

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/cloudtrail"
	"github.com/keyturn/keyturn/internal/iam"
	"github.com/keyturn/keyturn/internal/kms"
	"github.com/keyturn/keyturn/internal/organizations"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/internal/sts"
	"github.com/keyturn/keyturn/internal/wire"
	"github.com/keyturn/keyturn/internal/wire/sigv4"
)

// Cloud is one AWS with its accounts and regions. It is an http.Handler and
// safe for concurrent use.
type Cloud struct {
	set   settings
	store store.Store
	// operations are keyed by service, then by operation; they do not change
	// after New.
	operations map[string]map[string]*operation
	tasks      map[string]task

	iam           *iam.Service
	kms           *kms.Service
	sts           *sts.Service
	organizations *organizations.Service
	endpoints     api.Endpoints

	keys *sigv4.KeyCache
	uses *uses

	rootID, rootSecret string

	recorder  *recorder
	scheduler *scheduler
	trail     *cloudtrail.Service
	deliverer *deliverer
	analyst   *analyst
	// skew is what Advance has added to the clock, in nanoseconds.
	skew atomic.Int64
	// sequence orders what is recorded within one microsecond.
	sequence atomic.Uint64
}

// operation is an api.Operation with what the wire needs for it.
type operation struct {
	api.Operation
	service string
	wire    *wire.Operation
	in      reflect.Type
	// dryRun is the index of the input's DryRun member, or -1.
	dryRun int
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// New opens or makes a cloud. Close it when done.
func New(options ...Option) (*Cloud, error) {
	set := settings{account: DefaultAccount, now: time.Now, random: rand.Reader, log: slog.New(slog.DiscardHandler)}
	for _, o := range options {
		o(&set)
	}
	if !accountID.MatchString(set.account) {
		return nil, fmt.Errorf("cloud: account %q is not 12 digits", set.account)
	}
	c := &Cloud{set: set, keys: sigv4.NewKeyCache(), uses: newUses()}
	if err := c.open(); err != nil {
		return nil, err
	}
	c.recorder = newRecorder(c)
	c.scheduler = newScheduler(c)
	c.deliverer = newDeliverer(c)
	c.analyst = newAnalyst(c)
	return c, nil
}

// Close finishes what is under way and closes the store.
func (c *Cloud) Close() error {
	c.scheduler.stop()
	c.deliverer.stop()
	c.analyst.stop()
	c.recorder.stop()
	return c.store.Close()
}

// RootCredentials are the access key of the account's root user.
func (c *Cloud) RootCredentials() (id, secret string) { return c.rootID, c.rootSecret }

// Account is the cloud's account id.
func (c *Cloud) Account() string { return c.set.account }

// Now is the cloud's time, in UTC to the microsecond.
func (c *Cloud) Now() time.Time {
	return c.set.now().Add(time.Duration(c.skew.Load())).UTC().Truncate(time.Microsecond)
}

// Advance moves the cloud's clock forward and starts what has come due: it is
// how a key's days of waiting are tested in a second.
func (c *Cloud) Advance(d time.Duration) {
	c.skew.Add(int64(d))
	c.scheduler.wake()
	c.deliverer.wake()
	c.analyst.wake()
}

// lookup finds a built operation.
func (c *Cloud) lookup(service, name string) (*operation, bool) {
	op, ok := c.operations[service][name]
	return op, ok
}

// register binds every operation of a service to its wire model. A mismatch
// between the SDK's types and the model is a programming error.
func (c *Cloud) register(s api.Service) error {
	model, ok := wire.Lookup(s.Name())
	if !ok {
		return fmt.Errorf("cloud: no model of service %s", s.Name())
	}
	ops := make(map[string]*operation)
	for _, o := range s.Operations() {
		w, ok := model.Operation(o.Name())
		if !ok {
			return fmt.Errorf("cloud: %s has no operation %s", s.Name(), o.Name())
		}
		if ops[o.Name()] != nil {
			return fmt.Errorf("cloud: %s is registered twice: %s", o.Name(), s.Name())
		}
		in, _ := o.Types()
		dryRun := -1
		if f, ok := in.FieldByName("DryRun"); ok && f.Type == reflect.TypeFor[*bool]() {
			dryRun = f.Index[0]
		}
		ops[o.Name()] = &operation{Operation: o, service: s.Name(), wire: w, in: in, dryRun: dryRun}
	}
	c.operations[s.Name()] = ops
	if w, ok := s.(api.Worker); ok {
		for kind, do := range w.Tasks() {
			c.tasks[kind] = task{service: s.Name(), do: do}
		}
	}
	return nil
}
