package peers

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uploadd/test/bench/load"
)

// MinIO is the one built by scripts/bench-tools in the directory tools, with one drive.
func MinIO(tools string) Kind {
	return Kind{Name: "MinIO", Joins: true, Flushes: true, Start: func(t testing.TB, dir string) *Server {
		address := Free(t)
		return s3(t, run(t, "MinIO", dir, address, []string{"MINIO_ROOT_USER=" + accessKey, "MINIO_ROOT_PASSWORD=" + secretKey, "MINIO_BROWSER=off"},
			filepath.Join(tools, "minio"), "server", "--quiet", "--address", address, filepath.Join(dir, "drive")))
	}}
}

// Versitygw is that from tools, over a directory.
func Versitygw(tools string) Kind {
	return Kind{Name: "versitygw", Joins: true, Start: func(t testing.TB, dir string) *Server {
		address, data := Free(t), filepath.Join(dir, "files")
		if err := os.Mkdir(data, 0o700); err != nil {
			t.Fatal(err)
		}
		return s3(t, run(t, "versitygw", dir, address, []string{"ROOT_ACCESS_KEY=" + accessKey, "ROOT_SECRET_KEY=" + secretKey},
			filepath.Join(tools, "versitygw"), "--quiet", "--port", address, "posix", data))
	}}
}

// s3 makes a bucket in a server that speaks S3.
func s3(t testing.TB, s *Server) *Server {
	made := errors.New("never tried")
	for range 300 { // MinIO listens before it is ready
		if made = makeBucket(s.Address); made == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if made != nil {
		t.Fatalf("%s: %v", s.Name, made)
	}
	s.Object = func(parts int, size int64) Object {
		return &s3Object{host: s.Address, size: size, tags: make([]string, parts)}
	}
	s.Put = func(c *load.Conn, n int, d load.Data) error {
		_, err := c.Do(signed(s.Address, load.Request{Method: "PUT", Path: fmt.Sprintf("/bench/small-%d", n), Data: d}))
		return err
	}
	return s
}

func makeBucket(address string) error {
	c, err := load.Dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Do(signed(address, load.Request{Method: "PUT", Path: "/bench"}))
	return err
}

// s3Object is a multipart upload.
type s3Object struct {
	host string
	size int64
	id   string
	tags []string // by the parts' numbers
}

const s3Path = "/bench/object"

func (o *s3Object) Begin(c *load.Conn) error {
	a, err := c.Do(signed(o.host, load.Request{Method: "POST", Path: s3Path + "?uploads="}))
	if err != nil {
		return err
	}
	var answer struct{ UploadId string }
	err = xml.Unmarshal(a.Body, &answer)
	o.id = answer.UploadId
	return err
}

func (o *s3Object) Part(c *load.Conn, i int, d load.Data) error {
	a, err := c.Do(signed(o.host, load.Request{Method: "PUT", Path: fmt.Sprintf("%s?partNumber=%d&uploadId=%s", s3Path, i+1, url.QueryEscape(o.id)), Data: d}))
	if err != nil {
		return err
	}
	o.tags[i] = a.Header.Get("ETag")
	return nil
}

func (o *s3Object) End(c *load.Conn) error {
	var b strings.Builder
	b.WriteString("<CompleteMultipartUpload>")
	for i, tag := range o.tags {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, tag)
	}
	b.WriteString("</CompleteMultipartUpload>")
	a, err := c.Do(signed(o.host, load.Request{Method: "POST", Path: s3Path + "?uploadId=" + url.QueryEscape(o.id), Before: b.String()}))
	if err == nil && !strings.Contains(string(a.Body), "CompleteMultipartUploadResult") { // an error may come with status 200
		err = fmt.Errorf("the completion was answered with %.300s", a.Body)
	}
	return err
}

func (o *s3Object) ReadPart(c *load.Conn, i int, into *load.Held) error {
	_, err := c.Do(signed(o.host, load.Request{Method: "GET", Path: s3Path, Header: []string{span(int64(i)*o.size, o.size)}, Into: into}))
	return err
}
