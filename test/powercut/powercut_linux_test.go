// Package powercut takes the power from a disk with ext4 on it and holds the
// program to what it had acknowledged: at random moments under load, and on
// images of the disk as a loss of power may have left it, made from a log of
// what was written. It needs root, mkfs.ext4, loop devices
// and /dev/fuse.
//
// The sizes are flags, with small defaults; for the campaign:
//
//	go test -count=1 -timeout 3h ./test/powercut -args -cuts=2000 -images=5000
package powercut

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"uploadd/test/ledger"
	"uploadd/test/program"
)

var (
	cuts   = flag.Int("cuts", 8, "how often the power is cut at a random moment")
	images = flag.Int("images", 25, "how many images of a disk that lost its power are looked at")
	bite   = flag.Int("bite", 200, "within how many images, and cuts, a missing flush must be noticed")
)

func TestMain(m *testing.M) { program.Main(m) }

// workers is how many clients load the server.
const workers = 4

// diskSize leaves room for the load between two new file systems.
const diskSize = 64 << 20

// sh runs a command to its end and returns what it printed.
func sh(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// workspace is a directory in memory, which the images need for their speed.
func workspace(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("losing power is tried on loop devices: run this as root")
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is needed to lose power on ext4: install e2fsprogs and mount (%v)", tool, err)
		}
	}
	dir, err := os.MkdirTemp("/dev/shm", "uploadd-powercut")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// format makes an empty file system in a file, or makes it anew.
func format(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(diskSize); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	sh(t, "mkfs.ext4", "-q", "-F", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0", path)
}

// volume is a file system in a file, mounted by way of a loop device.
type volume struct {
	image, dir string
	mounted    bool
}

// attach mounts the file system in image at dir until the test ends.
func attach(t *testing.T, image, dir string) *volume {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	v := &volume{image: image, dir: dir}
	t.Cleanup(func() { v.detach(t) })
	v.mount(t)
	return v
}

// mount reads the journal back. The loop device goes when it is unmounted.
func (v *volume) mount(t *testing.T) {
	t.Helper()
	sh(t, "mount", "-t", "ext4", "-o", "loop", v.image, v.dir)
	v.mounted = true
}

func (v *volume) detach(t *testing.T) {
	t.Helper()
	if v.mounted {
		v.mounted = false
		sh(t, "umount", v.dir)
	}
}

func (v *volume) data() string { return filepath.Join(v.dir, "data") }

// faults starts the server on a disk that has lost its power, and returns in
// what it breaks its word.
func faults(t *testing.T, data string, l *ledger.Ledger, everything bool) []string {
	t.Helper()
	s, err := program.TryStart(t, program.Options{Data: data})
	if err != nil {
		return []string{err.Error()}
	}
	defer s.Kill()
	l.Verify(t.Context(), s, everything)
	found := l.Faults() // those noticed under load as well
	if code, out := program.Run(t.Context(), "check", "--read-data", "--data", data); code != 0 {
		found = append(found, "check: "+out)
	}
	return found
}
