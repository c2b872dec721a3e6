package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/wire"
)

// responses are how many answers and errors the modules ship that ship any.
var responses = map[string]struct{ answers, errors int }{
	"kms": {56, 48}, "ebs": {6, 8}, "organizations": {63, 50},
}

// TestResponseSnapshots has the SDK read the answers and errors that its modules
// ship, and encodes what it read: to the same bytes.
func TestResponseSnapshots(t *testing.T) {
	t.Parallel()
	for service, want := range responses {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			answers, failures := 0, 0
			for _, file := range responseFiles(t, service) {
				name, isAnswer := strings.CutSuffix(filepath.Base(file), ".response.snap")
				switch {
				case isAnswer && responseSnapshot(t, service, name, file):
					answers++
				case !isAnswer && errorSnapshot(t, service, file):
					failures++
				}
			}
			t.Logf("%d answers and %d errors read by the SDK encode to the same bytes", answers, failures)
			if answers != want.answers || failures != want.errors {
				t.Errorf("%d answers and %d errors of %s, want %+v", answers, failures, service, want)
			}
		})
	}
}

func responseFiles(t *testing.T, service string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(moduleDir(t, service), "response_snapshot", "*.snap"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// readResponse takes a snapshot apart: the status, headers, an empty line, the body.
func readResponse(t *testing.T, file string) *http.Response {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(bytes.NewReader(text))
	line, _ := r.ReadString('\n')
	status, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	header := make(http.Header)
	for {
		line, err := r.ReadString('\n')
		if line = strings.TrimSpace(line); line == "" || err != nil {
			break
		}
		name, value, _ := strings.Cut(line, ": ")
		if name != "X-Amz-Target" { // which the answer of a service does not have
			header.Set(name, value)
		}
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body))}
}

// sameResponse compares an answer with a snapshot. What the recorded answers and
// the services' API references know better than the snapshots: AWS JSON answers
// 400 to a client's error, but for a dry run, and an empty body to an operation
// without an output; EBS names an error in a header, and answers 201 to what it
// made and 202 to what it has yet to do.
func sameResponse(t *testing.T, service, file string, w *httptest.ResponseRecorder) bool {
	t.Helper()
	want := readResponse(t, file)
	status := want.StatusCode
	model, _ := wire.Lookup(service)
	switch {
	case model.Protocol() == wire.JSON && 400 < status && status < 500 && status != http.StatusPreconditionFailed:
		status = http.StatusBadRequest
	case strings.HasPrefix(filepath.Base(file), "CompleteSnapshot."):
		status = http.StatusAccepted
	case strings.HasPrefix(filepath.Base(file), "StartSnapshot."), strings.HasPrefix(filepath.Base(file), "PutSnapshotBlock."):
		status = http.StatusCreated
	}
	if w.Code != status {
		t.Errorf("%s: answered with status %d, want %d", filepath.Base(file), w.Code, status)
		return false
	}
	for name := range want.Header {
		if got := w.Header().Get(name); got != want.Header.Get(name) {
			t.Errorf("%s: header %s is %q, want %q", filepath.Base(file), name, got, want.Header.Get(name))
			return false
		}
	}
	body, err := io.ReadAll(want.Body)
	if err != nil {
		t.Fatal(err)
	}
	if name := w.Header().Get("X-Amzn-Errortype"); name != "" {
		body = bytes.Replace(body, []byte(`"__type":"`+name+`",`), nil, 1)
	}
	got, wanted := sorted("\n"+w.Body.String()), sorted("\n"+string(body))
	if got != wanted && (got != "\n" || wanted != "\n{}") {
		t.Errorf("%s: encoded to\n%s\nwas\n%s", filepath.Base(file), got, wanted)
		return false
	}
	return true
}

func responseSnapshot(t *testing.T, service, name, file string) bool {
	t.Helper()
	network := &transport{answer: readResponse(t, file)}
	call, inType, _, ok := method(sdkClients(network)[service], name)
	if !ok {
		t.Errorf("%s: the SDK has no such method", name)
		return false
	}
	in := reflect.New(inType)
	(&filler{}).fill(in.Elem(), 12)
	out, err := invoke(call, in)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	model, _ := wire.Lookup(service)
	o, _ := model.Operation(name)
	w := httptest.NewRecorder()
	if err := o.Encode(w, out, "11111111-2222-4333-8444-555555555555"); err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	return sameResponse(t, service, file, w)
}

func errorSnapshot(t *testing.T, service, file string) bool {
	t.Helper()
	network := &transport{answer: readResponse(t, file)}
	call, inType, _, _ := method(sdkClients(network)[service], map[string]string{
		"kms": "CreateGrant", "ebs": "CompleteSnapshot", "organizations": "ListRoots",
	}[service])
	in := reflect.New(inType)
	(&filler{}).fill(in.Elem(), 12)
	_, err := invoke(call, in)
	var modelled smithy.APIError
	if !errors.As(err, &modelled) || reflect.TypeOf(modelled) == reflect.TypeFor[*smithy.GenericAPIError]() {
		t.Errorf("%s: the SDK reads %v", filepath.Base(file), err)
		return false
	}
	model, _ := wire.Lookup(service)
	w := httptest.NewRecorder()
	model.EncodeError(w, err, "11111111-2222-4333-8444-555555555555")
	return sameResponse(t, service, file, w)
}
