package hostile

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// proxies are run in front of a server with one connection to it, which they use
// for everybody: if both take the bytes on it for different requests, somebody
// gets an answer that is not theirs.
var proxies = map[string]struct {
	command []string // the last argument is the configuration's path
	config  string   // DIR, FRONT and BACK are replaced
}{
	"nginx": {
		[]string{"nginx", "-g", "daemon off;", "-c"},
		`pid DIR/pid; error_log DIR/error.log; master_process off;
events {}
http {
	access_log off;
	client_body_temp_path DIR/body; proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
	upstream back { server BACK; keepalive 1; }
	server {
		listen FRONT;
		location / {
			proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection "";
			proxy_request_buffering off;
		}
	}
}
`},
	"haproxy": {
		[]string{"haproxy", "-f"},
		`global
	nbthread 1
defaults
	mode http
	timeout connect 5s
	timeout client 5s
	timeout server 5s
	http-reuse always
frontend front
	bind FRONT
	default_backend back
backend back
	server one BACK maxconn 1
`},
}

// front runs a proxy in front of back and returns its address.
func front(t *testing.T, name, back string) string {
	t.Helper()
	p, dir := proxies[name], t.TempDir()
	l := uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	address := l.Addr().String()
	l.Close() // the proxy takes its port
	config := filepath.Join(dir, "config")
	text := strings.NewReplacer("DIR", dir, "FRONT", address, "BACK", back).Replace(p.config)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(p.command[0], append(p.command[1:], config)...)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs %s, which scripts/tools installs: %v", name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var died error
	go func() { died = cmd.Wait(); cancel() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ctx.Done()
	})
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return address
		}
	}
	log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
	t.Fatalf("%s does not listen on %s: %v\n%s", name, address, died, log)
	return ""
}

// codings are ways to announce a chunked body that one reader may take for one,
// and another not.
var codings = []string{
	"Transfer-Encoding: chunked",
	"transfer-encoding:chunked",
	"Transfer-Encoding: Chunked ",
	"Transfer-Encoding : chunked",
	" Transfer-Encoding: chunked",
	"Transfer-Encoding:\tchunked",
	"Transfer-Encoding: \x0bchunked",
	"Transfer-Encoding:\r\n chunked",
	"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
	"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
	"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
	"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
	"Transfer-Encoding: chunked, identity",
	"Transfer-Encoding: identity, chunked",
	"Transfer-Encoding: chunked, chunked",
	"Transfer-Encoding: xchunked",
	"Transfer-Encoding: \"chunked\"",
	"Transfer-Encoding: chunked;q=1",
	"Transfer-Encoding: chunked\x00",
	"Transfer-Encoding\x00: chunked",
	"Transfer_Encoding: chunked",
	"Transfer-Encoding: chunk\xc5\xbfed",
	"X: y\nTransfer-Encoding: chunked",
	"X: y\rTransfer-Encoding: chunked",
	"X: y\r\n\rTransfer-Encoding: chunked",
	"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
	"Connection: Content-Length\r\nTransfer-Encoding: chunked",
	"Trailer: Content-Length\r\nTransfer-Encoding: chunked",
}

// hidden is what must not be taken for a request.
const hidden = "GET /v1/hidden HTTP/1.1\r\nHost: x\r\nX: "

