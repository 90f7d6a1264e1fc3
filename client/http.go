package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"uploadd/api"
)

const (
	maxError  = 64 << 10 // bytes read of the body of an error
	maxAnswer = 64 << 20 // of a JSON answer: a list of 10,000 objects is some 3 MiB
	maxQuote  = 200      // of a foreign body shown in an error
)

// do makes a request with a JSON body, or none, and decodes the answer.
func do[RESP any](ctx context.Context, c *Client, method, path string, query url.Values, body any) (*RESP, error) {
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		r = bytes.NewReader(raw)
	}
	req, err := c.request(ctx, method, path, query, r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.send(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return decode[RESP](c, resp)
}

// doID is do with an id in the path.
func doID[RESP any](ctx context.Context, c *Client, method, before, id, after string, query url.Values, body any) (*RESP, error) {
	path, err := idPath(before, id, after)
	if err != nil {
		return nil, err
	}
	return do[RESP](ctx, c, method, path, query, body)
}

// request makes a request with the headers that all have.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Request, error) {
	target := c.base + path
	for name, values := range c.query {
		if query == nil {
			query = url.Values{}
		}
		query[name] = values
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	req.Header = c.header.Clone()
	req.Header.Set("Accept", "application/json")
	return req, nil
}

// send returns an answer of 2xx, whose body the caller closes, or an error.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, c.refusal(resp)
}

func decode[RESP any](c *Client, resp *http.Response) (*RESP, error) {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("client: reading the answer: %w", err)
	}
	if len(raw) > maxAnswer {
		return nil, fmt.Errorf("client: the answer is larger than %d bytes", maxAnswer)
	}
	v := new(RESP)
	if err := json.Unmarshal(raw, v); err != nil {
		// A login page of a network in between, as a rule.
		return nil, fmt.Errorf("client: the answer, status %d, is not the expected JSON (%w): %s",
			resp.StatusCode, err, quote(c.redact(raw)))
	}
	return v, nil
}

// refusal makes the error out of an answer other than 2xx.
func (c *Client) refusal(resp *http.Response) *api.Error {
	// What could not be read is missing in the message, the status counts.
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxError))
	raw = c.redact(raw)
	e := fromEnvelope(resp.StatusCode, raw)
	status := strings.TrimSpace(strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode))
	switch kind := (&api.Error{Status: resp.StatusCode}); {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		e = api.Errorf(kind, "", "The server answered %s, a redirect%s. Redirects are not followed.", status, c.target(resp))
	case e != nil:
	case len(bytes.TrimSpace(raw)) == 0:
		e = api.Errorf(kind, "", "The server answered %s with an empty body.", status)
	default:
		e = api.Errorf(kind, "", "The server answered %s: %s", status, quote(raw))
	}
	e.RetryAfter = retryAfter(resp.Header)
	e.ShouldRetry = resp.Header.Get("X-Should-Retry")
	e.RequestID = resp.Header.Get("X-Request-Id")
	return e
}

// retryAfter is how many seconds a server asks to be left alone for, rounded
// up; 0 for not saying so. OpenAI may say it in milliseconds.
func retryAfter(h http.Header) int {
	if ms, err := strconv.Atoi(h.Get("Retry-After-Ms")); err == nil && ms > 0 {
		return (ms + 999) / 1000
	}
	value := h.Get("Retry-After")
	if s, err := strconv.Atoi(value); err == nil {
		return max(s, 0)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date")) // by the clock that at is by
	if err != nil {
		now = time.Now()
	}
	return max(int(at.Sub(now)/time.Second), 0)
}

// fromEnvelope decodes {"error":{...}}; nil when raw is something else.
func fromEnvelope(status int, raw []byte) *api.Error {
	var body struct {
		Error *struct {
			Message, Type, Param *string
			Code                 any // some servers of this API send a number
		}
	}
	if json.Unmarshal(raw, &body) != nil || body.Error == nil || body.Error.Message == nil {
		return nil
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	e := &api.Error{
		Status:  status,
		Message: text(body.Error.Message),
		Type:    text(body.Error.Type),
		Param:   text(body.Error.Param),
	}
	if body.Error.Code != nil {
		e.Code = fmt.Sprint(body.Error.Code)
	}
	return e
}

// target says where a redirect leads, without the query, which may be a secret.
func (c *Client) target(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return ""
	}
	u = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return " to " + quote(c.redact([]byte(u.String())))
}

// redact takes the key out of what a server sent: some echo it in messages,
// and messages end in logs. A very short key is not secret, and a common word.
func (c *Client) redact(raw []byte) []byte {
	if len(c.key) < 8 {
		return raw
	}
	return bytes.ReplaceAll(raw, []byte(c.key), []byte("[key]"))
}

// quote shows a bounded bit of foreign bytes on one line.
func quote(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) > maxQuote {
		return strconv.Quote(string(raw[:maxQuote])) + "..."
	}
	return strconv.Quote(string(raw))
}
