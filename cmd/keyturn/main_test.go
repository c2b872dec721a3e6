package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyturn/keyturn/cloud"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"keyturn": main})
}

// TestScripts runs the program as people do: see testdata/script. Three commands
// are ours: "await FILE" waits until the file is there and not empty, "failure"
// makes an AWS with the article's failed start in it, and "repair" repairs that
// and has the instance running.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			// Nobody's own configuration plays a part.
			e.Setenv("HOME", e.Getenv("WORK"))
			e.Setenv("XDG_CONFIG_HOME", e.Getenv("WORK")+"/config")
			e.Values[playKey{}] = new(play)
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await, "failure": failure, "repair": repair},
	})
}

// playKey finds a script's play.
type playKey struct{}

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await FILE")
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if b, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && len(b) > 0 {
			return
		}
	}
	ts.Fatalf("%s did not appear", args[0])
}

func failure(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: failure")
	}
	sky, err := cloud.New()
	ts.Check(err)
	server := httptest.NewServer(sky)
	ts.Defer(func() {
		server.Close()
		ts.Check(sky.Close())
	})
	id, secret := sky.RootCredentials()
	p := ts.Value(playKey{}).(*play)
	*p = play{screen: &screen{w: io.Discard}, cloud: sky, url: server.URL, root: newActor(server.URL, id, secret)}
	ctx := context.Background()
	ts.Check(p.set(ctx))
	ts.Check(p.fail(ctx))
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": demoRegion,
		"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret,
		"INSTANCE": p.instance, "KEY": p.key,
	} {
		ts.Setenv(name, value)
	}
	test, err := p.test.config.Credentials.Retrieve(ctx)
	ts.Check(err)
	ts.Setenv("TEST_ID", test.AccessKeyID)
	ts.Setenv("TEST_SECRET", test.SecretAccessKey)
}

func repair(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: repair")
	}
	p, ctx := ts.Value(playKey{}).(*play), context.Background()
	ts.Check(p.diagnose(ctx))
	ts.Check(p.fix(ctx))
	ts.Check(p.succeed(ctx))
}

// TestDemo plays the demo and holds it against the article.
func TestDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := demo(t.Context(), &screen{w: &out}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	rest := out.String()
	for _, want := range []string{
		`stopped → pending → stopped`,
		`(?m)^   \[\n     \[\n       \{\n         "Message": "Client\.InternalError: Client error on launch",\n         "Code": "Client\.InternalError"\n       \}\n     \]\n   \]$`,
		`"errorMessage": "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:CreateGrant on resource: arn:aws:kms:eu-west-1:123456789012:key/[0-9a-f-]{36}`,
		`keyturn diagnose i-[0-9a-f]{17}`,
		`kms:GrantIsForAWSResource`,
		`stopped → pending → running`,
		`AccessDeniedException`,
		`(?m)i-[0-9a-f]{17} is running\.`,
	} {
		at := regexp.MustCompile(want).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("the demo does not print, in its place, %s\n%s", want, out.String())
		}
		rest = rest[at[1]:]
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("the demo colours what is not a terminal")
	}
}

// TestDemoStops ends the demo when the user has enough.
func TestDemoStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := demo(ctx, &screen{w: io.Discard}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it to be canceled", err)
	}
}

func TestScreenPaints(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &screen{w: &out, ink: true}
	s.states("stopped", "pending", "running")
	if got, want := out.String(), "   \x1b[31mstopped\x1b[0m\x1b[2m → \x1b[0m\x1b[33mpending\x1b[0m\x1b[2m → \x1b[0m\x1b[32mrunning\x1b[0m\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestScreenWraps(t *testing.T) {
	t.Parallel()
	for width, want := range map[int]string{
		0:  "   one two three\n",
		12: "   one two\n   three\n",
		5:  "   one\n   two\n   three\n",
	} {
		var out bytes.Buffer
		(&screen{w: &out, width: width}).words("one two three")
		if out.String() != want {
			t.Errorf("at %d columns got %q, want %q", width, out.String(), want)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"/home/example/state": "/home/example/state",
		"my state":            "'my state'",
		"o'clock":             `'o'\''clock'`,
		"$(true)":             `'$(true)'`,
		"":                    "''",
	} {
		if got := quote(word); got != want {
			t.Errorf("quote(%q) = %s, want %s", word, got, want)
		}
	}
}
