package bench

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/bench/load"
	"uploadd/test/bench/peers"
	"uploadd/test/program"
)

// path is one that requests take through the server.
type path struct {
	name    string
	clients int
	// prepare returns what takes it, again and again.
	prepare func(t *testing.T, b *bench, s *peers.Server) func(c *load.Conn, i int) error
}

var paths = []path{
	{"A large part", atOnce, func(t *testing.T, b *bench, s *peers.Server) func(*load.Conn, int) error {
		u := peers.NewUpload(128, 64<<20) // 8 GiB, of which three times as much may be sent
		with(t, s, u.Begin)
		return func(c *load.Conn, i int) error { return u.Part(c, i%128, load.Data{Seed: i, Size: b.part}) }
	}},
	{"A download", 1, func(t *testing.T, b *bench, s *peers.Server) func(*load.Conn, int) error {
		u := peers.NewUpload(b.parts, b.part)
		sendAll(t, s, u, atOnce)
		end(t, s, u)
		return func(c *load.Conn, i int) error {
			_, err := c.Do(u.Content(io.Discard))
			return err
		}
	}},
	{"A file of 4 KiB", clients, func(t *testing.T, b *bench, s *peers.Server) func(*load.Conn, int) error {
		return func(c *load.Conn, i int) error { return s.Put(c, i, load.Data{Seed: i % 1000, Size: smallSize}) }
	}},
	{"An Upload of one small Part, created and completed", clients, func(t *testing.T, b *bench, s *peers.Server) func(*load.Conn, int) error {
		return cycle
	}},
	{"The first page of a list", 4, func(t *testing.T, b *bench, s *peers.Server) func(*load.Conn, int) error {
		err := load.Each(s.Address, 2*pageLength, 4, func(c *load.Conn, i int) error { return s.Put(c, i, load.Data{Size: 1}) })
		if err != nil {
			t.Fatal(err)
		}
		return func(c *load.Conn, i int) error {
			_, err := c.Do(load.Request{Method: "GET", Path: fmt.Sprintf("/v1/files?limit=%d", pageLength)})
			return err
		}
	}},
}

// measureProfiles tells where the processor's time goes on each path, and which calls
// of the system it makes.
func measureProfiles(t *testing.T, b *bench) {
	for _, p := range paths[:min(b.paths, len(paths))] {
		top := profile(t, b, p)
		calls := p.calls(t, b)
		b.profiles = append(b.profiles, fmt.Sprintf("### %s\n\nCalls of the system for each, without those of Go's scheduler: %s.\n\n```\n%s\n```\n", p.name, calls, top))
	}
}

// beneath are the functions that call the system: their time is shown as that of those
// who call them.
const beneath = `^(internal/|syscall\.|io\.|bufio\.|golang\.org/x/sys/)`

// profile has clients take a path while the server takes a profile of itself, and
// returns the functions that it was in most.
func profile(t *testing.T, b *bench, p path) string {
	dir, done := tempDir(t)
	defer done()
	debug := peers.Free(t)
	s := peers.Uploadd("--debug-listen", debug).Start(t, filepath.Join(dir, "data"))
	defer s.Stop()
	do := p.prepare(t, b, s)
	busy := make(chan error, 1)
	go func() {
		_, err := load.For(s.Address, b.profile+time.Second/2, p.clients, do)
		busy <- err
	}()
	taken := filepath.Join(dir, "profile")
	err := save(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", debug, b.profile/time.Second), taken)
	if berr := <-busy; berr != nil || err != nil {
		t.Fatal(err, berr)
	}
	out, err := exec.Command("go", "tool", "pprof", "-top", "-nodecount=16", "-hide="+beneath, program.Path(), taken).Output()
	if err != nil {
		t.Fatalf("go tool pprof: %v", err)
	}
	_, table, found := strings.Cut(string(out), "Duration:")
	if !found || !strings.Contains(table, "flat%") {
		t.Fatalf("go tool pprof says %s", out)
	}
	return "Duration:" + strings.TrimRight(table, "\n")
}

func save(url, path string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	profile, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, profile)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, profile, 0o600)
}

// ofScheduler are the calls of Go's scheduler, which strace makes more of by its slowness.
var ofScheduler = map[string]bool{"futex": true, "nanosleep": true, "epoll_pwait": true, "sched_yield": true,
	"tgkill": true, "getpid": true, "rt_sigreturn": true, "rt_sigprocmask": true}

// calls has clients take a path a number of times, and counts the calls of the system
// that each makes of the server.
func (p path) calls(t *testing.T, b *bench) string {
	times := 8 * p.clients
	idle := counted(t, b, p, 0)
	counts := counted(t, b, p, times)
	var names []string
	for name := range counts {
		if counts[name] -= idle[name]; counts[name] >= times && !ofScheduler[name] {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return counts[b] - counts[a] })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %.1f", name, float64(counts[name])/float64(times))
	}
	return strings.Join(names, ", ")
}

// summary is a line of strace -c with the columns asked for below.
var summary = regexp.MustCompile(`(?m)^\s*(\d+)\s+([a-z]\w+)$`)

// counted counts the calls of a server's whole life, in which a path is prepared, and
// taken so many times.
func counted(t *testing.T, b *bench, p path, times int) map[string]int {
	t.Helper()
	dir, done := tempDir(t)
	defer done()
	trace := filepath.Join(dir, "calls")
	running := program.Start(t, program.Options{Data: filepath.Join(dir, "data"),
		Under: []string{"strace", "-f", "-qq", "-c", "-U", "calls,name", "-o", trace}})
	s := peers.OfProgram(running)
	do := p.prepare(t, b, s)
	if times > 0 {
		if err := load.Each(s.Address, times, p.clients, do); err != nil {
			t.Fatal(err)
		}
	}
	if err := running.Stop(); err != nil {
		t.Fatalf("under strace: %v", err)
	}
	counts := map[string]int{}
	for _, m := range summary.FindAllStringSubmatch(string(uploadstest.Must(os.ReadFile(trace))(t)), -1) {
		counts[m[2]] = uploadstest.Must(strconv.Atoi(m[1]))(t)
	}
	delete(counts, "total")
	if len(counts) == 0 {
		t.Fatal("strace counted nothing")
	}
	return counts
}
