package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Pool runs PgBouncer with a configuration in front of the database at target, and
// returns the URL of the way through it, which may take a moment to open.
func Pool(t testing.TB, target, config string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	host, port := "127.0.0.1", freePort(t)
	dir, err := os.MkdirTemp("", "uploadd-pgbouncer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	// With auth_type=any it lets everybody in, as one user.
	config = fmt.Sprintf("[databases]\n%s = host=127.0.0.1 port=%s user=postgres\n%s\n"+
		"listen_addr = %s\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\n", strings.TrimPrefix(u.Path, "/"), u.Port(), config, host, port)
	path := filepath.Join(dir, "pgbouncer.ini")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, []byte(config), 0o644)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("pgbouncer", "--quiet", path)
	cmd.Stderr = t.Output()
	if os.Getuid() == 0 { // it refuses to run as root, too
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs PgBouncer, which scripts/tools installs: %v", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	u.Host = fmt.Sprintf("%s:%d", host, port)
	return u.String()
}
