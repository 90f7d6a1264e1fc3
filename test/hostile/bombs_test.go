package hostile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// bomb is a request that costs its sender little, and would cost a careless
// server much.
type bomb struct {
	name, head string // the head is without Host and Authorization
	body       func(w *bufio.Writer)
	want       int
}

const (
	form      = "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n"
	postFile  = "POST /v1/files HTTP/1.1\r\n" + form
	fieldHead = "--b\r\nContent-Disposition: form-data; name="
	dataHead  = fieldHead + "data\r\n"
)

func repeat(text string, n int) func(*bufio.Writer) { return around("", text, n, "") }

// around is a body of n times text, between two others.
func around(before, text string, n int, after string) func(*bufio.Writer) {
	return func(w *bufio.Writer) {
		w.WriteString(before)
		for range n {
			if _, err := w.WriteString(text); err != nil {
				return // answered already
			}
		}
		w.WriteString(after)
	}
}

// bombs are sent to an Upload and a File of 1 MiB.
func bombs(t *testing.T, upload, file string) []bomb {
	part := "POST /v1/uploads/" + upload + "/parts HTTP/1.1\r\n" + form
	create := "POST /v1/uploads HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
	complete := "POST /v1/uploads/" + upload + "/complete HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
	content := "GET /v1/files/" + file + "/content HTTP/1.1\r\n"
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	uploadstest.Must(z.Write(make([]byte, 64<<20)))(t)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	numbered := func(value string) func(*bufio.Writer) {
		return func(w *bufio.Writer) {
			for n := range 1_000_000 {
				if _, err := fmt.Fprintf(w, "%s%d\r\n\r\n%s\r\n", fieldHead, n, value); err != nil {
					return
				}
			}
		}
	}
	return []bomb{
		{"a million fields", part, numbered("x"), 413},
		{"a million fields without a value", part, numbered(""), 413},
		{"a million fields of one name", part, repeat(fieldHead+"x\r\n\r\n\r\n", 1_000_000), 400},
		{"names of 15 KB", part, around("", fieldHead+strings.Repeat("n", 15<<10)+"\r\n\r\n\r\n", 1000, ""), 413},
		{"a hundred thousand headers", part, around(dataHead, "X: y\r\n", 100_000, "\r\n"), 413},
		{"a header of 11 MB", part, around(dataHead+"X: ", strings.Repeat("x", 1<<10), 11<<10, "\r\n\r\n"), 413},
		{"a file name of 64 KB", part, around(fieldHead+"data; filename=", strings.Repeat("x", 1<<10), 64, "\r\n\r\n"), 413},
		{"a preamble of 1 GB", part, repeat(strings.Repeat("x", 1<<10)+"\r\n", 1<<20), 413},
		{"a preamble of 1 GB in one line", part, repeat(strings.Repeat("x", 1<<10), 1<<20), 413},
		{"a preamble of boundaries, almost", part, repeat("\r\n--", 1<<28), 413},
		{"an epilogue of 1 GB", part, around(dataHead+"\r\nx\r\n--b--\r\n", strings.Repeat("x", 1<<10), 1<<20, ""), 413},
		{"blanks after a boundary", part, around("--b", " ", 1<<20, ""), 413},
		{"boundaries, almost", part, around(dataHead+"\r\n", "\r\n--b-", 40<<20, ""), 413},
		{"a part without an end", part, around(dataHead+"\r\n", strings.Repeat("x", 1<<10), 1<<10, ""), 400},
		{"a part larger than it may be", part, around(dataHead+"\r\n", strings.Repeat("x", 1<<10), 100<<10, ""), 413},
		{"a small field of 1 GB", part, around(fieldHead+"x\r\n\r\n", strings.Repeat("x", 1<<10), 1<<20, ""), 413},
		{"a file without its purpose", postFile, around(fieldHead+"file\r\n\r\n", "x", 1<<20, "\r\n--b--\r\n"), 400},
		{"a bomb of gzip", part + "Content-Encoding: gzip\r\n", repeat(zipped.String(), 1), 415},
		{"JSON of 10 MB", create, around(`{"filename":"`, "x", 10<<20, `"}`), 413},
		{"JSON of depth 60,000", create, around(`{"filename":`, "[", 60_000, ""), 400},
		{"JSON of depth 100,000", complete, around(`{"part_ids":`, "[", 100_000, ""), 400},
		{"JSON of depth 100,000, of objects", complete, around(``, `{"a":`, 100_000, ""), 400},
		{"keys by the thousand", create, func(w *bufio.Writer) {
			w.WriteByte('{')
			for n := range 5000 {
				fmt.Fprintf(w, `"%d":0,`, n)
			}
			w.WriteString(`"x":0}`)
		}, 400},
		{"a number of 60 KB", create, around(`{"bytes":`, "9", 60_000, "}"), 400},
		{"a hundred thousand ids", complete, around(`{"part_ids":["x"`, `,"x"`, 100_000, `]}`), 400},
		{"ids of 10 MB", complete, around(`{"part_ids":["`, "x", 10<<20, `"]}`), 413},
		{"white space of 10 MB", complete, repeat(" ", 10<<20), 413},
		{"a cancellation with 1 GB", "POST /v1/uploads/upload_0/cancel HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", repeat(strings.Repeat("x", 1<<10), 1<<20), 404},
		{"chunks of a byte", create, nil, 413}, // see below
		{"ten thousand ranges", content + "Range: bytes=0-0" + strings.Repeat(",1-1", 7000) + "\r\n", nil, 200},
		{"ranges over each other", content + "Range: bytes=0-" + strings.Repeat(",0-", 9000) + "\r\n", nil, 200},
		{"a long range", content + "Range: bytes=" + strings.Repeat("0", 30_000) + "-1\r\n", nil, 206},
		{"a range of 1 MB", content + "Range: bytes=" + strings.Repeat("9", 1<<20) + "-\r\n", nil, 431},
		{"ten thousand etags", content + "If-None-Match: " + strings.Repeat(`"x",`, 8000) + "\r\n", nil, 200},
		{"ten thousand digests", part + "Content-Digest: " + strings.Repeat("x=:eA==:,", 3500) + "\r\n", repeat(dataHead+"\r\nx\r\n--b--\r\n", 1), 200},
		{"digests by the thousand", part + "Content-Digest: " + strings.Repeat("crc32c=:AAAAAA==:,", 1700) + "\r\n", repeat(dataHead+"\r\nx\r\n--b--\r\n", 1), 400},
		{"a query of 30 KB", "GET /v1/files?" + strings.Repeat("a&", 15_000) + " HTTP/1.1\r\n", nil, 400},
		{"a limit of 30 KB", "GET /v1/files?limit=" + strings.Repeat("9", 30_000) + " HTTP/1.1\r\n", nil, 400},
		{"an after of 30 KB", "GET /v1/files?after=" + strings.Repeat("a", 30_000) + " HTTP/1.1\r\n", nil, 400},
		{"a Content-Type of 30 KB", "POST /v1/files HTTP/1.1\r\nContent-Type: multipart/form-data" + strings.Repeat("; a=b", 6000) + "\r\n", nil, 400},
	}
}

