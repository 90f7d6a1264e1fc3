package docs

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uploadd/internal/blob/s3test"
	"uploadd/internal/certs/certstest"
	"uploadd/internal/openaifake"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

// apart has a command run in a world of its own: a network that has nothing but a
// loopback device, mounts that nobody else sees, and processes that end with it. So every
// page has the ports and the names that it prints.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
}

// The addresses that the names in the pages have.
const (
	databaseAt = "127.0.0.2"
	bucketsAt  = "127.0.0.3"
	azureAt    = "127.0.0.4"
)

var hosts = map[string]string{
	"localhost":                           "127.0.0.1",
	"db":                                  databaseAt,
	"db.example.com":                      databaseAt,
	"s3.example.com":                      bucketsAt,
	"files.s3.eu-central-1.amazonaws.com": bucketsAt,
	"example-files.s3.eu-central-1.amazonaws.com": bucketsAt,
	"name.openai.azure.com":                       azureAt,
	"files.example.com":                           "127.0.0.1",
}

// buckets are there in the store.
var buckets = []string{"bucket", "files", "example-files"}

// enter makes the place what the pages expect, once the process is in a world of its own.
// It returns the root directory for the page's shell, which may install what it likes:
// it is this machine's, and what is written to it is gone afterwards.
func enter(t *testing.T) (root string) {
	t.Helper()
	up(t)
	check(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	check(t, unix.Mount("proc", "/proc", "proc", 0, ""))
	layers := os.Getenv(rootVariable)
	check(t, unix.Mount("tmpfs", layers, "tmpfs", 0, ""))
	root = filepath.Join(layers, "root")
	for _, dir := range []string{"root", "upper", "work"} {
		check(t, os.Mkdir(filepath.Join(layers, dir), 0o755))
	}
	check(t, unix.Mount("overlay", root, "overlay", 0, fmt.Sprintf("lowerdir=/,upperdir=%s/upper,workdir=%s/work", layers, layers)))
	for _, path := range []string{"/proc", "/dev", os.TempDir(), goEnv(t, "GOCACHE"), goEnv(t, "GOMODCACHE"), goEnv(t, "GOROOT")} {
		check(t, unix.Mount(path, filepath.Join(root, path), "", unix.MS_BIND|unix.MS_REC, ""))
	}
	var text strings.Builder
	for name, address := range hosts {
		fmt.Fprintln(&text, address, name)
	}
	check(t, os.WriteFile(filepath.Join(root, "etc", "hosts"), []byte(text.String()), 0o644))
	return root
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(string(uploadstest.Must(exec.Command("go", "env", name).Output())(t)))
}

// up switches the loopback device on.
func up(t *testing.T) {
	t.Helper()
	s := uploadstest.Must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))(t)
	defer unix.Close(s)
	lo := uploadstest.Must(unix.NewIfreq("lo"))(t)
	check(t, unix.IoctlIfreq(s, unix.SIOCGIFFLAGS, lo))
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	check(t, unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo))
}

// services runs the servers that a page speaks of, and returns variables for its shell.
func services(t *testing.T, page string) (env []string) {
	t.Helper()
	dir := uploadstest.Must(os.MkdirTemp("", "uploadd-docs-certs"))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	var names []string
	for name := range hosts {
		names = append(names, name)
	}
	authority := certstest.New(t)
	cert, key := authority.Issue(t, time.Hour, names...)
	ca := filepath.Join(dir, "ca.pem")
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, content := range map[string][]byte{ca: authority.PEM, certFile: cert, keyFile: key} {
		certstest.Write(t, path, content)
	}
	if strings.Contains(page, "postgres://") {
		database(t, dir, certFile, keyFile)
	}
	if strings.Contains(page, "s3://") {
		store(t, certFile, keyFile)
	}
	if strings.Contains(page, "openai.azure.com") {
		azure(t, certFile, keyFile)
	}
	return []string{"SSL_CERT_FILE=" + ca, "CURL_CA_BUNDLE=" + ca, "AWS_CA_BUNDLE=" + ca, "PGSSLROOTCERT=" + ca}
}

// database runs PostgreSQL as db.example.com, with the role and the database of the pages.
func database(t *testing.T, dir, certFile, keyFile string) {
	t.Helper()
	const nobody = 65534 // as whom PostgreSQL runs
	for _, path := range []string{dir, certFile, keyFile} {
		check(t, os.Chown(path, nobody, nobody))
	}
	db := postgres.Start(t, "ssl=on", "ssl_cert_file="+certFile, "ssl_key_file="+keyFile)
	db.Exec("CREATE ROLE uploadd LOGIN CREATEDB")
	db.Exec("CREATE DATABASE uploadd OWNER uploadd")
	relay(t, databaseAt+":5432", fmt.Sprint("127.0.0.1:", db.Port))
}

// store runs an S3 store as s3.example.com, and in the place of AWS.
func store(t *testing.T, certFile, keyFile string) {
	t.Helper()
	s3test.Credentials()
	dir := t.TempDir()
	for _, bucket := range buckets {
		check(t, os.Mkdir(filepath.Join(dir, bucket), 0o700))
	}
	gateway := exec.Command(s3test.VersitygwPath(t), "--access", os.Getenv("AWS_ACCESS_KEY_ID"), "--secret", os.Getenv("AWS_SECRET_ACCESS_KEY"),
		"--port", bucketsAt+":443", "--cert", certFile, "--key", keyFile, "--region", "eu-central-1",
		"--virtual-domain", "s3.eu-central-1.amazonaws.com", "--quiet", "posix", dir)
	gateway.Stderr = t.Output()
	check(t, gateway.Start())
	t.Cleanup(func() { gateway.Process.Kill(); gateway.Wait() })
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", bucketsAt+":443")
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the S3 store does not listen: %v", err)
		}
	}
}

// azure runs what behaves as Azure OpenAI documents it, as name.openai.azure.com.
func azure(t *testing.T, certFile, keyFile string) {
	t.Helper()
	fake := openaifake.NewAzure(t, "any", "2024-10-21")
	target := uploadstest.Must(url.Parse(fake.URL))(t)
	srv := &http.Server{Addr: azureAt + ":443", Handler: httputil.NewSingleHostReverseProxy(target)}
	l := uploadstest.Must(net.Listen("tcp", srv.Addr))(t)
	go srv.ServeTLS(l, certFile, keyFile)
	t.Cleanup(func() { srv.Close() })
}

// relay passes connections to from on to to.
func relay(t *testing.T, from, to string) {
	t.Helper()
	l := uploadstest.Must(net.Listen("tcp", from))(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer out.Close()
				go func() { io.Copy(out, in); out.(*net.TCPConn).CloseWrite() }()
				io.Copy(in, out)
			}()
		}
	}()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
