package sdk

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
)

// lossy stands between an SDK and a server. It forwards every request, and of
// those to each path throws the first answer away and cuts the connection, as a
// network does: the request has been acted upon, and its client does not know.
type lossy struct {
	http.Handler
	lose bool

	mu       sync.Mutex
	attempts map[string]int // by method and path
}

func newLossy(t *testing.T, server string, lose bool) (*lossy, string) {
	t.Helper()
	target := uploadstest.Must(url.Parse(server))(t)
	l := &lossy{lose: lose, attempts: map[string]int{}, Handler: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, // and does not say that it forwards
	}}
	s := httptest.NewServer(l)
	t.Cleanup(s.Close)
	return l, s.URL + "/v1"
}

func (l *lossy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.attempts[r.Method+" "+r.URL.Path]++
	first := l.attempts[r.Method+" "+r.URL.Path] == 1
	l.mu.Unlock()
	if first && l.lose {
		l.Handler.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	l.Handler.ServeHTTP(w, r)
}

// newSDK returns the SDK of that name, sending the next part as bytes: a stream
// cannot be sent again.
func newSDK(t *testing.T, name, baseURL string) api.API {
	if name == "openai-go" {
		return &goSDK{newGo(baseURL)}
	}
	n := newNode(t, name, baseURL)
	n.streams.Store(true)
	return n
}

// Every answer is lost once, the SDK asks again, and its user notices nothing.
// Not so with openai4: it sends a form again with its length and without its
// bytes, which no server can answer before it gives up waiting for them.
func TestLostAnswers(t *testing.T) {
	for _, name := range []string{"openai-go", "openai", "openai6"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, proxied := newLossy(t, serve(t), true)
			a := newSDK(t, name, proxied)
			u := uploadstest.Must(a.CreateUpload(t.Context(), api.CreateUploadRequest{
				Filename: "f", Purpose: "user_data", Bytes: 3, MimeType: "text/plain"}))(t)
			p := uploadstest.Must(a.AddPart(t.Context(), u.ID, strings.NewReader("abc")))(t)
			done := uploadstest.Must(a.CompleteUpload(t.Context(), u.ID,
				api.CompleteUploadRequest{PartIDs: []string{p.ID}, MD5: "900150983cd24fb0d6963f7d28e17f72"}))(t)
			if got := uploadstest.Read(t, a, done.File.ID); string(got) != "abc" {
				t.Errorf("read %q", got)
			}
			other := uploadstest.Must(a.CreateUpload(t.Context(), api.CreateUploadRequest{
				Filename: "f", Purpose: "user_data", Bytes: 3, MimeType: "text/plain"}))(t)
			if got := uploadstest.Must(a.CancelUpload(t.Context(), other.ID))(t); got.Status != api.StatusCancelled {
				t.Errorf("cancelled: %+v", got)
			}
			for _, request := range []string{"POST /v1/uploads/" + u.ID + "/parts", "POST /v1/uploads/" + u.ID + "/complete", "POST /v1/uploads/" + other.ID + "/cancel"} {
				if l.attempts[request] != 2 {
					t.Errorf("%s was sent %d times", request, l.attempts[request])
				}
			}
		})
	}
}

// What would fail again is not sent again.
func TestNoRetryOfWhatIsFinal(t *testing.T) {
	for _, name := range append([]string{"openai-go"}, versions...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, proxied := newLossy(t, serve(t), false)
			a := newSDK(t, name, proxied)
			u := uploadstest.Must(a.CreateUpload(t.Context(), api.CreateUploadRequest{
				Filename: "f", Purpose: "user_data", Bytes: 3, MimeType: "text/plain"}))(t)
			_, err := a.AddPart(t.Context(), u.ID, strings.NewReader("abcd"))
			uploadstest.WantError(t, err, api.ErrInvalid, "data")
			uploadstest.Must(a.CancelUpload(t.Context(), u.ID))(t)
			_, err = a.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{}})
			uploadstest.WantError(t, err, api.ErrState, "upload_id")
			for _, step := range []string{"/parts", "/complete"} {
				if n := l.attempts["POST /v1/uploads/"+u.ID+step]; n != 1 {
					t.Errorf("%s was sent %d times", step, n)
				}
			}
		})
	}
}
