package wire_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/aws/aws-sdk-go-v2/service/ebs"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/wire"
)

// filler sets every member of a value, each to something of its own. depth
// bounds types that contain themselves.
type filler struct {
	n int
	// empty makes lists and maps without items.
	empty bool
}

const awkward = `a<b>&"c" 'd' é 
 日本`

func (f *filler) fill(v reflect.Value, depth int) {
	f.n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1700000000+int64(f.n), 0).UTC()))
	case v.Type() == reflect.TypeFor[[]byte]():
		v.SetBytes([]byte(fmt.Sprint("bytes ", f.n)))
	case v.Type() == reflect.TypeFor[io.ReadCloser]():
		v.Set(reflect.ValueOf(io.NopCloser(strings.NewReader("stream"))))
	case v.Type() == reflect.TypeFor[io.Reader]():
		v.Set(reflect.ValueOf(strings.NewReader("stream")))
	default:
		f.fillKind(v, depth)
	}
}

func (f *filler) fillKind(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 0 || v.Type().Elem().Kind() != reflect.Struct || v.Type().Elem() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if t := v.Type().Field(i); t.IsExported() && t.Name != "ResultMetadata" {
				f.fill(v.Field(i), depth-1)
			}
		}
	case reflect.Slice:
		n := 2
		if f.empty || depth <= 0 {
			n = 0
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i), depth-1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		if f.empty || depth <= 0 {
			return
		}
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key, depth-1)
		f.fill(value, depth-1)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(fmt.Sprint("text ", f.n))
		if f.n%7 == 0 {
			v.SetString(awkward)
		}
	case reflect.Bool:
		v.SetBool(f.n%2 == 0)
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(int64(f.n))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.n) + 0.5)
	}
}

// normal compares as a reader sees it: nil and empty lists are the same, since
// some of the SDK's readers make one of the other; only exported members count.
var normal = cmp.Options{
	cmp.FilterPath(func(p cmp.Path) bool { return strings.HasSuffix(p.String(), "ResultMetadata") }, cmp.Ignore()),
	cmp.FilterPath(func(p cmp.Path) bool {
		f, ok := p.Last().(cmp.StructField)
		return ok && (f.Name()[0] < 'A' || f.Name()[0] > 'Z')
	}, cmp.Ignore()),
	cmp.FilterValues(func(a, b any) bool {
		x, y := reflect.ValueOf(a), reflect.ValueOf(b)
		return x.IsValid() && y.IsValid() && x.Type() == y.Type() && (x.Kind() == reflect.Slice || x.Kind() == reflect.Map) && x.Len() == 0 && y.Len() == 0
	}, cmp.Comparer(func(a, b any) bool { return true })),
}

// answers are how many there are at least: two for each operation.
var answers = map[string]int{
	"autoscaling": 136, "cloudtrail": 120, "ebs": 12, "ec2": 1622, "iam": 360, "kms": 112, "organizations": 126, "sts": 22,
}

// TestAnswers encodes an answer of every operation, with every member set, and
// has the SDK read it: nothing is lost or changed.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for service := range sdkClients(new(transport)) {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			model, _ := wire.Lookup(service)
			done := 0
			for _, name := range model.Operations() {
				for _, f := range []filler{{}, {empty: true}} {
					if answer(t, service, name, f) {
						done++
					}
				}
			}
			t.Logf("%d answers read by the SDK", done)
			if done < answers[service] {
				t.Errorf("%d answers read, want %d", done, answers[service])
			}
		})
	}
}

func answer(t *testing.T, service, name string, f filler) bool {
	t.Helper()
	network := new(transport)
	call, inType, outType, ok := method(sdkClients(network)[service], name)
	if !ok {
		return false // the model is newer than the SDK here
	}
	want := reflect.New(outType)
	f.fill(want.Elem(), 6)
	model, _ := wire.Lookup(service)
	o, _ := model.Operation(name)
	w := httptest.NewRecorder()
	if err := o.Encode(w, want.Interface(), "11111111-2222-4333-8444-555555555555"); err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	network.answer = w.Result()
	in := reflect.New(inType)
	(&filler{}).fill(in.Elem(), 12)
	got, err := invoke(call, in)
	if err != nil {
		t.Errorf("%s: the SDK cannot read it: %v\n%s", name, err, clip(w.Body.String()))
		return false
	}
	if block, ok := got.(*ebs.GetSnapshotBlockOutput); ok {
		// A stream is read once, and was when it was sent.
		data, err := io.ReadAll(block.BlockData)
		if err != nil || string(data) != "stream" {
			t.Errorf("%s: the stream is %q, %v", name, data, err)
		}
		block.BlockData, want.Interface().(*ebs.GetSnapshotBlockOutput).BlockData = nil, nil
	}
	if diff := cmp.Diff(want.Interface(), got, normal); diff != "" {
		t.Errorf("%s (-sent +read):\n%s", name, clip(diff))
		return false
	}
	return true
}

func clip(s string) string { return s[:min(len(s), 1200)] }

// TestErrors: the SDK reads an error's code and message in every protocol, and
// a modelled one as its own type.
func TestErrors(t *testing.T) {
	t.Parallel()
	for service, operation := range map[string]string{
		"ec2": "StartInstances", "iam": "GetUser", "sts": "AssumeRole", "kms": "Decrypt",
		"cloudtrail": "LookupEvents", "organizations": "ListRoots", "autoscaling": "DescribeTags", "ebs": "ListSnapshotBlocks",
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			model, _ := wire.Lookup(service)
			for _, v := range []struct {
				sent          error
				code, message string
				status        int
			}{
				{&wire.Error{Code: "SomeError", Message: awkward}, "SomeError", awkward, http.StatusBadRequest},
				{errors.New("a secret detail"), "", "", http.StatusInternalServerError},
			} {
				w := httptest.NewRecorder()
				model.EncodeError(w, v.sent, "11111111-2222-4333-8444-555555555555")
				if w.Code != v.status || w.Header().Get("X-Amzn-Requestid") == "" {
					t.Errorf("%v is answered with %d", v.sent, w.Code)
				}
				if strings.Contains(w.Body.String(), "secret detail") {
					t.Errorf("the answer tells what went wrong inside: %s", w.Body)
				}
				network := &transport{answer: w.Result()}
				call, inType, _, _ := method(sdkClients(network)[service], operation)
				in := reflect.New(inType)
				(&filler{}).fill(in.Elem(), 3)
				_, err := invoke(call, in)
				var e smithy.APIError
				if !errors.As(err, &e) {
					t.Errorf("the SDK reads %v as %v", v.sent, err)
					continue
				}
				if v.code != "" && (e.ErrorCode() != v.code || e.ErrorMessage() != v.message) {
					t.Errorf("the SDK reads %s: %q, want %s: %q", e.ErrorCode(), e.ErrorMessage(), v.code, v.message)
				}
			}
		})
	}
	w := httptest.NewRecorder()
	model, _ := wire.Lookup("kms")
	text := "it is gone"
	model.EncodeError(w, &kmstypes.NotFoundException{Message: &text}, "id")
	network := &transport{answer: w.Result()}
	call, inType, _, _ := method(sdkClients(network)["kms"], "Decrypt")
	in := reflect.New(inType)
	(&filler{}).fill(in.Elem(), 3)
	_, err := invoke(call, in)
	if e := new(kmstypes.NotFoundException); !errors.As(err, &e) || e.ErrorMessage() != text {
		t.Errorf("the SDK reads a modelled exception as %v", err)
	}
}
