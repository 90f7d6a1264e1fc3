package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"uploadd/api"
)

// formOf reads a form to its end: each part as its Content-Disposition, a
// newline and its bytes.
func formOf(r *http.Request) ([]string, error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	var parts []string
	for mr := multipart.NewReader(r.Body, params["boundary"]); ; {
		p, err := mr.NextRawPart()
		if err == io.EOF {
			return parts, nil
		}
		if err != nil {
			return parts, err
		}
		data, err := io.ReadAll(p)
		if err != nil {
			return parts, err
		}
		parts = append(parts, p.Header.Get("Content-Disposition")+"\n"+string(data))
	}
}

func TestAddPart(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	io.WriteString(file, "skip, then data")
	file.Seek(-4, io.SeekEnd)
	for _, tt := range []struct {
		name  string
		data  io.Reader
		known bool
	}{
		{"Len", strings.NewReader("data"), true},
		{"buffer", bytes.NewBufferString("data"), true},
		{"file", file, true},
		{"section", io.NewSectionReader(strings.NewReader("a data b"), 2, 4), true},
		{"plain reader", io.MultiReader(strings.NewReader("da"), strings.NewReader("ta")), false},
		{"one byte at a time", iotest.OneByteReader(strings.NewReader("data")), false},
		{"data with EOF", iotest.DataErrReader(strings.NewReader("data")), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Method + " " + r.RequestURI; got != "POST /v1/uploads/upload_1/parts" {
					t.Error(got)
				}
				if r.Header.Get("Expect") != "100-continue" || r.Header.Get("Authorization") != "Bearer "+testKey {
					t.Errorf("%v", r.Header)
				}
				if known := r.ContentLength > 0; known != tt.known || known == (len(r.TransferEncoding) > 0) {
					t.Errorf("Content-Length %d, %v", r.ContentLength, r.TransferEncoding)
				}
				form, err := formOf(r)
				want := []string{"form-data; name=\"data\"; filename=\"part\"\ndata"}
				if err != nil || !reflect.DeepEqual(form, want) {
					t.Errorf("%q, %v", form, err)
				}
				io.WriteString(w, `{"id":"part_1","object":"upload.part","created_at":5,"upload_id":"upload_1"}`)
			})
			p, err := c.AddPart(context.Background(), "upload_1", tt.data)
			if want := (api.Part{ID: "part_1", Object: "upload.part", CreatedAt: 5, UploadID: "upload_1"}); err != nil || *p != want {
				t.Errorf("%v, %v", p, err)
			}
		})
	}
}

func TestCreateFile(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		form, err := formOf(r)
		want := []string{
			"form-data; name=\"purpose\"\nbatch",
			"form-data; name=\"expires_after[anchor]\"\ncreated_at",
			"form-data; name=\"expires_after[seconds]\"\n3600",
			"form-data; name=\"file\"; filename=\"你 %22\\%0D%0A%.txt\"\ndata",
		}
		if err != nil || !reflect.DeepEqual(form, want) || r.RequestURI != "/v1/files" {
			t.Errorf("%s: %q, %v", r.RequestURI, form, err)
		}
		io.WriteString(w, `{"id":"file-1","bytes":4}`)
	})
	describe := func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "你 \"\\\r\n%.txt", Purpose: "batch",
			ExpiresAfter: &api.ExpiresAfter{Anchor: "created_at", Seconds: 3600}}, nil
	}
	f, err := c.CreateFile(context.Background(), strings.NewReader("data"), describe)
	if err != nil || f.ID != "file-1" || f.Bytes != 4 {
		t.Errorf("%v, %v", f, err)
	}
	oops := errors.New("oops")
	refuse := func() (api.CreateFileRequest, error) { return api.CreateFileRequest{}, oops }
	if _, err := c.CreateFile(context.Background(), strings.NewReader("data"), refuse); err != oops {
		t.Error(err)
	}
}

// lying has fewer or more bytes than it says.
type lying struct {
	io.Reader
	len int
}

func (l lying) Len() int { return l.len }

