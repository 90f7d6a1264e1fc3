package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"uploadd/internal/blob"
	"uploadd/internal/blob/s3test"
	"uploadd/internal/uploads/uploadstest"
)

// bounded promises more than it has, as a form does behind which something stands.
type bounded struct {
	io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.left -= n
	return n, err
}

func (b *bounded) AtMost() (int64, bool) { return int64(b.left), true }

// ways are those that bytes can take to a store.
var ways = []struct {
	name  string
	bytes int
	open  func(data []byte) io.Reader
}{
	{"whole", 1000, func(d []byte) io.Reader { return bytes.NewReader(d) }},
	{"streamed", 700 << 10, func(d []byte) io.Reader { return &bounded{bytes.NewReader(d), len(d) + 300} }},
	{"spooled", 700 << 10, func(d []byte) io.Reader { return bytes.NewReader(d) }},
}

// What may come of a Put.
const (
	stored  = "stored"
	busy    = "unavailable"
	refused = "refused"
	full    = "full"
	exists  = "exists"
)

func outcome(err error) string {
	var e interface{ Unavailable() bool }
	switch {
	case err == nil:
		return stored
	case errors.Is(err, syscall.ENOSPC):
		return full
	case errors.Is(err, fs.ErrExist):
		return exists
	case errors.As(err, &e) && e.Unavailable():
		return busy
	}
	return refused
}

// once misbehaves for the first n requests.
func once(n int, how func(x *s3test.Exchange)) func(x *s3test.Exchange) {
	return func(x *s3test.Exchange) {
		if x.N > n {
			x.Serve()
		} else {
			how(x)
		}
	}
}

func fail(status int, code string) func(x *s3test.Exchange) {
	return func(x *s3test.Exchange) { x.Fail(status, code) }
}

// afterBody reads the body before it does more.
func afterBody(then func(x *s3test.Exchange, data []byte)) func(x *s3test.Exchange) {
	return func(x *s3test.Exchange) {
		if data, ok := x.Read(); ok {
			then(x, data)
		}
	}
}

const (
	always = 1 << 30
	hangs  = "it hangs"
)

// puts are stores that behave so, and what comes of a blob that is sent whole,
// streamed or spooled.
var puts = []struct {
	name      string
	misbehave func(x *s3test.Exchange)
	want      [3]string
}{
	{"as AWS", nil, [3]string{stored, stored, stored}},
	{"503 SlowDown twice, before the body", once(2, fail(503, "SlowDown")), [3]string{stored, stored, stored}},
	{"503 for ever, before the body", once(always, fail(503, "ServiceUnavailable")), [3]string{busy, busy, busy}},
	{"429 once, before the body", once(1, fail(429, "TooManyRequests")), [3]string{stored, stored, stored}},
	{"503 SlowDown once, after the body", once(1, afterBody(func(x *s3test.Exchange, _ []byte) { x.Fail(503, "SlowDown") })), [3]string{stored, busy, stored}},
	{"500 once though it is stored", once(1, afterBody(func(x *s3test.Exchange, data []byte) {
		x.Store(x.Name(), data)
		x.Fail(500, "InternalError")
	})), [3]string{stored, busy, stored}},
	{"cut before the answer though it is stored", once(1, afterBody(func(x *s3test.Exchange, data []byte) {
		x.Store(x.Name(), data)
		x.Cut()
	})), [3]string{stored, busy, stored}},
	{"cut within the body", once(1, func(x *s3test.Exchange) {
		io.CopyN(io.Discard, x.R.Body, 500)
		x.Cut()
	}), [3]string{stored, busy, stored}},
	{"cut for ever", once(always, func(x *s3test.Exchange) { x.Cut() }), [3]string{busy, busy, busy}},
	{"RequestTimeout once, after the body", once(1, afterBody(func(x *s3test.Exchange, _ []byte) { x.Fail(400, "RequestTimeout") })), [3]string{stored, busy, stored}},
	{"the clock is off, once", once(1, fail(403, "RequestTimeTooSkewed")), [3]string{stored, stored, stored}},
	{"the token has expired, once", once(1, fail(400, "ExpiredToken")), [3]string{stored, stored, stored}},
	{"200 with an error for a body", once(always, afterBody(func(x *s3test.Exchange, data []byte) {
		x.Stored(data)
		x.Fail(200, "InternalError")
	})), [3]string{busy, busy, busy}},
	{"200 with a page for a body", once(always, afterBody(func(x *s3test.Exchange, data []byte) {
		x.Stored(data)
		io.WriteString(x.W, "<html>Please log in</html>")
	})), [3]string{busy, busy, busy}},
	{"200 before the body", once(always, func(x *s3test.Exchange) { x.Stored(nil) }), [3]string{busy, busy, busy}},
	{"it stores something else", once(always, afterBody(func(x *s3test.Exchange, data []byte) {
		data[len(data)/2] ^= 1
		x.Keep(x.Name(), data)
	})), [3]string{busy, busy, busy}},
	{"it stores less", once(always, afterBody(func(x *s3test.Exchange, data []byte) {
		x.Keep(x.Name(), data[:len(data)-1])
	})), [3]string{busy, busy, busy}},
	{"it says no checksum any more", once(always, afterBody(func(x *s3test.Exchange, _ []byte) {})), [3]string{busy, busy, busy}},
	{"403 AccessDenied", once(always, fail(403, "AccessDenied")), [3]string{refused, refused, refused}},
	{"301 to another region", once(always, fail(301, "PermanentRedirect")), [3]string{refused, refused, refused}},
	{"501 NotImplemented", once(always, fail(501, "NotImplemented")), [3]string{refused, refused, refused}},
	{"507, as MinIO when it is full", once(always, fail(507, "XMinioStorageFull")), [3]string{full, full, full}},
	{"403 QuotaExceeded, as Ceph", once(always, fail(403, "QuotaExceeded")), [3]string{full, full, full}},
	{"412: the name is taken", once(always, fail(412, "PreconditionFailed")), [3]string{exists, exists, exists}},
	{"409 of two at once", once(1, fail(409, "ConditionalRequestConflict")), [3]string{stored, stored, stored}},
	{hangs, once(always, func(x *s3test.Exchange) { x.Hang() }), [3]string{busy, busy, busy}},
}

