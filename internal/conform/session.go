package conform

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say which server is asked, and how.
type Options struct {
	BaseURL  string // with /v1, where the server has it
	Key      string
	OtherKey string      // of another project of the server; "" leaves those checks out
	Purpose  string      // of what is made, where a check does not need a certain one; "" is batch
	Header   http.Header // added to every request
	Query    url.Values  // added to every request
	// Azure sends keys in the header api-key, and expects Uploads to live for two hours.
	Azure bool
	// Pause is the least time between the beginnings of two requests.
	Pause time.Duration
	// Progress is told which check begins; nil for nobody.
	Progress func(done, of int, id string)
	HTTP     *http.Client // nil: one of its own
}

const (
	// Prefix begins the name of every File and Upload that a run makes.
	Prefix = "uploadd-conform-"

	requestTimeout = 2 * time.Minute
	cleanTimeout   = 20 * time.Second // of a request that removes something
	slowest        = 100_000          // bytes a second of a body, besides
	maxAnswer      = 4 << 20          // bytes of an answer that are looked at
	patience       = time.Minute
	tries          = 5
)

// ErrUnreachable says that a server could not be asked at all.
var ErrUnreachable = errors.New("the server cannot be asked")

// session is one run against one server.
type session struct {
	Options
	url   *url.URL // the base
	tag   string   // what the names of this run begin with
	began time.Time
	ctx   context.Context

	requests, sent atomic.Int64

	mu     sync.Mutex
	last   time.Time // when the last request began
	things []*thing
	// Requests that may have made something, and whose answers were lost.
	unsureUploads, unsureFiles int
	serial                     int

	plain map[string]bool // the paths that take no expires_after
	shelf []object        // Files that the checks of a group share
}

// Validate refuses what is no URL of a server.
func (o *Options) Validate() error {
	_, err := o.base()
	return err
}

func (o *Options) base() (*url.URL, error) {
	base, err := url.Parse(strings.TrimSuffix(o.BaseURL, "/"))
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" {
		return nil, errors.New("the base URL must be written like https://api.openai.com/v1")
	}
	return base, nil
}

func newSession(ctx context.Context, o Options) (*session, error) {
	base, err := o.base()
	if err != nil {
		return nil, err
	}
	if o.Purpose == "" {
		o.Purpose = "batch"
	}
	if o.HTTP == nil {
		// Answers are to be seen as they were sent: no redirects, nothing unpacked.
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableCompression = true
		o.HTTP = &http.Client{Transport: t}
	}
	client := *o.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.HTTP = &client
	var id [4]byte
	rand.Read(id[:])
	return &session{Options: o, url: base, tag: Prefix + hex.EncodeToString(id[:]), began: time.Now(), ctx: ctx, plain: map[string]bool{}}, nil
}

func (s *session) stopped() bool { return s.ctx.Err() != nil }

// request is one to be sent.
type request struct {
	method, path string
	query        string
	header       http.Header
	open         func() io.Reader // the body; nil for none
	size         int64            // of the body; -1 sends it in chunks
	key          *string          // instead of the session's
	sink         io.Writer        // takes the body of a success, if there is one
	cleaning     bool             // is sent though the run has been interrupted
}

func (r *request) with(name, value string) *request {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(name, value)
	return r
}

func (r *request) withBody(b []byte) *request {
	r.open = func() io.Reader { return bytes.NewReader(b) }
	r.size = int64(len(b))
	return r
}

func (r *request) timeout() time.Duration {
	if r.cleaning {
		return cleanTimeout
	}
	return requestTimeout + time.Duration(max(r.size, 0)/slowest)*time.Second
}

// send sends a request and reads its answer. A server that is busy is asked again when
// it says so. Nothing else is tried twice, but what removes something.
func (s *session) send(r *request) (*answer, error) {
	for try := 1; ; try++ {
		if !r.cleaning && s.stopped() {
			return nil, errInterrupted
		}
		s.pace()
		a, err := s.exchange(r)
		if r.cleaning && (err != nil || a.status >= 500 && a.status != http.StatusServiceUnavailable) && try < tries {
			time.Sleep(time.Duration(try) * 200 * time.Millisecond)
			continue
		}
		if err != nil {
			s.lost(r)
			return nil, err
		}
		s.observe(r, a)
		wait, again := a.retryAfter()
		if !again || try == tries {
			return a, nil
		}
		s.sleep(wait, r.cleaning)
	}
}

