package web

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"testing"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

var mebibytes = flag.Int("mib", 300, "the size of the file that is sent over a broken connection, in MiB")

// cutting is a proxy before a server that cuts connections in the middle of what a
// client sends, a number of times, and then no more.
type cutting struct {
	net.Listener
	server string
	left   atomic.Int64 // cuts
}

func cut(t *testing.T, server string, times int64) *cutting {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutting{Listener: l, server: server}
	c.left.Store(times)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed, at the end of the test
			}
			go c.pass(conn)
		}
	}()
	return c
}

func (c *cutting) pass(conn net.Conn) {
	defer conn.Close()
	to, err := net.Dial("tcp", c.server)
	if err != nil {
		return // the client sees a connection that is closed
	}
	defer to.Close()
	answers := make(chan struct{})
	go func() {
		defer close(answers)
		io.Copy(conn, to)
		conn.Close()
	}()
	n := 4<<20 + rand.Int64N(20<<20)
	if _, err := io.CopyN(to, conn, n); err == nil {
		if c.left.Add(-1) >= 0 {
			return // both ends see the connection break
		}
		io.Copy(to, conn)
	}
	to.Close()
	<-answers
}

// What the issue asks for: a large file over a cut connection, a reload in the middle,
// and what comes back is what was sent.
func TestResume(t *testing.T) {
	const name, cuts = "film of the year.mp4", 8
	data := uploadstest.Random(7, *mebibytes<<20)
	path := write(t, name, data)
	changed := bytes.Clone(data)
	changed[5] ^= 1 // in the first part
	changedPath := write(t, name, changed)

	dir := t.TempDir()
	key := makeKey(t, dir, "films")
	s := program.Start(t, program.Options{Data: dir})
	proxy := cut(t, s.URL[len("http://"):], cuts)
	walk(t, "resume.mjs", fmt.Sprintf("http://%s/", proxy.Addr()), "KEY="+key, "NAME="+name, "FILE="+path, "CHANGED="+changedPath)
	if left := proxy.left.Load(); left > 0 {
		t.Errorf("%d of %d cuts were not made: the connection was better than it should be", left, cuts)
	}

	c := uploadstest.Must(client.New(client.Config{BaseURL: s.URL + "/v1", Key: key}))(t)
	list := uploadstest.Must(c.ListFiles(t.Context(), api.ListQuery{}))(t)
	if len(list.Data) != 1 || list.Data[0].Filename != name {
		t.Fatalf("the server holds %+v", list.Data)
	}
	if !bytes.Equal(uploadstest.Read(t, c, list.Data[0].ID), data) {
		t.Error("the server holds other bytes than the file")
	}
	uploads := uploadstest.Must(c.ListUploads(t.Context(), api.ListQuery{}))(t)
	if len(uploads.Data) != 1 {
		t.Errorf("%d Uploads were made for one file", len(uploads.Data))
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	program.Check(t, dir)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
