package diagnose

import (
	"bytes"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/phrase"
)

// TestHarmlessText: a key's description is somebody's words, and a terminal would
// obey them.
func TestHarmlessText(t *testing.T) {
	t.Parallel()
	for _, color := range []bool{false, true} {
		e := article()
		e.Keys[0].Description = "safe\x1b[2J\x1b]0;title\x07\rNOTHING WRONG \u202egnp.exe \u009b2J"
		var b bytes.Buffer
		if err := Judge(e).WriteText(&b, Style{Color: color, Verbose: true}); err != nil {
			t.Fatal(err)
		}
		if err := Judge(e).WriteMarkdown(&b, phrase.English); err != nil { // which people print, too
			t.Fatal(err)
		}
		for _, bad := range []string{"\x1b[2J", "\x1b]", "\x07", "\r", "\u202e", "\u009b"} {
			if strings.Contains(b.String(), bad) {
				t.Errorf("the page has %q", bad)
			}
		}
		if !strings.Contains(b.String(), "safe\ufffd[2J") || strings.Contains(b.String(), "\x1b[1m") != color {
			t.Errorf("colours: %t; the page is\n%s", color, b.String())
		}
	}
}
