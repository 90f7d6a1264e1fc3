package formdata

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// part is a field as it was read.
type part struct{ Name, Filename, Data string }

// read reads a form with a buffer of size bytes.
func read(body io.Reader, boundary string, size int) (parts []part, err error) {
	r := NewReader(body, boundary)
	buf := make([]byte, size)
	for {
		f, err := r.Next()
		if err == io.EOF {
			return parts, nil
		}
		if err != nil {
			return parts, err
		}
		var data bytes.Buffer
		for {
			n, err := f.Read(buf)
			data.Write(buf[:n])
			if err == io.EOF {
				break
			}
			if err != nil {
				return parts, err
			}
		}
		parts = append(parts, part{f.Name, f.Filename, data.String()})
	}
}

// crlf writes a form as it is on the wire.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func field(disposition, data string) string {
	return crlf("--b\nContent-Disposition: form-data; "+disposition+"\n\n") + data + "\r\n"
}

const end = "--b--\r\n"

// forms are read to their end. The framings of the SDKs are in the server's wire
// scripts; these are the corners.
var forms = []struct {
	name, body string
	want       []part
}{
	{"nothing but the end", end, nil},
	{"no line after the end", field(`name="a"`, "1") + "--b--", []part{{"a", "", "1"}}},
	{"an epilogue", field(`name="a"`, "1") + end + "\r\nepilogue\r\n--b\r\n", []part{{"a", "", "1"}}},
	{"a preamble", "preamble\r\n--bc\r\n-- b\r\n" + field(`name="a"`, "1") + end, []part{{"a", "", "1"}}},
	{"padding", crlf("--b \t \nContent-Disposition: form-data; name=a\n\n1\n--b--\t \n"), []part{{"a", "", "1"}}},
	{"no quotes", field(`name=a; filename=x.txt`, "1") + end, []part{{"a", "x.txt", "1"}}},
	{"escaped quotes", field(`name="a\"b"; filename="c%22d"`, "1") + end, []part{{`a"b`, `c"d`, "1"}}},
	{"both forms of a name", field(`name=a; filename="=?utf-8?B?eA==?="; filename*=utf-8''%E4%BD%A0`, "1") + end, []part{{"a", "你", "1"}}},
	{"a name that looks escaped when decoded", field(`name=a; filename*=utf-8''a%2522`, "1") + end, []part{{"a", "a%22", "1"}}},
	{"what looks like the other form of a name", field(`name=a; filename="b%22; filename*=utf-8''c"`, "1") + end,
		[]part{{"a", `b"; filename*=utf-8''c`, "1"}}},
	{"a path", field(`name="a"; filename="C:\\x\\..\\y.txt"`, "1") + field(`name="b"; filename="../../z"`, "2") + end,
		[]part{{"a", "y.txt", "1"}, {"b", "z", "2"}}},
	{"no bytes", field(`name="a"`, "") + end, []part{{"a", "", ""}}},
	{"no bytes and no line for them", crlf("--b\nContent-Disposition: form-data; name=a\n\n--b--\n"), []part{{"a", "", ""}}},
	{"two without bytes", crlf("--b\nContent-Disposition: form-data; name=a\n\n--b\nContent-Disposition: form-data; name=c\n\n--b--\n"),
		[]part{{"a", "", ""}, {"c", "", ""}}},
	{"line breaks at the ends", field(`name="a"`, "\r\n1\r\n") + field(`name="c"`, "\r") + field(`name="d"`, "\n\r\n\r") + end,
		[]part{{"a", "", "\r\n1\r\n"}, {"c", "", "\r"}, {"d", "", "\n\r\n\r"}}},
	{"almost boundaries", field(`name="a"`, "\r\n--bb\r\n--b-\r\n--b-x\r\n-b\r\n--\r\n--c\n--b\r--b--") + end,
		[]part{{"a", "", "\r\n--bb\r\n--b-\r\n--b-x\r\n-b\r\n--\r\n--c\n--b\r--b--"}}},
	{"a boundary's word at the start", field(`name="a"`, "--bx") + end, []part{{"a", "", "--bx"}}},
	{"an encoding that is not decoded", crlf("--b\nContent-Disposition: form-data; name=a\nContent-Transfer-Encoding: quoted-printable\n\na=3Db=\n\n") + end,
		[]part{{"a", "", "a=3Db=\r\n"}}},
	{"every byte", field(`name="a"`, everyByte()) + end, []part{{"a", "", everyByte()}}},
}

