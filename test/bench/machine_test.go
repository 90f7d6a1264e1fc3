package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uploadd/internal/uploads/uploadstest"
)

// machine says where and of what the figures are.
type machine struct{ load, text string }

func describe(t *testing.T) machine {
	t.Helper()
	var mem unix.Sysinfo_t
	if err := unix.Sysinfo(&mem); err != nil {
		t.Fatal(err)
	}
	dir := *under
	if dir == "" {
		dir = os.TempDir()
	}
	m := machine{load: loadAverage(t)}
	m.text = fmt.Sprintf("Commit %s; %s. %s, %d processors, %d GiB of memory, Linux %s, %s; the disk: %s. Beside it: %s.\n",
		said(t, "git", "describe", "--always", "--dirty", "--abbrev=12"), said(t, "date", "-u", "+%Y-%m-%d %H:%M UTC"),
		processor(t), runtime.NumCPU(), mem.Totalram>>30, said(t, "uname", "-r"), runtime.Version(),
		said(t, "findmnt", "-n", "-o", "FSTYPE,SOURCE,OPTIONS", "-T", dir), strings.Join(versions(t), ", "))
	return m
}

// versions are those of the peers.
func versions(t *testing.T) (list []string) {
	// "nginx version: nginx/1.22.1"
	_, v, _ := strings.Cut(said(t, "nginx", "-v"), ": ")
	list = append(list, v)
	if *tools == "" {
		return list
	}
	for _, name := range []string{"minio", "tusd", "versitygw"} {
		for line := range strings.Lines(said(t, "go", "version", "-m", filepath.Join(*tools, name))) {
			if f := strings.Fields(line); len(f) >= 3 && f[0] == "mod" {
				list = append(list, f[1]+" "+f[2])
			}
		}
	}
	return list
}

func processor(t *testing.T) string {
	for line := range strings.Lines(string(uploadstest.Must(os.ReadFile("/proc/cpuinfo"))(t))) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// loadAverage is how many processes wanted a processor in the last minute.
func loadAverage(t *testing.T) string {
	t.Helper()
	return strings.Fields(string(uploadstest.Must(os.ReadFile("/proc/loadavg"))(t)))[0]
}

// said is what a command says, without the spaces that it is padded with.
func said(t *testing.T, command ...string) string {
	t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", command, err, out)
	}
	return strings.Join(strings.FieldsFunc(strings.TrimSpace(string(out)), func(r rune) bool { return r == ' ' }), " ")
}
