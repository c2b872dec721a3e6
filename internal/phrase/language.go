package phrase

import "strings"

// Choose is the language that is asked for: by name ("es", "es-MX", "es_ES.UTF-8"),
// or, where name is empty, by the locale of the environment, which POSIX has in
// LC_ALL, LC_MESSAGES and LANG, in that order. A name that is not known is an
// error; a locale that is not known is English.
func Choose(name string, getenv func(string) string) (Language, error) {
	if name != "" {
		if l, ok := known(name); ok {
			return l, nil
		}
		return English, NewError(Say("there is no language %q here: there are en and es", name), nil)
	}
	for _, v := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := getenv(v); locale != "" {
			l, _ := known(locale)
			return l, nil
		}
	}
	return English, nil
}

func known(name string) (Language, bool) {
	primary := strings.ToLower(name)
	if i := strings.IndexAny(primary, "-_.@"); i >= 0 {
		primary = primary[:i]
	}
	for _, l := range Languages() {
		if string(l) == primary {
			return l, true
		}
	}
	return English, false
}
