package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// readyCmd asks a server whether it can serve: for containers, which have no shell
// to ask with, and for whoever has just started one.
type readyCmd struct {
	URL  string        `default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server (${default}). On a loopback address, which no certificate is for, any certificate will do."`
	Wait time.Duration `default:"0s" placeholder:"DURATION" help:"How long to go on asking (${default}: once)."`
}

// askTimeout is how long one answer may take; it involves a look at the stores.
const askTimeout = 5 * time.Second

func (c *readyCmd) Run(env *environment) error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("--url=%s: write it like http://127.0.0.1:8080", c.URL)
	}
	client := &http.Client{Timeout: askTimeout, Transport: readyTransport(u.Hostname())}
	for end := time.Now().Add(c.Wait); ; {
		err := ask(env.ctx, client, u.JoinPath("readyz").String())
		if err == nil || time.Now().After(end) {
			return err
		}
		select {
		case <-env.ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// readyTransport never goes by way of a proxy.
func readyTransport(host string) *http.Transport {
	t := &http.Transport{DisableKeepAlives: true}
	if loopback(host) {
		// Nothing is sent there that this machine does not know, and its word is all
		// that is asked for.
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // #nosec G402 -- as above
	}
	return t
}

func ask(ctx context.Context, client *http.Client, readyz string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, readyz, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s answers %s", readyz, resp.Status)
	}
	return nil
}
