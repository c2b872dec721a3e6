package diagnose

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzCall: a file that undoes a fix holds calls that fixes make, and what is read
// is written the same.
func FuzzCall(f *testing.F) {
	for _, c := range []Call{
		putInline("user", "test", "start", "{}"), putInline("group", "g", "p", `{"a":"<&>"}`), detach("role", "r", "arn:aws:iam::aws:policy/AWSDenyAll"),
		newVersion("arn:aws:iam::123456789012:policy/p", "{}"), putKeyPolicy("key", "{}"), enable("key"), bound("role", "r", "arn"),
	} {
		b, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"service":"iam","operation":"Options","input":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c, again Call
		if json.Unmarshal(text, &c) != nil {
			return
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatalf("%s cannot be read again: %v", b, err)
		}
		second, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(b), string(second)); diff != "" {
			t.Error(diff)
		}
	})
}
