package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"uploadd/api"
	"uploadd/internal/uploads"
)

const (
	// sendTime is how long an endpoint has for its answer.
	sendTime = 15 * time.Second
	// maxAnswer bounds how many bytes of it are read, so that the connection can be
	// used again. What it says does not matter.
	maxAnswer = 16 << 10
)

// NewClient returns a client for deliveries over transport. It follows no redirects: what
// is signed is meant for the URL that the operator gave.
func NewClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		Timeout:       sendTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Answer is what came of sending an event.
type Answer struct {
	Status     int           // 0: there was no answer
	RetryAfter time.Duration // that the endpoint asked for
	Err        error         // nil: it has arrived. It shows no secret, nor the URL
}

// Send signs an event as of wall, which is the time by the clock on the wall, and sends it
// to h once. now is the time by the records.
func Send(ctx context.Context, client *http.Client, h *Hook, e *Event, now, wall time.Time) Answer {
	body, err := encode(h.Project, e)
	if err != nil {
		return Answer{Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return Answer{Err: withoutURL(err)}
	}
	signatures, err := sign(h, e.ID(), now, wall, body)
	if err != nil {
		return Answer{Err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "uploadd")
	req.Header.Set(standardwebhooks.HeaderWebhookID, e.ID())
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(wall.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signatures)
	resp, err := client.Do(req)
	if err != nil {
		return Answer{Err: withoutURL(err)}
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // it has answered, however that ends
	a := Answer{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"), wall)}
	switch {
	case a.Status >= 300 && a.Status < 400:
		a.Err = fmt.Errorf("it answered %d, and redirects are not followed", a.Status)
	case a.Status < 200 || a.Status >= 300:
		a.Err = fmt.Errorf("it answered %d %s", a.Status, http.StatusText(a.Status))
	}
	return a
}

// encode is the body of an event.
func encode(project string, e *Event) ([]byte, error) {
	var data any = struct{}{}
	switch {
	case e.Type == Test:
	case e.Upload != nil:
		data = uploads.WireUpload(e.Upload, e.File)
	case e.Type == FileDeleted && e.File != nil:
		data = api.EndedFile{File: *uploads.WireFile(e.File), Reason: e.Reason}
	default:
		return nil, errNoRecord
	}
	text, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	return json.Marshal(api.Event{ID: e.ID(), Object: "event", Type: string(e.Type), CreatedAt: e.At, Project: project, Data: text})
}

// errNoRecord is an event that cannot be told any more.
var errNoRecord = errors.New("there is no record of what it is about")

// sign is the value of webhook-signature: one signature for each secret that holds.
func sign(h *Hook, id string, now, wall time.Time, body []byte) (string, error) {
	secrets := []Secret{h.Secret}
	if now.Unix() < h.OldUntil {
		secrets = append(secrets, h.OldSecret)
	}
	var list []string
	for _, s := range secrets {
		key, err := standardwebhooks.NewWebhookRaw(s)
		if err != nil {
			return "", err
		}
		signature, err := key.Sign(id, wall, body)
		if err != nil {
			return "", err
		}
		list = append(list, signature)
	}
	return strings.Join(list, " "), nil
}

// withoutURL is what went wrong, without the URL, in which there may be secrets of the
// receiver's.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() {
			return errors.New("it did not answer in time")
		}
		return u.Err
	}
	return err
}
