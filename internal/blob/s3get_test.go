package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"uploadd/internal/blob/s3test"
	"uploadd/internal/uploads/uploadstest"
)

const (
	missing = "missing"
	short   = "short"
)

// gets are stores that behave so, and what comes of reading 300,000 bytes from byte
// 1,000 on of an object of 400,000.
var gets = []struct {
	name      string
	misbehave func(x *s3test.Exchange)
	want      string
}{
	{"as AWS", nil, stored},
	{"503 SlowDown twice", once(2, fail(503, "SlowDown")), stored},
	{"503 for ever", fail(503, "SlowDown"), busy},
	{"cut within the answer, again and again", func(x *s3test.Exchange) {
		data, first, last := x.Asked()
		x.Answer(data, first, last, min(70_000, last-first+1))
		if last-first+1 > 70_000 {
			x.Cut()
		}
	}, stored},
	{"answers of 70,000 bytes at most", func(x *s3test.Exchange) {
		data, first, last := x.Asked()
		last = min(last, first+69_999)
		x.Answer(data, first, last, last-first+1)
	}, stored},
	{"cut after the header for ever", func(x *s3test.Exchange) {
		data, first, last := x.Asked()
		x.Answer(data, first, last, 0)
		x.Cut()
	}, busy},
	{"503 within, then as it should be", func(x *s3test.Exchange) {
		if data, first, last := x.Asked(); x.N == 1 {
			x.Answer(data, first, last, 1)
			x.Cut()
		} else if x.N < 4 {
			x.Fail(503, "SlowDown")
		} else {
			x.Serve()
		}
	}, stored},
	{hangs, func(x *s3test.Exchange) {
		data, first, last := x.Asked()
		x.Answer(data, first, last, 0)
		x.Hang()
	}, busy},
	{"the range is ignored", func(x *s3test.Exchange) { x.R.Header.Del("Range"); x.Serve() }, refused},
	{"another range is sent", func(x *s3test.Exchange) {
		data, first, last := x.Asked()
		x.Answer(data, first-1, last-1, last-first+1)
	}, refused},
	{"a range that is none", func(x *s3test.Exchange) {
		x.W.Header().Set("Content-Range", "bytes some")
		x.W.WriteHeader(http.StatusPartialContent)
	}, refused},
	{"the object is shorter", func(x *s3test.Exchange) {
		data, first, _ := x.Asked()
		x.Answer(data[:200_000], first, 199_999, 199_999-first+1)
	}, short},
	{"416", fail(416, "InvalidRange"), short},
	{"404 NoSuchKey", fail(404, "NoSuchKey"), missing},
	{"404 NoSuchBucket", fail(404, "NoSuchBucket"), refused},
	{"403 AccessDenied", fail(403, "AccessDenied"), refused},
	{"another object comes between", func(x *s3test.Exchange) {
		data, first, last := x.Asked()
		if x.N > 1 {
			x.Answer(slices.Repeat([]byte{1}, len(data)), first, last, last-first+1)
			return
		}
		x.Answer(data, first, last, 10)
		x.Cut()
	}, refused},
}

// Whatever a store answers, what is read is what was stored, or ends in an error.
func TestGetsOfBadStores(t *testing.T) {
	for _, row := range gets {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			patience := time.Minute
			if row.name == hangs {
				patience = 200 * time.Millisecond
			}
			s, b := scripted(t, patience)
			data := uploadstest.Random(1, 400_000)
			if _, err := b.Put(t.Context(), "part_ab", bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			s.Script(http.MethodGet, row.misbehave)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // much longer than any of them takes
			defer cancel()
			r, err := b.Open(ctx, "part_ab", 1000, 300_000)
			var got []byte
			if err == nil {
				defer r.Close()
				got, err = io.ReadAll(r)
			}
			if !bytes.HasPrefix(data[1000:301_000], got) || err == nil && len(got) != 300_000 {
				t.Errorf("%d bytes were read, not those that were stored (%v)", len(got), err)
			}
			is := outcome(err)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				is = missing
			case errors.Is(err, io.ErrUnexpectedEOF) && is == refused:
				is = short
			}
			if is != row.want {
				t.Errorf("%s (%v), want %s", is, err, row.want)
			}
		})
	}
}

