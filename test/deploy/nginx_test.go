package deploy

import (
	"flag"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/uploads/uploadstest"
)

var mib = flag.Int64("mib", 300, "how large the Part is that goes through nginx, in MiB")

// front runs nginx with our configuration in front of nodes, and returns a client of
// it and the directory that it may write to.
func front(t *testing.T, key string, nodes ...string) (*client.Client, string) {
	t.Helper()
	dir := t.TempDir()
	l := uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	address := l.Addr().String()
	l.Close() // nginx takes its port
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(configured(t, dir, address, nodes)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nginx", "-p", dir, "-g", "daemon off; master_process off;", "-c", config)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs nginx, which scripts/tools installs: %v", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatalf("nginx does not listen: %v", err)
		}
	}
	return uploadstest.Must(client.New(client.Config{BaseURL: "http://" + address + "/v1", Key: key}))(t), dir
}

// configured is deploy/nginx.conf with our addresses and directories, and nothing else
// changed but what nginx has only since 1.27.3: names that are resolved again.
func configured(t *testing.T, dir, address string, nodes []string) string {
	t.Helper()
	text := string(uploadstest.Must(os.ReadFile("../../deploy/nginx.conf"))(t))
	replace := func(old, new string) {
		if strings.Count(text, old) != 1 {
			t.Fatalf("deploy/nginx.conf does not have %q once", old)
		}
		text = strings.Replace(text, old, new, 1)
	}
	replace("pid /tmp/nginx.pid;", "pid "+dir+"/pid;")
	replace("resolver 127.0.0.11 valid=5s;", "client_body_temp_path "+dir+"/body; proxy_temp_path "+dir+"/proxy;"+
		" fastcgi_temp_path "+dir+"/f; uwsgi_temp_path "+dir+"/u; scgi_temp_path "+dir+"/s;")
	replace("listen 8080;", "listen "+address+";")
	for i, name := range []string{"node1:8080", "node2:8080", "node3:8080"} {
		if i < len(nodes) {
			replace("server "+name+" resolve", "server "+nodes[i])
		} else {
			replace("server "+name+" resolve", "server 127.0.0.1:1 down")
		}
	}
	return text
}

// A large Part goes through nginx as it comes, and a node that ends is not missed.
func TestNginx(t *testing.T) {
	t.Parallel()
	s := share(t)
	flags := []string{"--max-part=4GiB", "--max-upload=8GiB"}
	one, two := s.node(t, flags...), s.node(t, flags...)
	c, dir := front(t, s.key, strings.TrimPrefix(one.URL, "http://"), strings.TrimPrefix(two.URL, "http://"))

	size := *mib << 20
	u := create(t, c, size)
	r, w := io.Pipe()
	half := make(chan error, 1)
	go func() {
		_, err := io.CopyN(w, zeros{}, size/2)
		half <- err
		if err == nil {
			awaitBytes(t, s.blobs) // while half of the body has not been sent
			_, err = io.CopyN(w, zeros{}, size-size/2)
		}
		w.CloseWithError(err)
	}()
	part, err := c.AddPart(t.Context(), u.ID, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-half; err != nil {
		t.Fatal(err)
	}
	file := uploadstest.Must(c.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{part.ID}}))(t).File
	content := uploadstest.Must(c.OpenFile(t.Context(), file.ID))(t)
	n, err := io.Copy(io.Discard, content)
	content.Close()
	if err != nil || n != size {
		t.Errorf("read %d bytes of %d through nginx: %v", n, size, err)
	}
	if kept := bytesIn(t, dir+"/body") + bytesIn(t, dir+"/proxy"); kept != 0 {
		t.Errorf("nginx kept %d bytes on its disk", kept)
	}

	one.Kill()
	for range 20 {
		create(t, c, 1)
	}
	if err := two.Stop(); err != nil {
		t.Errorf("the other node ended with %v", err)
	}
}

func create(t *testing.T, c *client.Client, size int64) *api.Upload {
	t.Helper()
	return uploadstest.Must(c.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: size, MimeType: "text/plain"}))(t)
}

// awaitBytes waits until something is stored.
func awaitBytes(t *testing.T, blobs string) {
	for end := time.Now().Add(time.Minute); bytesIn(t, blobs) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Error("no node stored anything of a body that was half sent: it is held back")
			return
		}
	}
}

// bytesIn is how much the files in dir hold.
func bytesIn(t *testing.T, dir string) (sum int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return sum
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