func everyByte() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

var sizes = []int{1, 2, 3, 7, 64, 1100, 4096, 256 << 10}

func TestForms(t *testing.T) {
	for _, tt := range forms {
		check := func(how string, body io.Reader, size int) {
			t.Helper()
			got, err := read(body, "b", size)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%s, %s, buffer %d: %v (-want +got):\n%s", tt.name, how, size, err, diff)
			}
		}
		for _, size := range sizes {
			check("whole", strings.NewReader(tt.body), size)
			check("byte by byte", iotest.OneByteReader(strings.NewReader(tt.body)), size)
			check("end with data", iotest.DataErrReader(strings.NewReader(tt.body)), size)
			for cut := range len(tt.body) {
				check(fmt.Sprint("cut at ", cut), io.MultiReader(strings.NewReader(tt.body[:cut]), strings.NewReader(tt.body[cut:])), size)
			}
		}
	}
}

// A form that is cut off anywhere before its closing boundary is never whole.
func TestTruncated(t *testing.T) {
	for _, tt := range forms {
		last := strings.LastIndex(tt.body, "--b--") + len("--b--")
		if i := strings.Index(tt.body, "\r\nepilogue"); i > 0 {
			last = i - 2
		}
		for cut := range last {
			for _, size := range sizes {
				parts, err := read(strings.NewReader(tt.body[:cut]), "b", size)
				if !errors.Is(err, ErrMalformed) {
					t.Fatalf("%s, cut at %d, buffer %d: read %+v, error %v", tt.name, cut, size, parts, err)
				}
			}
			cause := errors.New("connection reset")
			if _, err := read(io.MultiReader(strings.NewReader(tt.body[:cut]), iotest.ErrReader(cause)), "b", 64); !errors.Is(err, cause) {
				t.Fatalf("%s, cut at %d: error %v", tt.name, cut, err)
			}
		}
	}
}

// Read in large pieces, a field that the body ends in is no less cut off.
func TestTruncatedLarge(t *testing.T) {
	head := "--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n"
	for _, n := range []int{1, 5_000, 100_000} {
		r := NewReader(strings.NewReader(head+strings.Repeat("x", n)), "b")
		f, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		for buf := make([]byte, 64<<10); err == nil; {
			_, err = f.Read(buf)
		}
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestRefused(t *testing.T) {
	big := strings.Repeat("x", maxAround+1)
	for _, tt := range []struct {
		name, body string
		want       error
	}{
		{"nothing", "", ErrMalformed},
		{"another boundary", "--c--\r\n", ErrMalformed},
		{"line feeds alone", "--b\nContent-Disposition: form-data; name=a\n\n1\n--b--\n", ErrMalformed},
		{"a line feed alone after a boundary", "--b\n", ErrMalformed},
		{"words after a boundary", "--b x\r\n", ErrMalformed},
		{"words after the end", "--b--x\r\n", ErrMalformed},
		{"no headers", "--b\r\n\r\n1\r\n--b--\r\n", ErrMalformed},
		{"no disposition", "--b\r\nX: y\r\n\r\n1\r\n--b--\r\n", ErrMalformed},
		{"two dispositions", "--b\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n1\r\n--b--\r\n", ErrMalformed},
		{"an attachment", "--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--b--\r\n", ErrMalformed},
		{"no name", "--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n", ErrMalformed},
		{"no colon", "--b\r\nContent-Disposition\r\n\r\n1\r\n--b--\r\n", ErrMalformed},
		{"a line feed in the headers", "--b\r\nContent-Disposition: form-data; name=a\nX: y\r\n\r\n1\r\n--b--\r\n", ErrMalformed},
		{"a large preamble", big + "\r\n" + end, ErrTooLarge},
		{"a large epilogue", end + big, ErrTooLarge},
		{"large headers", "--b\r\nX: " + big + "\r\n\r\n", ErrTooLarge},
		{"large headers without end", "--b\r\nX: " + big + big, ErrTooLarge},
		{"many headers", "--b\r\n" + strings.Repeat("X: y\r\n", maxHeaders+1) + "\r\n", ErrTooLarge},
		{"much padding", "--b" + strings.Repeat(" ", maxPadding+1) + "\r\n", ErrTooLarge},
	} {
		for _, body := range []io.Reader{strings.NewReader(tt.body), iotest.OneByteReader(strings.NewReader(tt.body))} {
			r := NewReader(body, "b")
			var err, again error
			for err == nil {
				_, err = r.Next()
			}
			if _, again = r.Next(); !errors.Is(err, tt.want) || again != err {
				t.Errorf("%s: error %v, and then %v; want %v", tt.name, err, again, tt.want)
			}
		}
	}
	if _, err := NewReader(empty{}, "b").Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a body that gives nothing: %v", err)
	}
}

// empty gives nothing, and no error.
type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, nil }

