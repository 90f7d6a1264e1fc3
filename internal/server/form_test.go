package server

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"uploadd/api"
)

// bodies are forms of a field of n bytes: what is before it, and behind.
var bodies = []struct{ name, before, behind string }{
	{"the field alone", "", "\r\n--b--"},
	{"as clients end it", "", "\r\n--b--\r\n"},
	{"a field before it", "--b\r\nContent-Disposition: form-data; name=purpose\r\n\r\nbatch\r\n", "\r\n--b--\r\n"},
	{"a field behind it", "", "\r\n--b\r\nContent-Disposition: form-data; name=purpose\r\n\r\nbatch\r\n--b--\r\n"},
	{"an epilogue", "", "\r\n--b--\r\n" + strings.Repeat("x", 10_000)},
}

func formRequest(before, data, behind string) *http.Request {
	body := before + "--b\r\nContent-Disposition: form-data; name=file; filename=f\r\n\r\n" + data + behind
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	return r
}

// What a form says of its length holds after every read: no more comes, and no more is
// promised than stands behind the field.
func TestFormKnowsItsLength(t *testing.T) {
	for _, b := range bodies {
		for _, size := range []int{0, 1, 5_000, 300_000} {
			for _, step := range []int{1 << 10, 64 << 10} {
				data := strings.Repeat("d", size)
				f, err := newForm(formRequest(b.before, data, b.behind), "file")
				if err != nil {
					t.Fatal(err)
				}
				if n, known := f.AtMost(); known {
					t.Errorf("%s: %d bytes are promised before anything was read", b.name, n)
				}
				for read, buf := 0, make([]byte, step); ; {
					n, err := f.Read(buf)
					read += n
					most, known := f.AtMost()
					spare := most - int64(size-read)
					if !known || spare < 0 || spare > int64(len(b.behind)-len("\r\n--b--")) {
						t.Errorf("%s: after %d of %d bytes at most %d are to come (known: %v)", b.name, read, size, most, known)
					}
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatalf("%s: %v", b.name, err)
					}
				}
			}
		}
	}
}

func TestFormOfUnknownLength(t *testing.T) {
	r := formRequest("", strings.Repeat("d", 10_000), "\r\n--b--\r\n")
	r.ContentLength = -1
	f, err := newForm(r, "file")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(f, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if n, known := f.AtMost(); known {
		t.Errorf("%d bytes are promised of a body that did not announce any", n)
	}
	if _, err := io.Copy(io.Discard, f); err != nil {
		t.Error(err)
	}
}

// What follows the bytes is bounded, with all headers: a store may have been promised
// as much too much.
func TestMuchBehindTheField(t *testing.T) {
	header := "X: " + strings.Repeat("x", 15<<10) + "\r\n"
	var behind strings.Builder
	for i := range 5 {
		behind.WriteString("\r\n--b\r\nContent-Disposition: form-data; name=" + string(rune('a'+i)) + "\r\n" + header + "\r\n")
	}
	behind.WriteString("\r\n--b--\r\n")
	f, err := newForm(formRequest("", "data", behind.String()), "file")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, f); !errors.Is(err, api.ErrTooLarge) {
		t.Errorf("%d bytes behind the field: %v", behind.Len(), err)
	}
}