// deletes are stores that behave so, and which of three keys they are believed to have
// deleted.
var deletes = []struct {
	name      string
	kind      string
	misbehave func(x *s3test.Exchange)
	gone      []string
	fails     bool
}{
	{"as AWS", "POST", nil, []string{"part_aa", "part_bb", "part_cc"}, false},
	{"503 SlowDown twice", "POST", once(2, fail(503, "SlowDown")), []string{"part_aa", "part_bb", "part_cc"}, false},
	{"503 for ever", "POST", fail(503, "SlowDown"), nil, true},
	{"501, and one by one", "POST", fail(501, "NotImplemented"), []string{"part_aa", "part_bb", "part_cc"}, false},
	{"400 for want of a Content-MD5, and one by one", "POST", fail(400, "InvalidRequest"), []string{"part_aa", "part_bb", "part_cc"}, false},
	{"403 AccessDenied", "POST", fail(403, "AccessDenied"), nil, true},
	{"404 NoSuchBucket", "POST", fail(404, "NoSuchBucket"), nil, true},
	{"200 with an error for a body", "POST", fail(200, "InternalError"), nil, true},
	{"an answer that breaks off, once", "POST", once(1, func(x *s3test.Exchange) {
		x.W.Header().Set("Content-Length", "1000")
		x.W.Write([]byte("<DeleteResult>"))
		x.W.(http.Flusher).Flush()
		x.Cut()
	}), []string{"part_aa", "part_bb", "part_cc"}, false},
	{"it says nothing", "POST", func(x *s3test.Exchange) { x.Doomed(); x.Tell(s3test.Result{}) }, nil, true},
	{"it speaks of others", "POST", func(x *s3test.Exchange) {
		x.Doomed()
		x.Tell(s3test.Result{Deleted: keys([]string{"p/xx/part_xx"})})
	}, nil, true},
	{"one of them fails", "POST", func(x *s3test.Exchange) {
		x.Doomed()
		x.Tell(s3test.Result{Deleted: keys([]string{"p/aa/part_aa", "p/cc/part_cc"}), Error: []struct{ Key, Code string }{{"p/bb/part_bb", "InternalError"}}})
	}, []string{"part_aa", "part_cc"}, true},
	{"one of them is missing", "POST", func(x *s3test.Exchange) {
		x.Doomed()
		x.Tell(s3test.Result{Deleted: keys([]string{"p/aa/part_aa", "p/cc/part_cc"}), Error: []struct{ Key, Code string }{{"p/bb/part_bb", "NoSuchKey"}}})
	}, []string{"part_aa", "part_bb", "part_cc"}, false},
}

// A key is gone only if the store says so.
func TestDeletesOfBadStores(t *testing.T) {
	for _, row := range deletes {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s, b := scripted(t, time.Minute)
			s.Script(row.kind, row.misbehave)
			gone, err := b.Delete(t.Context(), []string{"part_aa", "part_bb", "part_cc"})
			slices.Sort(gone)
			if !slices.Equal(gone, row.gone) || (err != nil) != row.fails {
				t.Errorf("gone: %q, %v; want %q", gone, err, row.gone)
			}
			if asked := s.Asked(); strings.Contains(row.name, "breaks off") && asked != 2 {
				t.Errorf("the store was asked %d times for all of them together, want 2", asked)
			}
		})
	}
	t.Run("one by one, and one fails", func(t *testing.T) {
		s, b := scripted(t, time.Minute)
		s.Script("POST", fail(501, "NotImplemented"))
		b.Delete(t.Context(), []string{"part_aa"}) // from here on one by one
		s.Script("DELETE", func(x *s3test.Exchange) {
			if x.Name() == "p/bb/part_bb" {
				x.Fail(403, "AccessDenied")
			} else {
				x.Fail(404, "NoSuchKey")
			}
		})
		gone, err := b.Delete(t.Context(), []string{"part_aa", "part_bb", "part_cc"})
		slices.Sort(gone)
		if want := []string{"part_aa", "part_cc"}; !slices.Equal(gone, want) || err == nil {
			t.Errorf("gone: %q, %v; want %q", gone, err, want)
		}
	})
}

// An answer that breaks off is no refusal to delete many at once.
func TestDeleteAnswerBreaksOff(t *testing.T) {
	s, b := scripted(t, time.Minute)
	s.Script("POST", func(x *s3test.Exchange) {
		names := x.Doomed()
		if x.N == 1 {
			x.W.Header().Set("Content-Length", "1000")
			x.W.Write([]byte("<DeleteResult>"))
			return
		}
		x.Tell(s3test.Result{Deleted: keys(names)})
	})
	gone, err := b.Delete(t.Context(), []string{uploadstest.Key(1), uploadstest.Key(2)})
	if err != nil || len(gone) != 2 || s.Asked() != 2 {
		t.Errorf("gone: %q, by %d requests: %v", gone, s.Asked(), err)
	}
}

// No batch is larger than a store takes.
func TestDeleteMany(t *testing.T) {
	s, b := scripted(t, time.Minute)
	s.Script("POST", func(x *s3test.Exchange) {
		names := x.Doomed()
		if len(names) > 1000 {
			x.Fail(400, "MalformedXML")
			return
		}
		x.Tell(s3test.Result{Deleted: keys(names)})
	})
	many := make([]string, 2500)
	for i := range many {
		many[i] = uploadstest.Key(i)
	}
	gone, err := b.Delete(t.Context(), many)
	if err != nil || len(gone) != len(many) || s.Asked() != 3 {
		t.Errorf("%d of %d keys are gone, by %d requests: %v", len(gone), len(many), s.Asked(), err)
	}
}
