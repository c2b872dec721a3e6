package serviceref

import "strings"

// Decode decodes a service anew and counts its actions.
func Decode(prefix string) int {
	for line := range strings.Lines(index) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); f[0] == prefix {
			var s Service
			s.decode(place(f[3]).text())
			return len(s.Actions)
		}
	}
	return 0
}
