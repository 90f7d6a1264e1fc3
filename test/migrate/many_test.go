package migrate

import (
	"flag"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"uploadd/test/program"
	"uploadd/test/records"
)

var files = flag.Int("files", 5000, "of how many files records are moved")

// Records are not gathered in memory, however many there are. They are moved into
// PostgreSQL and back, without their bytes.
func TestMany(t *testing.T) {
	st := newStores(t)
	few, many := moved(t, st, 10), moved(t, st, *files)
	const more = 192 << 20 // a cache of the database, and what waits to be collected
	for i := range many {
		if many[i] > few[i]+more {
			t.Errorf("step %d takes %d MiB for %d files, %d MiB for 10", i, many[i]>>20, *files, few[i]>>20)
		}
	}
}

// moved moves the records of n files, twice each way, and returns how much memory that
// took, in bytes.
func moved(t *testing.T, st *stores, n int) (took []int64) {
	dir := t.TempDir()
	if err := records.Fill(t, dir, n, nil).Close(); err != nil {
		t.Fatal(err)
	}
	blobs := st.bytes.URL("many", "")
	from := place{data: dir, blobs: blobs}
	there := place{data: filepath.Join(t.TempDir(), "none"), meta: st.records.Database(), blobs: blobs}
	back := place{data: t.TempDir(), blobs: blobs}
	for _, step := range [][2]place{{from, there}, {from, there}, {there, back}, {there, back}} {
		cmd := exec.Command(program.Path(), append(append([]string{"migrate"}, step[0].flags("")...), step[1].flags("to-")...)...)
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		took = append(took, maxRSS(cmd.ProcessState.SysUsage().(*syscall.Rusage)))
		t.Logf("%d files from %v: %s, %d MiB", n, step[0].flags(""), time.Since(began).Round(time.Millisecond), took[len(took)-1]>>20)
	}
	return took
}

// maxRSS is in bytes.
func maxRSS(u *syscall.Rusage) int64 {
	if runtime.GOOS == "darwin" {
		return u.Maxrss
	}
	return u.Maxrss << 10
}
