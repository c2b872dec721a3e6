package phrase

import "testing"

func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		form, words string
		args        []any // nil: of another form
	}{
		{"key policy of %s", "key policy of a b", []any{"a b"}},
		{"key policy of %s", "key policy of ", nil},
		{"key policy of %s", "session policy of s", nil},
		{"inline policy %s of user %s", "inline policy a of user b of user c", []any{"a", "b of user c"}},
		{"%s (%s)", "a (b) (c)", []any{"a", "b) (c"}},
		{"# then launch it", "# then launch it", []any{}},
		{"# then launch it", "# then launch it again", nil},
		{"%s: %s", "a", nil},
		{"%s: %s", "", nil},
	} {
		got, ok := Text{format: c.form, args: make([]any, 2)}.Read(c.words)
		if ok != (c.args != nil) {
			t.Errorf("%q of the form %q: %v", c.words, c.form, ok)
			continue
		}
		if ok && (got.String() != c.words || len(got.args) != len(c.args)) {
			t.Errorf("%q of the form %q has %q", c.words, c.form, got.args)
		}
		for i := range c.args {
			if got.args[i] != c.args[i] {
				t.Errorf("%q of the form %q has %q", c.words, c.form, got.args)
			}
		}
	}
	if got := ReadAny("100%", Text{format: "a %s"}); got.String() != "100%" {
		t.Errorf("of no form: %q", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("inline policy %s of user %s", "inline policy a of user b")
	f.Add("%s%s", "ab")
	f.Fuzz(func(t *testing.T, form, words string) {
		verb := 0
		for i := range len(form) {
			if form[i] == '%' {
				verb++
			}
		}
		read, ok := Text{format: form}.Read(words)
		if ok && verb == len(read.args) && read.String() != words {
			t.Errorf("%q of the form %q became %q", words, form, read)
		}
	})
}
