// Package phrase holds what Keyturn says to people, in their language.
//
// A Text is a sentence that has not been put into a language yet: its English
// form, which is also its key in the catalogue, and what goes into it. Programs
// read English (a Text is written to JSON so); people are answered in the
// language that they asked for. A test reads the sources and sees that no text
// lacks a translation.
package phrase

import (
	"fmt"
	"slices"
	"strings"
)

// Language is a language that the catalogue has, by its ISO 639-1 code.
type Language string

// The languages.
const (
	English Language = "en"
	Spanish Language = "es"
)

// Languages are all of them.
func Languages() []Language { return []Language{English, Spanish} }

// Text is something to say. The zero Text says nothing. Texts made by Say from
// the same words are equal by Equal; == is not defined for them.
type Text struct {
	format string
	args   []any
	// literal: format is what to say, in every language.
	literal bool
}

// Say is a text of the catalogue: format is its English form, as fmt.Sprintf
// takes it, and a constant. Arguments that are Texts or Errors are put into the
// language with it.
func Say(format string, args ...any) Text {
	if false {
		_ = fmt.Sprintf(format, args...) // vet checks calls of Say as it does those of Sprintf
	}
	return Text{format: format, args: args}
}

// Plain is what is the same in every language: names, and the words of AWS.
func Plain(words string) Text { return Text{format: words, literal: true} }

// List joins texts: "a, b and c".
func List(texts ...Text) Text {
	switch len(texts) {
	case 0:
		return Text{}
	case 1:
		return texts[0]
	}
	last := len(texts) - 1
	return Say("%s and %s", Join(", ", texts[:last]...), texts[last])
}

// Join puts a separator, which is the same in every language, between texts.
func Join(separator string, texts ...Text) Text {
	if len(texts) == 1 {
		return texts[0]
	}
	args := make([]any, len(texts))
	verbs := make([]string, len(texts))
	for i, t := range texts {
		args[i], verbs[i] = t, "%s"
	}
	return Text{format: strings.Join(verbs, strings.ReplaceAll(separator, "%", "%%")), args: args}
}

// IsZero tells whether there is nothing to say.
func (t Text) IsZero() bool { return t.format == "" }

// String is the English form.
func (t Text) String() string { return t.In(English) }

// In is the text in a language; in English where the catalogue lacks it.
func (t Text) In(l Language) string {
	if t.literal {
		return t.format
	}
	format := t.format
	if words, ok := catalogue[l][format]; ok {
		format = words
	}
	args := make([]any, len(t.args))
	for i, a := range t.args {
		switch inner := a.(type) {
		case Text:
			args[i] = inner.In(l)
		case error:
			args[i] = Of(inner, l)
		default:
			args[i] = a
		}
	}
	words := fmt.Sprintf(format, args...)
	if l == Spanish {
		return agree(words)
	}
	return words
}

// Equal tells whether two texts say the same in every language.
func (t Text) Equal(o Text) bool {
	return !slices.ContainsFunc(Languages(), func(l Language) bool { return t.In(l) != o.In(l) })
}

// MarshalText writes the English form, for JSON.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote; it stays English.
func (t *Text) UnmarshalText(b []byte) error {
	*t = Plain(string(b))
	return nil
}