var errInterrupted = errors.New("the run was interrupted")

// pace keeps requests apart.
func (s *session) pace() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait := time.Until(s.last.Add(s.Pause)); s.Pause > 0 && wait > 0 {
		time.Sleep(wait)
	}
	s.last = time.Now()
}

func (s *session) sleep(d time.Duration, cleaning bool) {
	if cleaning {
		time.Sleep(d)
		return
	}
	select {
	case <-time.After(d):
	case <-s.ctx.Done():
	}
}

// exchange sends a request once. It is not cut off when the run is interrupted: its
// answer says what has to be removed.
func (s *session) exchange(r *request) (*answer, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), r.timeout())
	defer cancel()
	u := *s.url
	u.Path, u.RawPath = u.Path+r.path, ""
	query := s.Query.Encode()
	u.RawQuery = strings.Trim(query+"&"+r.query, "&")
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if r.open != nil {
		// With GetBody a request is sent again of which nothing was, because a connection that had
		// been idle was closed meanwhile.
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(counted{r.open(), &s.sent}), nil }
		if req.Body, _ = req.GetBody(); r.size == 0 {
			req.Body = http.NoBody
		}
		req.ContentLength = r.size
	}
	s.dress(req, r)
	s.requests.Add(1)
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return nil, plainError(err)
	}
	defer resp.Body.Close()
	a := &answer{method: r.method, path: r.path, status: resp.StatusCode, header: resp.Header, length: resp.ContentLength, secret: s.secrets()}
	if r.sink != nil && resp.StatusCode == http.StatusOK {
		_, err = io.Copy(r.sink, resp.Body)
	} else {
		a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	}
	return a, plainError(err)
}

// dress gives a request its headers.
func (s *session) dress(req *http.Request, r *request) {
	for name, values := range s.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "uploadd-conform")
	req.Header.Set("Accept", "application/json")
	key := s.Key
	if r.key != nil {
		key = *r.key
	}
	switch {
	case key == "":
	case s.Azure:
		req.Header.Set("api-key", key)
	default:
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
}

// secrets are what no report may show.
func (s *session) secrets() []string {
	list := []string{s.Key, s.OtherKey}
	for _, values := range s.Header {
		list = append(list, values...)
	}
	for name, values := range s.Query {
		if name != "api-version" {
			list = append(list, values...)
		}
	}
	return list
}

// plainError leaves the URL out, which the report has.
func plainError(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// counted counts the bytes of bodies.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// retryAfter says how long a busy server wants to be left alone.
func (a *answer) retryAfter() (time.Duration, bool) {
	if a.status != http.StatusTooManyRequests && a.status != http.StatusServiceUnavailable {
		return 0, false
	}
	seconds, err := strconv.ParseFloat(a.header.Get("Retry-After"), 64)
	if err != nil || seconds < 0 {
		seconds = 2
	}
	return min(time.Duration(seconds*float64(time.Second)), patience), true
}

// greet asks for the beginning of the list: whether there is a server, and whether it
// takes the key.
func (s *session) greet() error {
	a, err := s.send(&request{method: "GET", path: "/files", query: "limit=1"})
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, errInterrupted):
		return err
	case errors.As(err, &dns), errors.As(err, &op):
		return fmt.Errorf("%w: nobody answers at %s (%w): is it running, and is the base URL right?", ErrUnreachable, s.url.Redacted(), err)
	case err != nil:
		return fmt.Errorf("%w: GET %s/files: %w", ErrUnreachable, s.url.Redacted(), err)
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return fmt.Errorf("%w: it does not take the key: %s", ErrUnreachable, a)
	}
	return nil
}