func TestBoundary(t *testing.T) {
	long := strings.Repeat("a", 70)
	for contentType, want := range map[string]string{
		"multipart/form-data; boundary=b":                      "b",
		"Multipart/Form-Data; charset=utf-8; boundary=\"b c\"": "b c",
		`multipart/form-data; boundary="'()+_,-./:=?"`:         "'()+_,-./:=?",
		"multipart/form-data; boundary=" + long:                long,
		"":                                                     "",
		"multipart/form-data":                                  "",
		"multipart/form-data; boundary=":                       "",
		"multipart/form-data; boundary=\"\"":                   "",
		"multipart/mixed; boundary=b":                          "",
		"application/json":                                     "",
		"multipart/form-data; boundary=" + long + "a":          "",
		"multipart/form-data; boundary=\"b \"":                 "",
		"multipart/form-data; boundary=\"b\r\n\"":              "",
		"multipart/form-data; boundary=\"b\\\"c\"":             "",
		"multipart/form-data; boundary=ü":                      "",
		"multipart/form-data; boundary=b; boundary=c":          "",
	} {
		if got, err := Boundary(contentType); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: boundary %q, error %v; want %q", contentType, got, err, want)
		}
	}
}

// A large field is read in pieces as large as the buffer, whatever is in it.
func TestLargeReads(t *testing.T) {
	data := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	r := NewReader(io.MultiReader(strings.NewReader("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n"),
		bytes.NewReader(data), strings.NewReader("\r\n"+end)), "b")
	f, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	reads := 0
	buf := make([]byte, 256<<10)
	for {
		n, err := f.Read(buf)
		got.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if reads++; err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got.Bytes(), data) {
		t.Error("the bytes read are not those sent")
	}
	if want := len(data)/len(buf) + 4; reads > want {
		t.Errorf("%d reads, want at most %d", reads, want)
	}
	if cap(r.buf) > 8<<10 {
		t.Errorf("the reader holds %d bytes", cap(r.buf))
	}
}

func BenchmarkRead(b *testing.B) {
	data := make([]byte, 64<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	const boundary = "------------------------4df4152ee0b8999d"
	head := []byte("--" + boundary + "\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n")
	tail := []byte("\r\n--" + boundary + "--\r\n")
	body := func() io.Reader {
		return io.MultiReader(bytes.NewReader(head), bytes.NewReader(data), bytes.NewReader(tail))
	}
	buf := make([]byte, 256<<10)
	drain := func(b *testing.B, r io.Reader) {
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, buf); err != nil || n != int64(len(data)) {
			b.Fatal(n, err)
		}
	}
	b.Run("formdata", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			f, err := NewReader(body(), boundary).Next()
			if err != nil {
				b.Fatal(err)
			}
			drain(b, f)
		}
	})
	b.Run("mime-multipart", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			p, err := multipart.NewReader(body(), boundary).NextRawPart()
			if err != nil {
				b.Fatal(err)
			}
			drain(b, p)
		}
	})
}
