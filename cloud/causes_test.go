package cloud_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// notPlayed are the causes that no scenario shows, and why. The tests of package
// diagnose show them with evidence made by hand.
var notPlayed = map[diagnose.CauseKind]string{
	diagnose.KeyUnavailable:  "there are no custom key stores",
	diagnose.GrantLimit:      "it takes 50,000 grants",
	diagnose.StoppedBySystem: "no operating system runs that could shut down",
	diagnose.StoppedByAWS:    "no hardware is retired, and no Spot Instance is taken back",
	diagnose.InternalError:   "EC2 does not fail within itself",
	diagnose.AccountNotReady: "every account may use every Region",
}

var wantedCause = regexp.MustCompile(`(?m)^(?:cause|further) (\S+)`)

// TestEveryCauseIsPlayed: each cause has a scenario, and each scenario a cause that
// there is.
func TestEveryCauseIsPlayed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/scenarios/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := make(map[diagnose.CauseKind][]string)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range wantedCause.FindAllStringSubmatch(string(raw), -1) {
			kind := diagnose.CauseKind(m[1])
			played[kind] = append(played[kind], strings.TrimSuffix(filepath.Base(file), ".txtar"))
		}
	}
	for _, kind := range diagnose.CauseKinds() {
		switch why, excused := notPlayed[kind]; {
		case excused && len(played[kind]) > 0:
			t.Errorf("%s is played by %v: take it off the list", kind, played[kind])
		case !excused && len(played[kind]) == 0:
			t.Errorf("no scenario has %s", kind)
		case excused:
			t.Logf("%-28s not played: %s", kind, why)
		default:
			t.Logf("%-28s %d: %s", kind, len(played[kind]), strings.Join(played[kind], ", "))
		}
		delete(played, kind)
	}
	for kind, by := range played {
		t.Errorf("%v want %s, which the doctor does not know", by, kind)
	}
}