// TestFailingData: the server never sees a form that is whole, and the caller
// sees the error of its own reader.
func TestFailingData(t *testing.T) {
	oops := errors.New("oops")
	failing := func() io.Reader { return io.MultiReader(strings.NewReader("some"), iotest.ErrReader(oops)) }
	for _, tt := range []struct {
		name string
		data io.Reader
		want error
	}{
		{"chunked", failing(), oops},
		{"chunked, at once", iotest.ErrReader(oops), oops},
		{"with length", lying{failing(), 100}, oops},
		{"at its announced end", lying{failing(), 4}, oops},
		{"an EOF that is none", iotest.ErrReader(io.ErrUnexpectedEOF), io.ErrUnexpectedEOF},
		{"shorter", lying{strings.NewReader("some"), 5}, errShorter},
		{"longer", lying{strings.NewReader("some"), 3}, errLonger},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan error, 1)
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				form, err := formOf(r)
				if err == nil {
					t.Errorf("the server got a whole form: %q", form)
				}
				seen <- err
				w.WriteHeader(400)
			})
			_, err := c.AddPart(context.Background(), "upload_1", tt.data)
			if err != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			select {
			case <-seen:
			case <-time.After(5 * time.Second):
				t.Error("the server was left waiting")
			}
		})
	}
}

// TestNothingIsRead: a server that refuses before it reads leaves data alone.
func TestNothingIsRead(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(404)
		io.WriteString(w, `{"error":{"message":"No such Upload object: x","type":"invalid_request_error","param":"id","code":null}}`)
	})
	data := strings.NewReader(strings.Repeat("x", 1<<20))
	_, err := c.AddPart(context.Background(), "x", data)
	if !errors.Is(err, api.ErrNotFound) || data.Len() != 1<<20 {
		t.Errorf("%v, %d bytes left", err, data.Len())
	}
}

func TestAnswerBeforeTheData(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"id":"part_1"}`) })
	if p, err := c.AddPart(context.Background(), "upload_1", strings.NewReader(strings.Repeat("x", 1<<20))); err == nil {
		t.Errorf("a part that was not sent: %v", p)
	}
}

// TestBlockedData: neither a cancelled context nor an early refusal waits for
// a reader that blocks.
func TestBlockedData(t *testing.T) {
	refuse := make(chan bool, 1)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		r.Body.Read(make([]byte, 1)) // 100 Continue
		if <-refuse {
			w.WriteHeader(507)
			return
		}
		io.Copy(io.Discard, r.Body)
	})
	for _, refused := range []bool{true, false} {
		refuse <- refused
		pr, pw := io.Pipe()
		defer pw.Close()
		want := error(api.ErrStorageFull)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if !refused {
			want = context.Canceled
			time.AfterFunc(100*time.Millisecond, cancel)
		}
		start := time.Now()
		_, err := c.AddPart(ctx, "upload_1", pr)
		if took := time.Since(start); !errors.Is(err, want) || took > 5*time.Second {
			t.Errorf("after %v: %v, want %v", took, err, want)
		}
	}
}

// TestDataIsGivenBack: after AddPart nobody else reads data, so that a caller
// may seek and send it again.
func TestDataIsGivenBack(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		r.Body.Read(make([]byte, 1))
		w.WriteHeader(503)
	})
	data := strings.NewReader(strings.Repeat("x", 16<<20))
	for range 20 {
		if _, err := c.AddPart(context.Background(), "upload_1", data); err == nil {
			t.Fatal("no error")
		}
		data.Seek(0, io.SeekStart) // the race detector is the check
	}
}

// zeros counts down what is left of it.
type zeros struct{ left int }

func (z *zeros) Read(p []byte) (int, error) {
	n := min(len(p), z.left)
	if n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	z.left -= n
	return n, nil
}

type knownZeros struct{ *zeros }

func (z knownZeros) Len() int { return z.left }

func TestPartIsNotBuffered(t *testing.T) {
	const size, most = 64 << 20, 8 << 20
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, `{"created_at":%d}`, n)
	})
	for _, data := range []io.Reader{&zeros{size}, knownZeros{&zeros{size}}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := c.AddPart(context.Background(), "upload_1", data)
		runtime.ReadMemStats(&after)
		if err != nil || p.CreatedAt < size {
			t.Fatalf("%v, %v", p, err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > most {
			t.Errorf("%T: %d bytes were allocated, by client and server", data, got)
		}
	}
}
