// Package postgres runs PostgreSQL in processes of the test's own: alone, or with a
// standby that takes over.
package postgres

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// nobody runs the processes where the test is root: PostgreSQL refuses to.
const nobody = 65534

// Server is a running PostgreSQL.
type Server struct {
	Port int

	t        testing.TB
	dir      string // its data
	settings []string
	process  *exec.Cmd
	made     atomic.Int32 // databases
}

// Start runs a server until the test ends. settings are lines of postgresql.conf. It
// does not flush what it writes, unless fsync=on is one of them.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := newServer(t, append([]string{"fsync=off"}, settings...))
	s.run("initdb", "--pgdata="+s.dir, "--username=postgres", "--auth=trust", "--locale=C", "--encoding=UTF8", "--no-sync")
	s.Restart()
	return s
}

func newServer(t testing.TB, settings []string) *Server {
	t.Helper()
	parent, err := os.MkdirTemp("", "uploadd-postgres")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	if os.Getuid() == 0 {
		if err := os.Chown(parent, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return &Server{t: t, dir: filepath.Join(parent, "data"), Port: freePort(t), settings: settings}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// command is a program of PostgreSQL's, which is not in everybody's path.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	s.t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	path, err := exec.LookPath(name)
	if err != nil && len(found) == 0 {
		s.t.Fatalf("PostgreSQL's %s is missing: install postgresql, or run scripts/tools", name)
	}
	if len(found) > 0 {
		path = found[len(found)-1]
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = filepath.Dir(s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

func (s *Server) run(name string, args ...string) {
	s.t.Helper()
	if out, err := s.command(name, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Restart runs a server that was stopped or killed, and returns when it answers.
func (s *Server) Restart() {
	s.t.Helper()
	args := []string{"-D", s.dir, "-p", strconv.Itoa(s.Port), "-h", "127.0.0.1", "-k", ""}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	log, err := os.OpenFile(filepath.Join(filepath.Dir(s.dir), "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	process := s.command("postgres", args...)
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.process = process
	s.t.Cleanup(func() { s.end(process, syscall.SIGQUIT) })
	s.await("SELECT 1")
}

// await waits until the server answers a query with true or 1.
func (s *Server) await(query string) {
	s.t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var answer string
		if answer, err = s.ask(query); err == nil && (answer == "1" || answer == "true") {
			return
		}
	}
	log, _ := os.ReadFile(filepath.Join(filepath.Dir(s.dir), "log"))
	s.t.Fatalf("PostgreSQL does not answer %s: %v\n%s", query, err, log)
}

func (s *Server) ask(query string) (answer string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	if rows.Next() {
		values, err := rows.Values()
		return fmt.Sprint(values...), err
	}
	return "", rows.Err()
}

// Exec runs a statement in the database postgres.
func (s *Server) Exec(statement string) {
	s.t.Helper()
	if _, err := s.ask(statement); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

// URL is that of a database of the server.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.Port, database)
}

// Database makes a new database, and returns its URL.
func (s *Server) Database() string {
	s.t.Helper()
	name := "d" + strconv.Itoa(int(s.made.Add(1)))
	s.Exec("CREATE DATABASE " + name)
	return s.URL(name)
}

// Kill ends the server at once, as a loss of power would, but for what the kernel
// holds.
func (s *Server) Kill() { s.end(s.process, syscall.SIGKILL) }

// Stop ends it as an operator does who is in a hurry: connections are cut.
func (s *Server) Stop() { s.end(s.process, syscall.SIGINT) }

// Signal sends sig to the server and all its processes, of which each leads a group of
// its own.
func (s *Server) Signal(sig syscall.Signal) { s.signal(s.process, sig) }

func (s *Server) signal(process *exec.Cmd, sig syscall.Signal) {
	pid := process.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		s.t.Error(err)
	}
	syscall.Kill(pid, sig)
	for _, child := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			syscall.Kill(n, sig)
		}
	}
}

func (s *Server) end(process *exec.Cmd, sig syscall.Signal) {
	if process.ProcessState != nil {
		return
	}
	if sig == syscall.SIGKILL {
		s.signal(process, sig)
	} else {
		process.Process.Signal(sig)
	}
	process.Wait()
}

// Standby runs a second server that follows s. With synchronous, s acknowledges
// nothing that the standby does not have.
func (s *Server) Standby(synchronous bool) *Server {
	s.t.Helper()
	name := fmt.Sprintf("standby%d", freePort(s.t))
	b := newServer(s.t, s.settings)
	s.run("pg_basebackup", "--pgdata="+b.dir, "--dbname="+s.URL("postgres")+"&application_name="+name,
		"--write-recovery-conf", "--no-sync", "--checkpoint=fast")
	b.Restart()
	if synchronous {
		s.Exec("ALTER SYSTEM SET synchronous_standby_names = '" + name + "'")
		s.Exec("SELECT pg_reload_conf()")
		s.await("SELECT sync_state = 'sync' FROM pg_stat_replication")
	}
	return b
}

// Promote makes a standby the primary.
func (s *Server) Promote() {
	s.t.Helper()
	s.Exec("SELECT pg_promote()")
	s.await("SELECT NOT pg_is_in_recovery()")
}

// Both is the URL of a database on two servers, of which whichever takes writes is used.
func Both(a, b *Server, database string) string {
	hosts := fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d", a.Port, b.Port)
	return strings.Replace(a.URL(database), fmt.Sprintf("127.0.0.1:%d", a.Port), hosts, 1) + "&target_session_attrs=read-write"
}
