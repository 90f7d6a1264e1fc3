package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"uploadd/test/bench/load"
	"uploadd/test/program"
)

// Uploadd is ours. Its parts are forms, checksummed and flushed.
func Uploadd(flags ...string) Kind {
	return Kind{Name: "uploadd", Joins: true, Flushes: true, Start: func(t testing.TB, dir string) *Server {
		return OfProgram(program.Start(t, program.Options{Data: dir, Flags: flags}))
	}}
}

// OfProgram is an uploadd that runs already.
func OfProgram(p *program.Server) *Server {
	return &Server{Name: "uploadd", Address: strings.TrimPrefix(p.URL, "http://"), PID: p.PID, Stop: p.Kill,
		Object: func(parts int, size int64) Object { return NewUpload(parts, size) },
		Put: func(c *load.Conn, n int, d load.Data) error {
			_, err := c.Do(form("/v1/files", "file", d, fieldPurpose))
			return err
		},
	}
}

const (
	formType     = "Content-Type: multipart/form-data; boundary=--------uploadd"
	fieldPurpose = "----------uploadd\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n"
)

// form is a request with a multipart form, as the SDKs send it: fields, and the bytes.
func form(path, field string, d load.Data, fields string) load.Request {
	return load.Request{
		Method: "POST", Path: path, Header: []string{formType},
		Before: fields + "----------uploadd\r\nContent-Disposition: form-data; name=\"" + field + "\"; filename=\"blob\"\r\n" +
			"Content-Type: application/octet-stream\r\n\r\n",
		Data: d, After: "\r\n----------uploadd--\r\n",
	}
}

// Upload is an Upload of uploadd's.
type Upload struct {
	Bytes int64
	Size  int64    // of a part
	Parts []string // ids, by the parts' numbers
	MD5   string   // given at the end; "" for none
	// Pause, if not nil, is called in the middle of each part.
	Pause func()

	ID, File string // once they are known
}

// NewUpload is an Upload of parts of size bytes each.
func NewUpload(parts int, size int64) *Upload {
	return &Upload{Bytes: int64(parts) * size, Size: size, Parts: make([]string, parts)}
}

const jsonType = "Content-Type: application/json"

// Begin creates the Upload.
func (u *Upload) Begin(c *load.Conn) error {
	a, err := c.Do(load.Request{Method: "POST", Path: "/v1/uploads", Header: []string{jsonType}, Before: fmt.Sprintf(
		`{"filename":"f","purpose":"user_data","bytes":%d,"mime_type":"text/plain"}`, u.Bytes)})
	if err != nil {
		return err
	}
	u.ID, err = id(a.Body)
	return err
}

// Part adds a Part.
func (u *Upload) Part(c *load.Conn, i int, d load.Data) error {
	r := form("/v1/uploads/"+u.ID+"/parts", "data", d, "")
	r.Pause = u.Pause
	a, err := c.Do(r)
	if err != nil {
		return err
	}
	u.Parts[i], err = id(a.Body)
	return err
}

// End completes the Upload.
func (u *Upload) End(c *load.Conn) error {
	body, err := json.Marshal(map[string]any{"part_ids": u.Parts, "md5": u.MD5})
	if err != nil {
		return err
	}
	a, err := c.Do(load.Request{Method: "POST", Path: "/v1/uploads/" + u.ID + "/complete", Header: []string{jsonType}, Before: string(body)})
	if err != nil {
		return err
	}
	var done struct {
		File struct {
			ID    string
			Bytes int64
		}
	}
	if err := json.Unmarshal(a.Body, &done); err != nil {
		return err
	}
	if done.File.Bytes != u.Bytes {
		return fmt.Errorf("the file has %d bytes and not %d", done.File.Bytes, u.Bytes)
	}
	u.File = done.File.ID
	return nil
}

// ReadPart reads a range of the File.
func (u *Upload) ReadPart(c *load.Conn, i int, into *load.Held) error {
	_, err := c.Do(u.Content(into, span(int64(i)*u.Size, u.Size)))
	return err
}

// Content is the request for the File's bytes.
func (u *Upload) Content(into io.Writer, header ...string) load.Request {
	return load.Request{Method: "GET", Path: "/v1/files/" + u.File + "/content", Header: header, Into: into}
}

func id(body []byte) (string, error) {
	var answer struct{ ID string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", err
	}
	if answer.ID == "" {
		return "", errors.New("an answer without an id")
	}
	return answer.ID, nil
}
