package cloud_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/cloud"
)

// TestWithClock: requests are judged, and their events dated, by the clock that
// was given.
func TestWithClock(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 2, 3, 4, 5, 6, 0, time.UTC)
	s := newStage(t, cloud.WithClock(func() time.Time { return at }))
	id, secret := s.cloud.RootCredentials()
	q := signed{service: "kms", region: region, target: "TrentService.ListKeys", body: "{}", at: time.Now(), id: id, secret: secret}
	if status, body := s.send(q); status != http.StatusBadRequest || !strings.Contains(body, "InvalidSignatureException") {
		t.Errorf("signed at another time, answered %d: %s", status, body)
	}
	q.at = at
	if status, body := s.send(q); status != http.StatusOK {
		t.Fatalf("answered %d: %s", status, body)
	}
	q.service, q.target = "cloudtrail", "CloudTrail_20131101.LookupEvents"
	if _, body := s.send(q); !strings.Contains(body, "2030-02-03T04:05:06Z") {
		t.Errorf("the event has another time: %s", body)
	}
}
