package conform

import (
	"io"
	"strings"
)

// form is a body of multipart/form-data, written out byte by byte: how a client frames
// it is what is asked about.
type form struct {
	boundary string
	quoted   bool // the boundary, in the Content-Type
	chunked  bool // is sent without a length
	fields   []field
	tail     string // behind the closing boundary
	retry    string // x-stainless-retry-count
	expect   bool   // asks whether it may send, and waits
}

// field is one of a form: its headers as they are sent, without the line that ends them.
type field struct {
	name    string // to be found by; it is in the headers, too
	headers string
	value   string
}

const plainBoundary = "uploadd-conform-7d1f0c6a2b9e4835"

// text is a field of text as most clients send it.
func text(name, value string) field {
	return field{name, `Content-Disposition: form-data; name="` + name + `"`, value}
}

// binary is a field of bytes as most clients send it.
func binary(name, filename, value string) field {
	return field{name, `Content-Disposition: form-data; name="` + name + `"; filename="` + filename + `"` +
		"\r\nContent-Type: application/octet-stream", value}
}

// dataForm adds a Part.
func dataForm(data string) *form { return &form{fields: []field{binary("data", "upload", data)}} }

// fileForm makes a File that lives for an hour.
func (p *probe) fileForm(purpose, content string) *form {
	return p.namedForm(p.name(".jsonl"), purpose, content)
}

func (p *probe) namedForm(name, purpose, content string) *form {
	return &form{fields: []field{
		text("purpose", purpose), text("expires_after[anchor]", "created_at"), text("expires_after[seconds]", "3600"),
		binary("file", name, content),
	}}
}

// without is the form without some fields.
func (f *form) without(names ...string) *form {
	out := *f
	out.fields = nil
	for _, field := range f.fields {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+field.name+" ") {
			out.fields = append(out.fields, field)
		}
	}
	return &out
}

func (f *form) request(path string) *request {
	boundary, announced := f.boundary, f.boundary
	if boundary == "" {
		boundary, announced = plainBoundary, plainBoundary
	}
	if f.quoted {
		announced = `"` + announced + `"`
	}
	var b strings.Builder
	for _, field := range f.fields {
		b.WriteString("--" + boundary + "\r\n" + field.headers + "\r\n\r\n" + field.value + "\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n" + f.tail)
	r := (&request{method: "POST", path: path}).withBody([]byte(b.String())).with("Content-Type", "multipart/form-data; boundary="+announced)
	if f.chunked {
		r.size = -1
	}
	if f.retry != "" {
		r.with("X-Stainless-Retry-Count", f.retry)
	}
	if f.expect {
		r.with("Expect", "100-continue")
	}
	return r
}

// largeForm adds a Part of n bytes, which are made as they are sent.
func largeForm(path string, n int64) *request {
	head := "--" + plainBoundary + "\r\n" + binary("data", "upload", "").headers + "\r\n\r\n"
	tail := "\r\n--" + plainBoundary + "--\r\n"
	r := (&request{method: "POST", path: path}).with("Content-Type", "multipart/form-data; boundary="+plainBoundary)
	r.open = func() io.Reader { return io.MultiReader(strings.NewReader(head), zeros(n), strings.NewReader(tail)) }
	r.size = int64(len(head)) + n + int64(len(tail))
	return r
}