// ambiguous are requests with hidden inside.
func ambiguous() map[string]string {
	list := map[string]string{}
	post := func(version, headers, body string) string {
		return "POST /v1/seen HTTP/" + version + "\r\nHost: x\r\n" + headers + "\r\n\r\n" + body
	}
	for _, coding := range codings {
		for _, version := range []string{"1.1", "1.0"} {
			// The whole for one who goes by the length; an empty body for others.
			body := "0\r\n\r\n" + hidden
			length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
			list[fmt.Sprintf("length, %q, HTTP/%s", coding, version)] = post(version, length+coding, body)
			list[fmt.Sprintf("%q, length, HTTP/%s", coding, version)] = post(version, coding+"\r\n"+strings.TrimSuffix(length, "\r\n"), body)
			// A chunk for one who goes by the coding; its size alone for others.
			body = fmt.Sprintf("%02x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden)
			list[fmt.Sprintf("%q, short length, HTTP/%s", coding, version)] = post(version, "Content-Length: 4\r\n"+coding, body)
			list[fmt.Sprintf("%q, no length, HTTP/%s", coding, version)] = post(version, coding, body)
		}
	}
	for _, lengths := range []string{"Content-Length: 0\r\nContent-Length: N", "Content-Length: N\r\nContent-Length: 0", "Content-Length: 0, N",
		"Content-Length: +N", "Content-Length: N\x0b", "Content-Length : N", "Content-Length:\r\n N", "Content_Length: N", "X: y\nContent-Length: N"} {
		list[fmt.Sprintf("%q", lengths)] = post("1.1", strings.ReplaceAll(lengths, "N", fmt.Sprint(len(hidden))), hidden)
	}
	for _, body := range []string{
		"2;\nxx\r\n%x\r\n0\r\n\r\n%s\r\n0\r\n\r\n", // is a line feed the end of an extension?
		"2\nxx\n%x\r\n0\r\n\r\n%s\r\n0\r\n\r\n",
		"2\r\nxx\n%x\n0\r\n\r\n%s\r\n0\r\n\r\n",
		"2\r\nxxxx%x\r\n0\r\n\r\n%s\r\n0\r\n\r\n",
		"0x2\r\nxx\r\n%x\r\n0\r\n\r\n%s\r\n0\r\n\r\n",
		"2 \r\nxx\r\n%x \r\n0\r\n\r\n%s\r\n0\r\n\r\n",
		"2;a=\"\r\nxx\r\n%x;\"\r\n0\r\n\r\n%s\r\n0\r\n\r\n",
		"10000000000000002\r\nxx\r\n%x\r\n0\r\n\r\n%s\r\n0\r\n\r\n",
	} {
		list[fmt.Sprintf("chunks %q", body)] = post("1.1", "Transfer-Encoding: chunked", fmt.Sprintf(body, 5+len(hidden), hidden))
	}
	return list
}

// desynchronized sends a request through a proxy, and then others' requests. It
// returns an answer of those that is not to the request that was made.
func desynchronized(t *testing.T, address, request string) string {
	t.Helper()
	conn := uploadstest.Must(net.Dial("tcp", address))(t)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(300 * time.Millisecond)) // some wait for more, for ever
	io.WriteString(conn, request)
	io.Copy(io.Discard, conn)
	for n := range 2 {
		path := fmt.Sprintf("/v1/other%d", n)
		other := uploadstest.Must(net.Dial("tcp", address))(t)
		defer other.Close()
		other.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(other, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
		resp, err := http.ReadResponse(bufio.NewReader(other), nil)
		if err != nil {
			return err.Error()
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || !strings.Contains(string(body), "GET "+path+".") {
			return fmt.Sprintf("status %d, %s, %v", resp.StatusCode, body, err)
		}
	}
	return ""
}

// Behind a proxy nobody gets another's answer, whatever somebody sends.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	for name := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := program.Start(t, program.Options{})
			address := front(t, name, strings.TrimPrefix(s.URL, "http://"))
			if got := desynchronized(t, address, "GET /v1/seen HTTP/1.1\r\nHost: x\r\n\r\n"); got != "" {
				t.Fatalf("a plain request: %s", got)
			}
			for what, request := range ambiguous() {
				if got := desynchronized(t, address, request); got != "" {
					t.Errorf("after %s somebody else was answered: %s", what, got)
				}
			}
		})
	}
}

// A server that passes over Transfer-Encoding is found out behind each proxy.
func TestSmugglingIsNoticed(t *testing.T) {
	t.Parallel()
	for name := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := front(t, name, naive(t))
			for _, request := range ambiguous() {
				if desynchronized(t, address, request) != "" {
					return
				}
			}
			t.Error("nobody got another's answer from a server that takes every chunk for a request")
		})
	}
}

// naive runs a server that knows of no bodies. It answers as uploadd does.
func naive(t *testing.T) (address string) {
	t.Helper()
	l := uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for {
					line, err := r.ReadString('\n')
					for head := line; head != "\r\n" && err == nil; {
						head, err = r.ReadString('\n')
					}
					if err != nil {
						return
					}
					body := strings.TrimSuffix(strings.TrimSpace(line), " HTTP/1.1") + "."
					fmt.Fprintf(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				}
			}()
		}
	}()
	return l.Addr().String()
}
