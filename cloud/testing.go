package cloud

import (
	"encoding/json"
	"net/http"
	"time"
)

// serveTesting answers the two requests that exist only WithTesting. They are
// not part of AWS and carry no signature.
func (c *Cloud) serveTesting(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "use POST", http.StatusMethodNotAllowed)
		return
	}
	switch r.URL.Path {
	case "/_keyturn/clock":
		c.serveClock(w, r)
	case "/_keyturn/reset":
		if err := c.reset(r.Context()); err != nil {
			c.set.log.Error("reset failed", "err", err)
			http.Error(w, "reset failed; see the server's log", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

// serveClock moves the clock: {"advance": "168h"} and answers {"now": "…"}.
func (c *Cloud) serveClock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Advance string `json:"advance"`
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, `send {"advance": "24h"}`, http.StatusBadRequest)
		return
	}
	d, err := time.ParseDuration(in.Advance)
	if err != nil || d < 0 {
		http.Error(w, `"advance" must be a duration that is not negative, such as "24h"`, http.StatusBadRequest)
		return
	}
	c.Advance(d)
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(map[string]string{"now": c.Now().Format(time.RFC3339Nano)}); err != nil {
		c.set.log.Error("clock answer not sent", "err", err)
	}
}