// scripted opens a store that is given up after patience.
func scripted(t *testing.T, patience time.Duration) (*s3test.Scripted, *blob.S3) {
	t.Helper()
	s3test.Credentials()
	s := s3test.NewScripted(t)
	b, err := blob.OpenS3Impatient(t.Context(), s.URL("p", ""), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return s, b
}

// Whatever a store does, a blob is acknowledged only if it is there, whole and right.
func TestPutsOfBadStores(t *testing.T) {
	for _, row := range puts {
		for i, way := range ways {
			t.Run(row.name+"/"+way.name, func(t *testing.T) {
				t.Parallel()
				patience := time.Minute
				if row.name == hangs {
					patience = 200 * time.Millisecond
				}
				s, b := scripted(t, patience)
				s.Script(http.MethodPut, row.misbehave)
				data := uploadstest.Random(uint64(i), way.bytes)
				size, err := b.Put(t.Context(), "part_ab", way.open(data))
				if got := outcome(err); got != row.want[i] {
					t.Fatalf("%s (%v), want %s", got, err, row.want[i])
				}
				if asked := s.Asked(); row.want == [3]string{stored, busy, stored} && way.name == "streamed" && asked != 1 {
					t.Errorf("a body that had gone half was sent in %d requests", asked)
				}
				if err != nil {
					return
				}
				got, _ := s.Object("part_ab")
				if int64(len(got)) != size || len(got) < len(data) || !bytes.Equal(got[:len(data)], data) || slices.Max(append(got[len(data):], 0)) != 0 {
					t.Errorf("of %d bytes there are %d stored, and %d are acknowledged", len(data), len(got), size)
				}
			})
		}
	}
}

// A PUT that lands long after it was given up changes nothing that has been acknowledged.
func TestLatePut(t *testing.T) {
	s, b := scripted(t, time.Minute)
	late := make(chan func(), 1)
	s.Script(http.MethodPut, once(1, afterBody(func(x *s3test.Exchange, data []byte) {
		name := x.Name()
		late <- func() { x.Store(name, data) }
		x.Cut()
	})))
	data := uploadstest.Random(1, 5000)
	if _, err := b.Put(t.Context(), "part_ab", bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	(<-late)()
	if got, _ := s.Object("part_ab"); !bytes.Equal(got, data) {
		t.Error("a late PUT has changed the bytes")
	}
}

// What a source does not say the end of, or says wrong, is not stored.
func TestSourcesThatFail(t *testing.T) {
	cause := errors.New("cut off")
	data := uploadstest.Random(1, 2<<20)
	for name, source := range map[string]io.Reader{
		"it breaks off":                     &bounded{io.MultiReader(bytes.NewReader(data), iotest.ErrReader(cause)), 3 << 20},
		"it breaks off at its bound":        &bounded{io.MultiReader(bytes.NewReader(data), iotest.ErrReader(cause)), len(data)},
		"it has more than its bound":        &bounded{bytes.NewReader(data), len(data) - 1},
		"it has much less":                  &bounded{bytes.NewReader(data), len(data) + 128<<10 + 1},
		"it breaks off, and has no bound":   io.MultiReader(bytes.NewReader(data), iotest.ErrReader(cause)),
		"it breaks off among the first few": io.MultiReader(strings.NewReader("few"), iotest.ErrReader(cause)),
	} {
		t.Run(name, func(t *testing.T) {
			s, b := scripted(t, time.Minute)
			_, err := b.Put(t.Context(), "part_ab", source)
			if err == nil || strings.Contains(name, "breaks off") && !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
			if got, there := s.Object("part_ab"); there {
				t.Errorf("%d bytes are stored", len(got))
			}
		})
	}
}

// A source is not read from once Put is over, whoever ended it: it belongs to a request
// that has been answered.
func TestSourceIsLetGo(t *testing.T) {
	s, b := scripted(t, time.Minute)
	s.Script(http.MethodPut, func(x *s3test.Exchange) {
		io.CopyN(io.Discard, x.R.Body, 100)
		x.Fail(503, "SlowDown")
	})
	for range 20 {
		var over bool // the race detector sees a read that comes too late
		source := &bounded{readerFunc(func(p []byte) (int, error) {
			if over {
				t.Error("a source was read from after Put had returned")
			}
			return len(p), nil
		}), 64 << 20}
		if _, err := b.Put(t.Context(), "part_ab", source); err == nil {
			t.Fatal("a source without an end was stored")
		}
		over = true
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the client has gone")
	s.Script(http.MethodPut, func(x *s3test.Exchange) { cancel(gone); x.Hang() })
	if _, err := b.Put(ctx, "part_ab", bytes.NewReader(make([]byte, 2000))); !errors.Is(err, gone) {
		t.Errorf("a client that has gone: %v", err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A store that answers before it has the body, and keeps the connection, gets none of it:
// the source can be sent in another request.
func TestRefusedBeforeTheBody(t *testing.T) {
	const full403 = "<Error><Code>QuotaExceeded</Code><Message>scripted</Message></Error>"
	s, b := scripted(t, time.Minute)
	answer := "503 Slow Down\r\nContent-Length: 0\r\n\r\n"
	s.Script(http.MethodPut, func(x *s3test.Exchange) {
		c, _, err := x.W.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		head, body, _ := strings.Cut("HTTP/1.1 "+answer, "\r\n\r\n")
		io.WriteString(c, head+"\r\n\r\n")
		time.Sleep(20 * time.Millisecond) // what comes late is read all the same
		io.WriteString(c, body)
		io.Copy(io.Discard, c)
	})
	read := 0
	source := &bounded{readerFunc(func(p []byte) (int, error) {
		read += len(p)
		return len(p), nil
	}), 64 << 20}
	_, err := b.Put(t.Context(), "part_ab", source)
	if outcome(err) != busy || s.Asked() != 4 || read != 16<<10 {
		t.Errorf("asked %d times, %d bytes of the source were read, and only its head is needed to begin: %v", s.Asked(), read, err)
	}
	answer = fmt.Sprintf("403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%s", len(full403), full403)
	if _, err := b.Put(t.Context(), "part_ab", source); outcome(err) != full {
		t.Errorf("the reason is lost: %v", err)
	}
}

// What stores do otherwise than AWS is found out at the start.
func TestQuirks(t *testing.T) {
	for name, q := range map[string]struct {
		crc, md5, once, batches bool
		want                    blob.Traits
	}{
		"AWS":                      {true, true, true, true, blob.Traits{Checksum: "crc64nvme", WriteOnce: true, Batches: true}},
		"AWS with a key of KMS":    {true, false, true, true, blob.Traits{Checksum: "crc64nvme", WriteOnce: true, Batches: true}},
		"R2, Ceph, Garage, MinIO":  {false, true, true, true, blob.Traits{Checksum: "md5", WriteOnce: true, Batches: true}},
		"without If-None-Match":    {false, true, false, true, blob.Traits{Checksum: "md5", Batches: true}},
		"GCS, by its S3 interface": {false, true, false, false, blob.Traits{Checksum: "md5"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s3test.Credentials()
			s := s3test.NewScripted(t)
			s.CRC64, s.MD5, s.WriteOnce, s.Batches = q.crc, q.md5, q.once, q.batches
			b, err := blob.OpenS3(t.Context(), s.URL("p", ""), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if b.Traits() != q.want {
				t.Errorf("found %+v, want %+v", b.Traits(), q.want)
			}
			if left := s.Names(); len(left) > 0 {
				t.Errorf("the probe has left %q", left)
			}
			for i, way := range ways {
				data, key := uploadstest.Random(9, way.bytes), fmt.Sprintf("part_%d", i)
				if _, err := b.Put(t.Context(), key, way.open(data)); err != nil {
					t.Errorf("%s: %v", way.name, err)
				}
				if gone, err := b.Delete(t.Context(), []string{key}); err != nil || len(gone) != 1 {
					t.Errorf("%s: deleted %q, %v", way.name, gone, err)
				}
			}
		})
	}
}

// A store that will not do is refused when it is opened, and the message says what to do.
func TestProbeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		kind      string
		misbehave func(x *s3test.Exchange)
		extra     string
		want      string
	}{
		"PUT is forbidden":        {"PUT", fail(403, "AccessDenied"), "", "s3:PutObject"},
		"GET is forbidden":        {"GET", fail(403, "AccessDenied"), "", "s3:GetObject"},
		"DELETE is forbidden":     {"DELETE", fail(403, "AccessDenied"), "", "s3:DeleteObject"},
		"missing is not told":     {"HEAD", once(always, func(x *s3test.Exchange) { serveOr(x, 1, 403) }), "", "s3:ListBucket"},
		"the keys are wrong":      {"PUT", fail(403, "SignatureDoesNotMatch"), "", "correct the credentials"},
		"no bucket":               {"PUT", fail(404, "NoSuchBucket"), "", "make the bucket"},
		"another region":          {"PUT", fail(301, "PermanentRedirect"), "", "region="},
		"ranges are ignored":      {"GET", func(x *s3test.Exchange) { x.R.Header.Del("Range"); x.Serve() }, "", "begins at 0"},
		"no checksum":             {"PUT", afterBody(func(x *s3test.Exchange, d []byte) { x.Store(x.Name(), d) }), "", "nobody could tell"},
		"not the one wanted":      {"PUT", afterBody(func(x *s3test.Exchange, d []byte) { x.W.Header().Set("ETag", `"x"`); x.Store(x.Name(), d) }), "checksum=md5", "md5"},
		"nothing is deleted":      {"POST", func(x *s3test.Exchange) { x.Tell(s3test.Result{Deleted: keys(x.Doomed())}) }, "", "still there"},
		"it is busy for too long": {"PUT", fail(503, "SlowDown"), "", "SlowDown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s3test.Credentials()
			s := s3test.NewScripted(t)
			s.Batches = c.kind == "POST"
			s.Script(c.kind, c.misbehave)
			b, err := blob.OpenS3Impatient(t.Context(), s.URL("p", c.extra), time.Minute)
			if err == nil {
				b.Close()
				t.Fatal("the store was opened")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the message is %q, and should say %q", err, c.want)
			}
			if noise := "operation error"; strings.Contains(err.Error(), noise) {
				t.Errorf("the message is %q, which says more than anybody wants to know", err)
			}
		})
	}
}

// serveOr serves the first n requests.
func serveOr(x *s3test.Exchange, n, status int) {
	if x.N <= n {
		x.Serve()
		return
	}
	x.Fail(status, "AccessDenied")
}

func keys(names []string) (list []struct{ Key string }) {
	for _, name := range names {
		list = append(list, struct{ Key string }{name})
	}
	return list
}
