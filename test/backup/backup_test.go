// Package backup takes back-ups of a server under load, restores them, and holds
// what comes back to what had been acknowledged.
package backup

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/ledger"
	"uploadd/test/program"
)

var backups = flag.Int("backups", 4, "how many back-ups are taken and restored")

func TestMain(m *testing.M) { program.Main(m) }

// under runs do while the server is under a load that also deletes and cancels.
func under(t *testing.T, l *ledger.Ledger, s *program.Server, seed int, do func()) {
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() { l.Load(ctx, s.Client, 4, uint64(seed)) })
	do()
	stop()
	load.Wait()
}

// Each back-up into the same directory is whole, whatever became of the ones before.
func TestRestoreUnderLoad(t *testing.T) {
	t.Parallel()
	s, dir := program.Start(t, program.Options{}), filepath.Join(t.TempDir(), "backup")
	l := &ledger.Ledger{}
	for round := range *backups {
		under(t, l, s, 2*round, func() { time.Sleep(300 * time.Millisecond) })
		before := l.Clone()
		under(t, l, s, 2*round+1, func() {
			if round%2 == 1 {
				interrupted(t, s.Data, dir)
			}
			code, out := program.Run(t.Context(), "backup", "--data", s.Data, "--to", dir)
			if code != 0 {
				t.Errorf("back-up %d: exit %d\n%s", round, code, out)
			}
			t.Logf("back-up %d: %s", round, strings.TrimSpace(out))
		})
		restore(t, dir, before, l)
	}
	if f := l.Verify(t.Context(), s.Client, true); len(f) != 0 {
		t.Errorf("the server itself: %s", strings.Join(f, "\n"))
	}
}

// interrupted begins a back-up and kills it.
func interrupted(t *testing.T, data, dir string) {
	cmd := exec.Command(program.Path(), "backup", "--data", data, "--to", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
	cmd.Process.Kill()
	cmd.Wait()
}

// restore runs a server on a copy of the back-up.
func restore(t *testing.T, dir string, before, later *ledger.Ledger) {
	t.Helper()
	data := t.TempDir()
	if out, err := exec.Command("cp", "-a", dir+"/.", data).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	program.Check(t, data)
	s := program.Start(t, program.Options{Data: data})
	for _, fault := range before.Restored(t.Context(), s.Client, later) {
		t.Errorf("restored: %s", fault)
	}
	program.Check(t, data)
	s.Kill()
}

// While a back-up copies, nothing is deleted; afterwards it is.
func TestDeletionsAreHeld(t *testing.T) {
	t.Parallel()
	s := program.Start(t, program.Options{})
	l := &ledger.Ledger{}
	under(t, l, s, 1, func() { time.Sleep(300 * time.Millisecond) })
	time.Sleep(2 * time.Second)           // for requests that were cut off, and take effect all the same
	l.Verify(t.Context(), s.Client, true) // which learns of them
	hold := uploadstest.Must(os.Open(filepath.Join(s.Data, "blobs")))(t)
	defer hold.Close()
	lock(t, hold) // as a back-up that takes long
	if err := l.Discard(t.Context(), s.Client); err != nil {
		t.Fatal(err)
	}
	stored := len(program.Stored(t, s.Data))
	time.Sleep(14 * time.Second) // more than the grace and a round of the janitor
	if code, out := program.Run(t.Context(), "gc", "--now", "--data", s.Data); code != 0 || !strings.HasPrefix(out, "0 entries") {
		t.Errorf("gc --now: exit %d, %s", code, out)
	}
	if n := len(program.Stored(t, s.Data)); n != stored || n == 0 {
		t.Errorf("%d of %d blobs are left while a back-up is being taken", n, stored)
	}
	hold.Close()
	for end := time.Now().Add(time.Minute); len(program.Stored(t, s.Data)) != 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d blobs are left afterwards", len(program.Stored(t, s.Data)))
		}
	}
}

// What cannot be a back-up is not made one.
func TestRefused(t *testing.T) {
	s := program.Start(t, program.Options{})
	other, taken := t.TempDir(), program.Start(t, program.Options{})
	if err := os.WriteFile(filepath.Join(other, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(s.Data, link); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{
		s.Data:                          "must be kept outside",
		filepath.Join(s.Data, "backup"): "must be kept outside",
		link:                            "must be kept outside",
		filepath.Join(link, "new"):      "must be kept outside",
		filepath.Dir(s.Data):            "must be kept outside",
		other:                           "thesis.txt, so it is no back-up",
		taken.Data:                      "so it is no back-up, or one that a server has been run on",
	} {
		if code, out := program.Run(t.Context(), "backup", "--data", s.Data, "--to", to); code != 1 || !strings.Contains(out, want) {
			t.Errorf("--to %s: exit %d, %s", to, code, out)
		}
	}
	if code, out := program.Run(t.Context(), "backup", "--data", t.TempDir(), "--to", t.TempDir()); code != 1 || !strings.Contains(out, "holds no data") {
		t.Errorf("of nothing: exit %d, %s", code, out)
	}
}
