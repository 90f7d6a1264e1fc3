package server

import (
	"errors"
	"hash/crc32"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// BenchmarkSend tells what it costs the processor to send a file that is in the page
// cache over a connection, each block held against its checksum or not, and copied or
// handed to the kernel by sendfile. It is the reason why downloads are copied.
func BenchmarkSend(b *testing.B) {
	const size = 64 << 20
	path := filepath.Join(b.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		b.Fatal(err)
	}
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	buf := make([]byte, writeSize)
	copied := func(c *net.TCPConn, _ *os.File) error {
		_, err := c.Write(buf)
		return err
	}
	sendfile := func(c *net.TCPConn, f *os.File) error { // which ReadFrom calls
		_, err := c.ReadFrom(&io.LimitedReader{R: f, N: writeSize})
		return err
	}
	read := func(f *os.File, off int64) error {
		_, err := f.ReadAt(buf, off)
		return err
	}
	verify := func(f *os.File, off int64) error {
		err := read(f, off)
		crc32.Checksum(buf, castagnoli)
		return err
	}
	for _, way := range []struct {
		name    string
		prepare func(*os.File, int64) error
		send    func(*net.TCPConn, *os.File) error
	}{
		{"verified/copied", verify, copied},
		{"verified/sendfile", verify, sendfile},
		{"unverified/copied", read, copied},
		{"unverified/sendfile", func(*os.File, int64) error { return nil }, sendfile},
	} {
		b.Run(way.name, func(b *testing.B) {
			conn, end := sink(b)
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			b.SetBytes(size)
			began := spent(b)
			for b.Loop() {
				_, err := f.Seek(0, io.SeekStart)
				for off := int64(0); off < size; off += writeSize {
					err = errors.Join(err, way.prepare(f, off), way.send(conn, f))
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((spent(b)-began)/(float64(b.N)*size/(1<<30)), "cpu-s/GiB")
			conn.Close()
			end()
		})
	}
}

// sink is a connection to a process that reads everything, and how to wait for its end.
func sink(b *testing.B) (conn *net.TCPConn, end func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	far, err := accepted.(*net.TCPConn).File()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("cat")
	cmd.Stdin = far
	err = errors.Join(cmd.Start(), far.Close(), accepted.Close())
	if err != nil {
		b.Fatal(err)
	}
	return dialed.(*net.TCPConn), func() { cmd.Wait() }
}

// spent is the processor's seconds that this process has had.
func spent(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
