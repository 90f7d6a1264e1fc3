package docs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/uploads/uploadstest"
)

var mib = flag.Int64("mib", 200, "how large the File is that goes through each proxy, in MiB; 512 at most")

// proxy is one that a page has put in front of a server, as files.example.com.
type proxy struct {
	program string
	spool   string // where it would keep bodies; "" for nowhere but in its memory
	memory  int64  // what its processes may come to, in bytes, besides what they begin with
	// buffering makes it keep bodies: a command, "" if it is not tried.
	buffering string
}

// The proxies, by their pages.
var proxies = map[string]proxy{
	"nginx.md": {program: "nginx", spool: "/var/lib/nginx/", memory: 32 << 20,
		buffering: "sed -i 's/proxy_request_buffering off/proxy_request_buffering on/' /etc/nginx/conf.d/uploadd.conf && nginx -s reload"},
	"caddy.md":   {program: "caddy", memory: 100 << 20},
	"haproxy.md": {program: "haproxy", memory: 100 << 20},
}

// prove sends a File through the proxy that the page has started, and holds half of it
// back until the server has stored something: then nothing waits for the end of a body.
// It reads it back, whole and a range. Nothing may stay with the proxy.
func (p proxy) prove(t *testing.T, root string) {
	t.Helper()
	dir := filepath.Join(root, pageDir)
	blobs := filepath.Join(dir, "uploadd-data", "blobs")
	key := strings.TrimSpace(string(uploadstest.Must(os.ReadFile(filepath.Join(dir, "key")))(t)))
	c := through(t, root, key)

	before, size := bytesIn(t, blobs), *mib<<20
	f, err := send(t, c, size, func() {
		await(t, "the server has stored nothing of a body that was half sent: it is held back", func() bool { return bytesIn(t, blobs) > before })
		if kept := p.kept(t); kept != 0 {
			t.Errorf("%s keeps %d bytes of a body on its disk", p.program, kept)
		}
	})
	check(t, err)
	content := uploadstest.Must(c.OpenFile(t.Context(), f.ID))(t)
	n, err := io.Copy(io.Discard, content)
	content.Close()
	if err != nil || n != size {
		t.Errorf("%d bytes of %d come back through %s: %v", n, size, p.program, err)
	}
	part := uploadstest.Must(c.OpenRange(t.Context(), f, size/2, size/2+100))(t)
	n, err = io.Copy(io.Discard, part)
	part.Close()
	if err != nil || n != 100 {
		t.Errorf("a range of 100 bytes through %s has %d: %v", p.program, n, err)
	}
	if peak := peakMemory(t, p.program); peak > p.memory {
		t.Errorf("%s took %d MiB, with %d MiB sent and fetched", p.program, peak>>20, size>>20)
	}

	if p.buffering == "" {
		return
	}
	cmd := exec.Command("sh", "-ec", p.buffering)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", p.buffering, err, out)
	}
	// Until the new settings are in force, bodies still go on as they come.
	await(t, p.program+" passes a body on before it has all of it, told to keep it", func() bool {
		held, before := false, bytesIn(t, blobs)
		_, err := send(t, through(t, root, key), 64<<20, func() {
			await(t, "half of a body is nowhere", func() bool {
				held = p.kept(t) > 1<<20
				return held || bytesIn(t, blobs) > before
			})
			held = held && bytesIn(t, blobs) == before
		})
		check(t, err)
		return held
	})
}

// through is a client of the server behind the proxy, with connections of its own.
func through(t *testing.T, root, key string) *client.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(uploadstest.Must(os.ReadFile(filepath.Join(root, "/etc/ssl/files/cert.pem")))(t))
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:443")
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return uploadstest.Must(client.New(client.Config{BaseURL: "https://files.example.com/v1", Key: key, HTTP: &http.Client{Transport: transport}}))(t)
}

// send makes a File of zeros, and calls halfway when half of it has been taken.
func send(t *testing.T, c *client.Client, size int64, halfway func()) (*api.File, error) {
	t.Helper()
	r, w := io.Pipe()
	go func() {
		_, err := io.CopyN(w, zeros{}, size/2)
		if err == nil {
			halfway()
			_, err = io.CopyN(w, zeros{}, size-size/2)
		}
		w.CloseWithError(err)
	}()
	return c.CreateFile(t.Context(), r, func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "zeros", Purpose: "user_data"}, nil
	})
}

func await(t *testing.T, otherwise string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Error(otherwise)
			return
		}
	}
}

// bytesIn is how much the files in dir hold.
func bytesIn(t *testing.T, dir string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if info, err := d.Info(); err == nil { // it may be gone meanwhile
			sum += info.Size()
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return sum
}

// kept is how much of bodies the proxy has in files. Those have no names any more, so its
// open files are looked at.
func (p proxy) kept(t *testing.T) (sum int64) {
	t.Helper()
	if p.spool == "" {
		return 0
	}
	for _, process := range processes(t, p.program) {
		for _, fd := range uploadstest.Must(filepath.Glob(process + "/fd/*"))(t) {
			path, err := os.Readlink(fd)
			if err != nil || !strings.Contains(path, p.spool) {
				continue
			}
			if info, err := os.Stat(fd); err == nil && info.Mode().IsRegular() {
				sum += info.Size()
			}
		}
	}
	return sum
}

// peakMemory is the most that a process of the program has taken, in bytes.
func peakMemory(t *testing.T, program string) (peak int64) {
	t.Helper()
	high := regexp.MustCompile(`VmHWM:\s*(\d+) kB`)
	for _, process := range processes(t, program) {
		status, err := os.ReadFile(process + "/status")
		if m := high.FindSubmatch(status); err == nil && m != nil {
			peak = max(peak, uploadstest.Must(strconv.ParseInt(string(m[1]), 10, 64))(t)<<10)
		}
	}
	return peak
}

// processes are the directories below /proc of those that run a program.
func processes(t *testing.T, program string) (list []string) {
	t.Helper()
	for _, dir := range uploadstest.Must(filepath.Glob("/proc/[0-9]*"))(t) {
		if comm, err := os.ReadFile(dir + "/comm"); err == nil && strings.TrimSpace(string(comm)) == program {
			list = append(list, dir)
		}
	}
	if len(list) == 0 {
		t.Errorf("there is no process of %s", program)
	}
	return list
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
