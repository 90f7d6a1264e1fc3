package web

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

var mebibytes = flag.Int64("mib", 300, "the size of the file that is sent over a broken connection, in MiB")

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

// write makes a file of so many random bytes, the same each time, and returns its path.
func write(t *testing.T, name string, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f := uploadstest.Must(os.Create(path))(t)
	defer f.Close()
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{7}), size); err != nil {
		t.Fatal(err)
	}
	return path
}

// sumOf reads r to its end and closes it.
func sumOf(t *testing.T, r io.ReadCloser) [sha256.Size]byte {
	t.Helper()
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Error(err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// A large file over a cut connection, a reload in the middle, and what comes back is
// what was sent.
func TestResume(t *testing.T) {
	t.Parallel()
	const name, cuts = "film of the year.mp4", 8
	path, changed := write(t, name, *mebibytes<<20), write(t, name, *mebibytes<<20)
	f := uploadstest.Must(os.OpenFile(changed, os.O_WRONLY, 0))(t)
	_, err := f.WriteAt([]byte("cut!"), 5) // in the first part
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key := makeKey(t, dir, "films")
	s := program.Start(t, program.Options{Data: dir})
	proxy := cut(t, s.URL[len("http://"):], cuts)
	walk(t, "resume.mjs", fmt.Sprintf("http://%s/", proxy.Addr()), "KEY="+key, "NAME="+name, "FILE="+path, "CHANGED="+changed,
		fmt.Sprintf("PATIENCE=%d", 60_000+200**mebibytes)) // 5 MiB a second are the least to be expected
	if left := proxy.left.Load(); left > 0 {
		t.Errorf("%d of %d cuts were not made: the connection was better than it should be", left, cuts)
	}

	c := uploadstest.Must(client.New(client.Config{BaseURL: s.URL + "/v1", Key: key}))(t)
	list := uploadstest.Must(c.ListFiles(t.Context(), api.ListQuery{}))(t)
	if len(list.Data) != 1 || list.Data[0].Filename != name {
		t.Fatalf("the server holds %+v", list.Data)
	}
	stored := sumOf(t, uploadstest.Must(c.OpenFile(t.Context(), list.Data[0].ID))(t))
	if stored != sumOf(t, uploadstest.Must(os.Open(path))(t)) {
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
}
