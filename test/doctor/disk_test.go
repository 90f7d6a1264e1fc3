package doctor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadd/internal/certs/certstest"
	"uploadd/internal/doctor"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

func mount(t testing.TB, args ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.Command("mount", append(args, dir)...).CombinedOutput(); err != nil {
		t.Fatalf("mount %v: %v\n%s", args, err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	})
	return dir
}

func data(dir string) examination { return examination{args: []string{"--data", dir}} }

func TestDisks(t *testing.T) {
	const memory = "tmpfs"
	untrusted := want{"disk.trusted", doctor.Warn, "tmpfs", "a disk of this machine"}

	t.Run("memory", func(t *testing.T) {
		data(mount(t, "-t", memory, memory)).finds(t, nil, untrusted)
	})
	t.Run("read-only", func(t *testing.T) {
		data(mount(t, "-t", memory, "-o", "ro", memory)).finds(t, nil, untrusted,
			want{"disk.write", doctor.Fail, "read-only file system", "mount the disk for writing"})
	})
	t.Run("forbidden", func(t *testing.T) {
		parent := uploadstest.Must(os.MkdirTemp("", "uploadd-doctor-test"))(t) // t.TempDir is root's
		t.Cleanup(func() { os.RemoveAll(parent) })
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(parent, "uploadd")
		if err := errors.Join(os.WriteFile(copied, uploadstest.Must(os.ReadFile(program.Path()))(t), 0o755), os.Chmod(copied, 0o755)); err != nil {
			t.Fatal(err)
		}
		x := data(parent)
		x.under = []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env"}
		x.program = copied
		forbidden := want{"disk.write", doctor.Fail, "permission denied", "give the directory to the user"}
		x.finds(t, nil, forbidden)
		// Bytes that are on the disk of the records, in another's directory.
		own := filepath.Join(parent, "own")
		if err := errors.Join(os.Mkdir(own, 0o700), os.Chown(own, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		x.args = []string{"--data", own}
		x.fine(t, onDisk...)
		x.args = []string{"--data", own, "--blobs", parent}
		x.finds(t, nil, forbidden)
	})
	t.Run("a trap", func(t *testing.T) {
		dear, dir := t.TempDir(), t.TempDir()
		if err := os.WriteFile(filepath.Join(dear, "dear"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		unchanged := same(t, dear)
		trap := filepath.Join(dir, "uploadd-doctor")
		notOurs := want{"disk.write", doctor.Fail, "not a directory of this user's", "find out who"}
		if err := os.Symlink(dear, trap); err != nil {
			t.Fatal(err)
		}
		data(dir).finds(t, nil, notOurs)
		unchanged()
		if err := errors.Join(os.Remove(trap), os.Mkdir(trap, 0o700), os.Chown(trap, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		data(dir).finds(t, nil, notOurs)
	})
	t.Run("somebody's own directory", func(t *testing.T) {
		dir := t.TempDir()
		own := filepath.Join(dir, "uploadd-doctor")
		if err := errors.Join(os.Mkdir(own, 0o700), os.WriteFile(filepath.Join(own, "notes"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		unchanged := same(t, own)
		data(dir).finds(t, nil, want{"disk.write", doctor.Fail, "that an examination has made", "find out who"})
		unchanged()
	})
	t.Run("a file in its place", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		data(file).finds(t, []string{"sqlite.version", "access.keys"}, want{"disk.write", doctor.Fail, "not a directory", "name a directory"})
	})
	t.Run("full", func(t *testing.T) {
		dir := mount(t, "-t", memory, "-o", "size=1m", memory)
		f := uploadstest.Must(os.Create(filepath.Join(dir, "filler")))(t)
		for block := make([]byte, 4096); ; {
			if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
		data(dir).finds(t, nil, untrusted,
			want{"disk.write", doctor.Fail, "no space left", "free space"},
			want{"disk.space", doctor.Fail, "^0 B of 1.0 MiB are free, .* in reserve", "refused with 507"})
	})
	t.Run("small", func(t *testing.T) {
		data(mount(t, "-t", memory, "-o", "size=64m", memory)).finds(t, nil, untrusted,
			want{"disk.space", doctor.Warn, "less than one Upload of 8.0 GiB", "lower --max-upload"})
	})
	t.Run("few inodes", func(t *testing.T) {
		data(mount(t, "-t", memory, "-o", "nr_inodes=100", memory)).finds(t, nil, untrusted,
			want{"disk.inodes", doctor.Warn, `of 100 are free`, "more inodes"})
	})
	t.Run("flushes are swallowed", func(t *testing.T) {
		parent := t.TempDir()
		layers := map[string]string{}
		for _, name := range []string{"lower", "upper", "work"} {
			layers[name] = filepath.Join(parent, name)
			if err := os.Mkdir(layers[name], 0o700); err != nil {
				t.Fatal(err)
			}
		}
		options := fmt.Sprintf("volatile,lowerdir=%s,upperdir=%s,workdir=%s", layers["lower"], layers["upper"], layers["work"])
		data(mount(t, "-t", "overlay", "-o", options, "overlay")).finds(t, nil,
			want{"disk.flush", doctor.Warn, "no disk is as fast", "volatile"})
	})
	t.Run("bytes elsewhere", func(t *testing.T) {
		x := data(t.TempDir())
		x.args = append(x.args, "--blobs", mount(t, "-t", memory, memory))
		x.finds(t, nil, untrusted)
	})
	t.Run("another examination", func(t *testing.T) {
		dir := t.TempDir()
		work := filepath.Join(dir, "uploadd-doctor")
		if err := os.Mkdir(work, 0o700); err != nil {
			t.Fatal(err)
		}
		lock := uploadstest.Must(os.Open(work))(t)
		defer lock.Close()
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		data(dir).finds(t, nil, want{"disk.write", doctor.Fail, "another examination", "wait"})
	})
}

func TestMachine(t *testing.T) {
	for limit, verdict := range map[int]doctor.Verdict{48: doctor.Fail, 1000: doctor.Warn} {
		x := data(t.TempDir())
		x.under = []string{"prlimit", fmt.Sprintf("--nofile=%d:%d", limit, limit)}
		x.finds(t, nil, want{"machine.descriptors", verdict, fmt.Sprintf("%d open files", limit), "LimitNOFILE="})
	}
}

// damage makes a directory of records that change has been at.
func damage(t *testing.T, change func(database string)) (dir string) {
	t.Helper()
	s := program.Start(t, program.Options{})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	change(filepath.Join(s.Data, "uploadd.db"))
	return s.Data
}

func TestSQLite(t *testing.T) {
	t.Run("newer", func(t *testing.T) {
		data(damage(t, func(path string) {
			statement(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`)
		})).finds(t, []string{"access.keys"}, want{"sqlite.version", doctor.Fail, "has version 999", "use the newer program"})
	})
	t.Run("older", func(t *testing.T) {
		data(damage(t, func(path string) {
			statement(t, path, `DELETE FROM goose_db_version WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)`)
		})).finds(t, []string{"access.keys"}, want{"sqlite.version", doctor.Warn, "this program brings version", "make a back-up"})
	})
	t.Run("damaged", func(t *testing.T) {
		data(damage(t, func(path string) {
			f := uploadstest.Must(os.OpenFile(path, os.O_RDWR, 0))(t)
			defer f.Close()
			root := rootOf(t, path, "keys") // a page that no other check reads
			if _, err := f.WriteAt([]byte(strings.Repeat("damage", 100)), (root-1)*pageSize); err != nil {
				t.Fatal(err)
			}
		})).finds(t, []string{"access.keys"}, want{"sqlite.intact", doctor.Fail, "(?i)malformed|page|btree", "docs/backup.md"})
	})
	t.Run("no database", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "uploadd.db"), []byte(strings.Repeat("no database", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		data(dir).finds(t, []string{"access.keys"}, want{"sqlite.version", doctor.Fail, "not a database", "is it the server's directory"})
	})
}

func TestNetwork(t *testing.T) {
	l := uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	go func() { // somebody who hangs up
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	x := func(args ...string) examination {
		return examination{args: append([]string{"--data", t.TempDir()}, args...)}
	}
	x("--listen", l.Addr().String()).finds(t, nil, want{"listen.address", doctor.Fail, "in use by another program", "--listen"})
	x("--listen=192.0.2.1:0").finds(t, []string{"access.keys"}, want{"listen.address", doctor.Fail, "cannot assign", "an address of this machine"})
	x("--listen=0.0.0.0:0").finds(t, nil, want{"access.keys", doctor.Fail, "no keys, and others", "uploadd keys create"})

	authority, dir := certstest.New(t), t.TempDir()
	files := func(life time.Duration, mode os.FileMode) []string {
		cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		certPEM, keyPEM := authority.Issue(t, life, "files.example.com")
		if err := errors.Join(os.WriteFile(cert, certPEM, 0o600), os.WriteFile(key, keyPEM, 0o600), os.Chmod(key, mode)); err != nil {
			t.Fatal(err)
		}
		return []string{"--tls-cert", cert, "--tls-key", key}
	}
	const year = 365 * 24 * time.Hour
	x(files(year, 0o600)...).fine(t, "tls.certificate")
	x(files(-time.Hour, 0o600)...).finds(t, nil, want{"tls.certificate", doctor.Fail, "files.example.com ended on", "renew"})
	x(files(time.Hour, 0o600)...).finds(t, nil, want{"tls.certificate", doctor.Warn, "files.example.com ends on", "renew"})
	x(files(year, 0o644)...).finds(t, nil, want{"tls.certificate", doctor.Warn, "everybody on this machine", "chmod o-r"})
	args := files(year, 0o600)
	x("--tls-cert", args[1], "--tls-key", filepath.Join(dir, "missing")).finds(t, nil, want{"tls.certificate", doctor.Fail, "no such file", "--tls-key"})
	_, other := certstest.New(t).Issue(t, year, "files.example.com")
	certstest.Write(t, args[3], other)
	x(args...).finds(t, nil, want{"tls.certificate", doctor.Fail, "private key does not match", "docs/tls.md"})
}

// Bytes that belong to other records are told, be it one directory or another's.
func TestPairs(t *testing.T) {
	blobs := t.TempDir()
	s := program.Start(t, program.Options{Flags: []string{"--blobs", blobs}})
	at := func(blobs string) examination { return examination{args: []string{"--data", s.Data, "--blobs", blobs}} }
	at(blobs).fine(t, "stores.paired")
	other := t.TempDir()
	unchanged := same(t, other)
	strangers := want{"stores.paired", doctor.Fail, "not those of these records", "--blobs"}
	at(other).finds(t, nil, strangers)
	unchanged()
	program.Start(t, program.Options{Flags: []string{"--blobs", other}})
	at(other).finds(t, nil, strangers)
}
