package peers

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"uploadd/test/bench/load"
)

// Tusd is that from the directory tools. Its parts in parallel are partial uploads,
// which it copies into one at the end.
func Tusd(tools string) Kind {
	return Kind{Name: "tusd", Joins: true, Start: func(t testing.TB, dir string) *Server {
		address := Free(t)
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		s := run(t, "tusd", dir, address, nil, filepath.Join(tools, "tusd"),
			"-host", host, "-port", port, "-upload-dir", filepath.Join(dir, "files"), "-verbose=false")
		s.Object = func(parts int, size int64) Object { return &tusObject{parts: make([]string, parts)} }
		return s
	}}
}

type tusObject struct{ parts []string } // paths of the partial uploads

const tusVersion = "Tus-Resumable: 1.0.0"

func (o *tusObject) Begin(*load.Conn) error { return nil }

func (o *tusObject) Part(c *load.Conn, i int, d load.Data) error {
	a, err := c.Do(load.Request{Method: "POST", Path: "/files/", Header: []string{tusVersion, "Upload-Concat: partial", fmt.Sprintf("Upload-Length: %d", d.Size)}})
	if err != nil {
		return err
	}
	at, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		return err
	}
	o.parts[i] = at.Path
	_, err = c.Do(load.Request{Method: "PATCH", Path: at.Path, Header: []string{tusVersion, "Upload-Offset: 0", "Content-Type: application/offset+octet-stream"}, Data: d})
	return err
}

func (o *tusObject) End(c *load.Conn) error {
	a, err := c.Do(load.Request{Method: "POST", Path: "/files/", Header: []string{tusVersion, "Upload-Concat: final;" + strings.Join(o.parts, " ")}})
	if err == nil && a.Header.Get("Location") == "" {
		err = errors.New("tusd does not tell where it put the whole")
	}
	return err
}

func (o *tusObject) ReadPart(c *load.Conn, i int, into *load.Held) error {
	_, err := c.Do(load.Request{Method: "GET", Path: o.parts[i], Header: []string{tusVersion}, Into: into})
	return err
}
