package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uploadd/test/bench/load"
)

// Nginx takes raw bodies by WebDAV and puts each into a file, as it has it in the page
// cache. It serves them with sendfile. Its buffer for bodies is as large as uploadd's.
func Nginx() Kind {
	return Kind{Name: "nginx", Start: func(t testing.TB, dir string) *Server { return nginx(t, "nginx", dir, "512k") }}
}

// NginxAsInstalled has the buffer of 16 KiB that nginx has if it is not told otherwise.
func NginxAsInstalled() Kind {
	const name = "nginx, small buffer"
	return Kind{Name: name, Start: func(t testing.TB, dir string) *Server { return nginx(t, name, dir, "16k") }}
}

const nginxConfig = `pid DIR/pid; error_log DIR/error.log; worker_processes auto; user root; daemon off;
events {}
http {
	access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
	client_max_body_size 0; client_body_buffer_size BUFFER;
	client_body_temp_path DIR/body; proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
	server {
		listen ADDRESS reuseport;
		root DIR/files;
		location / { dav_methods PUT; create_full_put_path on; }
	}
}
`

func nginx(t testing.TB, name, dir, buffer string) *Server {
	address, config := Free(t), filepath.Join(dir, "config")
	text := strings.NewReplacer("DIR", dir, "ADDRESS", address, "BUFFER", buffer).Replace(nginxConfig)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := run(t, name, dir, address, nil, "nginx", "-c", config)
	s.Object = func(parts int, size int64) Object { return davObject{} }
	s.Put = func(c *load.Conn, n int, d load.Data) error { return put(c, fmt.Sprintf("/small/%d", n), d) }
	return s
}

func put(c *load.Conn, path string, d load.Data) error {
	_, err := c.Do(load.Request{Method: "PUT", Path: path, Data: d})
	return err
}

// davObject is a file for each part: nobody makes them one.
type davObject struct{}

func (davObject) Begin(*load.Conn) error { return nil }
func (davObject) End(*load.Conn) error   { return nil }

func (davObject) Part(c *load.Conn, i int, d load.Data) error {
	return put(c, fmt.Sprintf("/parts/%d", i), d)
}

func (davObject) ReadPart(c *load.Conn, i int, into *load.Held) error {
	_, err := c.Do(load.Request{Method: "GET", Path: fmt.Sprintf("/parts/%d", i), Into: into})
	return err
}
