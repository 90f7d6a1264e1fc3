package hooks

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// nodeReceiver is an endpoint that verifies with the official libraries of OpenAI and of
// Standard Webhooks: node/receiver.mjs.
type nodeReceiver struct {
	t   testing.TB
	url string
	in  io.Writer

	mu   sync.Mutex
	got  []delivery
	done map[string]bool // lines of its input
}

// delivery is a request that it had.
type delivery struct {
	ID, Mode, Wrong, Path string
	Event                 api.Event

	Port int    // of its first line
	Done string // a line of its input that it has read
}

func newNodeReceiver(t testing.TB) *nodeReceiver {
	t.Helper()
	if _, err := os.Stat("node/node_modules/standardwebhooks"); err != nil {
		t.Fatalf("%v: run 'make tools' first, which installs it", err)
	}
	cmd := exec.Command("node", "node/receiver.mjs")
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := uploadstest.Must(cmd.StdoutPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &nodeReceiver{t: t, in: in, done: map[string]bool{}}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the receiver says nothing")
	}
	r.url = fmt.Sprintf("http://127.0.0.1:%d/hook", parse(t, lines.Bytes()).Port)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines.Scan() {
			r.note(parse(t, lines.Bytes()))
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-read
		cmd.Wait()
	})
	return r
}

func parse(t testing.TB, line []byte) (d delivery) {
	if err := json.Unmarshal(line, &d); err != nil {
		t.Errorf("the receiver says %q: %v", line, err)
	}
	return d
}

func (r *nodeReceiver) note(d delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.Done != "" {
		r.done[d.Done] = true
		return
	}
	if d.Wrong != "" || d.ID != d.Event.ID || d.Path != "/hook" {
		r.t.Errorf("%s of %s at %s: %s", d.ID, d.Event.ID, d.Path, d.Wrong)
	}
	r.got = append(r.got, d)
}

// tell has the receiver answer in another way, or verify with another secret.
func (r *nodeReceiver) tell(line string) {
	r.t.Helper()
	fmt.Fprintln(r.in, line)
	eventually(r.t, line, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.done[line]
	})
}

// of are the deliveries of an event of a type about an object.
func (r *nodeReceiver) of(what, object string) (list []delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.got {
		if d.Event.Type == what && strings.HasPrefix(string(d.Event.Data), `{"id":"`+object+`"`) ||
			d.Event.Type == what && strings.Contains(string(d.Event.Data), `"id":"`+object+`","purpose"`) {
			list = append(list, d)
		}
	}
	return list
}

// What the official libraries make of what arrives, whatever the endpoint answers.
func TestOfficialLibraries(t *testing.T) {
	t.Parallel()
	r := newNodeReceiver(t)
	s := program.Start(t, program.Options{Flags: []string{"--upload-ttl=3s"}})
	id, secret := createHook(t, s.Data, r.url)
	r.tell("secret " + secret)

	expiring := create(t, s)
	done := complete(t, s)
	eventually(t, "a completion", func() bool { return len(r.of("upload.completed", done.ID)) == 1 })
	if e := r.of("upload.completed", done.ID)[0].Event; e.Project != "default" || !strings.Contains(string(e.Data), done.File.ID) {
		t.Errorf("a completion: %+v", e)
	}
	uploadstest.Must(s.DeleteFile(t.Context(), done.File.ID))(t)
	eventually(t, "a deletion", func() bool { return len(r.of("file.deleted", done.File.ID)) == 1 })
	eventually(t, "an expiry", func() bool { return len(r.of("upload.expired", expiring.ID)) == 1 })
	if out := command(t, 0, "hooks", "test", id, "--data", s.Data); !strings.Contains(out, "arrived: 200 OK") {
		t.Errorf("hooks test: %q", out)
	}

	r.tell("slow")
	slow := complete(t, s)
	eventually(t, "a slow delivery", func() bool { return pending(t, s.Data) == 0 && len(r.of("upload.completed", slow.ID)) == 1 })

	r.tell("redirect")
	redirected := complete(t, s)
	eventually(t, "a redirect", func() bool { return listed(t, s.Data).Failure == "it answered 302, and redirects are not followed" })
	r.tell("500")
	if out := command(t, 1, "hooks", "test", id, "--data", s.Data); !strings.Contains(out, "did not arrive: it answered 500 Internal Server Error") {
		t.Errorf("hooks test: %q", out)
	}
	r.tell("ok")
	eventually(t, "what was redirected", func() bool {
		got := r.of("upload.completed", redirected.ID)
		return len(got) == 2 && got[0].ID == got[1].ID && pending(t, s.Data) == 0
	})

	fresh := strings.TrimSpace(command(t, 0, "hooks", "rotate", id, "--data", s.Data))
	fresh = fresh[strings.Index(fresh, "whsec_"):]
	between := complete(t, s) // verified with the old secret
	eventually(t, "under the old secret", func() bool { return len(r.of("upload.completed", between.ID)) == 1 })
	r.tell("secret " + fresh)
	after := complete(t, s)
	eventually(t, "under the new secret", func() bool { return len(r.of("upload.completed", after.ID)) == 1 })

	r.tell("410")
	complete(t, s)
	eventually(t, "the end", func() bool { return listed(t, s.Data).Status == "gone" })
	said := command(t, 0, "hooks", "list", "--data", s.Data) + command(t, 0, "hooks", "list", "--json", "--data", s.Data) +
		command(t, 0, "audit", "--data", s.Data)
	for _, s := range []string{secret, fresh} {
		if strings.Contains(said, strings.TrimPrefix(s, "whsec_")) {
			t.Errorf("a secret is said:\n%s", said)
		}
	}
	if !strings.Contains(said, "hook.gone") {
		t.Errorf("the audit log:\n%s", said)
	}
	program.Check(t, s.Data)
}
