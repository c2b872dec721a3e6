package diagnose

import (
	"reflect"
	"regexp"
	"testing"

	"github.com/keyturn/keyturn/internal/phrase"
)

// english are words that a Spanish text has only by mistake. Those that are words
// of Spanish, too, are left out ("no", "a", "me").
var english = regexp.MustCompile(`(?i)\b(the|of|is|are|was|were|be|been|to|on|in|by|with|without|for|from|and|or|not|none|that|which|it|its|this|these|they|there|who|what|an|as|at|but|could|cannot|can|may|has|have|had|does|would|should|where|when|then|than|any|all|every|other|another|under|whether|because|so|such|key|keys|policy|policies|statement|users?|role|groups?|volume|volumes|instance|account|boundary|session|allows?|allowed|denies|denied|reading|events?|grants?|tags?|state|absent|present|except)\b`)

// quotedWords are AWS's, whatever the language: what is between quotation marks, ARNs
// and names with a colon or a dash, names of operations and elements.
var quotedWords = regexp.MustCompile(`"[^"]*"|«[^»]*»|\$\{[^}]*\}|\([A-Z][A-Za-z]+(Exception|Denied)?\b[^)]*\)|\S*[:/_.-]\S+|\b[A-Z][a-z]+[A-Z]\w*|--[a-z-]+`)

// accented are letters that no word of english has: \b knows them not.
var accented = regexp.MustCompile(`[áéíóúüñÁÉÍÓÚÜÑ]`)

// told collects what a sheet says in the reader's language, by where it says it.
func told(v reflect.Value, path string, into map[string]string) {
	switch v.Kind() {
	case reflect.String:
		if v.String() != "" {
			into[path+" "+v.String()] = v.String()
		}
	case reflect.Struct:
		if f, ok := reflect.TypeAssert[fact](v); ok && f.Code {
			into[path+" "+f.Label] = ""
			return
		}
		for i := range v.NumField() {
			switch name := v.Type().Field(i).Name; name {
			case "Lines", "Commands", "Command", "Target", "Targets", "Call", "Why", "Returned", "Truth", "Language", "Outcome", "Instance", "ID", "ARN", "Alias", "Manager", "Device":
				// code, or AWS's words
			default:
				told(v.Field(i), path+"."+name, into)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			told(v.Index(i), path, into)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			told(v.Elem(), path, into)
		}
	}
}

// TestSpanishIsSpanish: no English shines through a report in Spanish.
func TestSpanishIsSpanish(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	said := 0
	for _, row := range causeRows {
		all := make(map[string]string)
		told(reflect.ValueOf(Judge(row.evidence()).sheet(phrase.Spanish)), "", all)
		for path, text := range all {
			said++
			plain := accented.ReplaceAllString(quotedWords.ReplaceAllString(text, "…"), "x")
			if words := english.FindAllString(plain, -1); len(words) > 0 && !seen[path] {
				seen[path] = true
				t.Errorf("%s: %v in%s", row.name, words, path)
			}
		}
	}
	if said < 1000 {
		t.Errorf("only %d texts were looked at", said)
	}
	if english.FindString(quotedWords.ReplaceAllString("The key of the volume", "")) == "" {
		t.Error("English is not found")
	}
}
