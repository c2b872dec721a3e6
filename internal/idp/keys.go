// Package idp asks OpenID Connect identity providers for the keys that their
// tokens are signed with. What a token says is for package sts to judge.
package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/api"
)

const (
	// timeout bounds one request to a provider. AWS waits for about as long.
	timeout = 5 * time.Second
	// maxDocument bounds what a provider may answer, in bytes.
	maxDocument = 256 << 10
)

// Keys fetches key sets over HTTPS. It keeps none: a provider may change its
// keys at any time, and a role is assumed seldom. It is safe for concurrent use.
type Keys struct{}

var _ api.IssuerKeys = Keys{}

// Keys implements api.IssuerKeys: it reads the provider's configuration and the
// key set that this names (OpenID Connect Discovery 1.0).
func (Keys) Keys(ctx context.Context, issuer string, thumbprints []string) ([]byte, error) {
	client := &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{TLSClientConfig: trusting(thumbprints), DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: onlyHTTPS,
	}
	raw, err := get(ctx, client, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	var configuration struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(raw, &configuration); err != nil {
		return nil, fmt.Errorf("%w: its configuration is no JSON", api.ErrIssuer)
	}
	if configuration.Issuer != issuer {
		return nil, fmt.Errorf("%w: its configuration is that of another issuer", api.ErrIssuer)
	}
	return get(ctx, client, configuration.Keys)
}

// onlyHTTPS follows a few redirects, and none to where nobody can be sure of
// the answer.
func onlyHTTPS(r *http.Request, via []*http.Request) error {
	if r.URL.Scheme != "https" || len(via) > 3 {
		return http.ErrUseLastResponse
	}
	return nil
}

// get reads a document.
func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil || r.URL.Scheme != "https" {
		return nil, fmt.Errorf("%w: %q is no https URL", api.ErrIssuer, url)
	}
	r.Header.Set("Accept", "application/json")
	answer, err := client.Do(r)
	if errors.Is(err, api.ErrThumbprint) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", api.ErrIssuer, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s answered %s", api.ErrIssuer, url, answer.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err == nil && len(raw) > maxDocument {
		err = errors.New("its answer is too long")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", api.ErrIssuer, err)
	}
	return raw, nil
}
