package phrase

import (
	"regexp"
	"strings"
)

// A Spanish text does not know the gender of the word that is put into it. Where
// it matters the catalogue has both forms in front of the word, the feminine
// first: "⟨una|un⟩ %s". And "de" and "a" join with "el".

var (
	forms    = regexp.MustCompile(`⟨([^|⟩]*)\|([^⟩]*)⟩ (\pL+)`)
	contract = strings.NewReplacer(" de el ", " del ", " a el ", " al ", "De el ", "Del ", "A el ", "Al ")
)

// masculine are the words of that gender that are put into texts.
var masculine = map[string]bool{"límite": true, "volumen": true, "usuario": true, "rol": true, "grupo": true}

// agree makes a Spanish text agree with what was put into it.
func agree(words string) string {
	words = forms.ReplaceAllStringFunc(words, func(s string) string {
		m := forms.FindStringSubmatch(s)
		if masculine[m[3]] {
			return m[2] + " " + m[3]
		}
		return m[1] + " " + m[3]
	})
	return contract.Replace(words)
}