// Whatever is sent, it is answered, and what the server holds does not grow.
func TestBombs(t *testing.T) {
	t.Parallel()
	s := program.Start(t, program.Options{})
	address := strings.TrimPrefix(s.URL, "http://")
	upload := uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 1 << 30, MimeType: "a/b"}))(t)
	file := uploadstest.Must(s.CreateFile(t.Context(), bytes.NewReader(make([]byte, 1<<20)), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "f", Purpose: "user_data"}, nil
	}))(t)
	for _, b := range bombs(t, upload.ID, file.ID) {
		_, before, _ := memory(t, s.PID)
		status, got, e := explode(t, address, b)
		if status != b.want || status >= 400 && (e == nil || e.Message == "" || len(e.Message) > 1000) {
			t.Errorf("%s: status %d, want %d; error %+v", b.name, status, b.want, e)
		}
		if got > 1<<20+1<<10 {
			t.Errorf("%s: an answer of %d bytes", b.name, got)
		}
		if _, most, _ := memory(t, s.PID); most > max(before, 64<<20)+16<<20 {
			t.Errorf("%s: what the server holds grew from %d to %d MiB", b.name, before>>20, most>>20)
		}
	}
	if l := uploadstest.Must(s.ListFiles(t.Context(), api.ListQuery{}))(t); len(l.Data) != 1 {
		t.Errorf("files: %+v", l.Data)
	}
	program.Check(t, s.Data)
}

// explode sends a bomb, in chunks of as much as fits or of a byte, until there is
// an answer.
func explode(t *testing.T, address string, b bomb) (status int, size int64, e *api.Error) {
	t.Helper()
	conn := uploadstest.Must(net.Dial("tcp", address))(t)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	go func() {
		fmt.Fprintf(conn, "%sHost: localhost\r\nConnection: close\r\nAuthorization: Bearer k\r\n\r\n", b.head)
		switch {
		case b.name == "chunks of a byte":
			io.WriteString(conn, strings.Repeat("1\r\n{\r\n", 300<<10))
		case b.body != nil:
			w := bufio.NewWriterSize(chunks{conn}, 64<<10)
			b.body(w)
			if w.Flush() == nil {
				io.WriteString(conn, "0\r\n\r\n")
			}
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("%s: no answer: %v", b.name, err)
		return 0, 0, nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s: the answer breaks off: %v", b.name, err)
	}
	var envelope struct{ Error *api.Error }
	if resp.StatusCode >= 400 {
		if err := json.Unmarshal(body, &envelope); err != nil {
			t.Errorf("%s: the answer is %.200q", b.name, body)
		}
	}
	return resp.StatusCode, int64(len(body)), envelope.Error
}

// chunks writes chunks of a chunked body.
type chunks struct{ io.Writer }

func (c chunks) Write(p []byte) (int, error) {
	if _, err := fmt.Fprintf(c.Writer, "%x\r\n", len(p)); err != nil {
		return 0, err
	}
	if _, err := c.Writer.Write(p); err != nil {
		return 0, err
	}
	_, err := io.WriteString(c.Writer, "\r\n")
	return len(p), err
}
