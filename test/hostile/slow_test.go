package hostile

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

var (
	slowClients = flag.Int("slow", 600, "how many slow clients attack at once")
	slowTime    = flag.Duration("slowtime", 5*time.Second, "for how long they do")
	slowPause   = flag.Duration("slowpause", 2*time.Second, "within which time they all come, and after which one that was cut off comes again")
	honestOnes  = flag.Int("honest", 6, "how many honest clients are at work meanwhile")
)

// mostMemory is what the server may hold while it is attacked, in bytes.
const mostMemory = 512 << 20

// Slow heads, bodies and readers, and idle connections: more of them than there
// is room for, and coming back when they are cut off. Beside them the honest do
// what they did before.
func TestSlowClients(t *testing.T) {
	descriptors := max(768, *slowClients*3/8)
	s := program.Start(t, program.Options{Under: []string{"prlimit", fmt.Sprintf("--nofile=%d:%d", descriptors, descriptors)}})
	address := strings.TrimPrefix(s.URL, "http://")
	large := uploadstest.Must(s.CreateFile(t.Context(), bytes.NewReader(make([]byte, 8<<20)), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "large", Purpose: "user_data"}, nil
	}))(t)

	work := func(what string) {
		h := &honest{s: s, size: 256 << 10}
		ctx, cancel := context.WithTimeout(t.Context(), *slowTime)
		defer cancel()
		h.run(ctx, *honestOnes)
		h.report(t, what, *slowTime)
		now, most, fds := memory(t, s.PID)
		t.Logf("%s: the server holds %d MiB, %d at most, and %d descriptors", what, now>>20, most>>20, fds)
		if most > mostMemory {
			t.Errorf("%s: the server held %d MiB", what, most>>20)
		}
	}
	work("alone")

	a := &attackers{t: t}
	defer a.end()
	share := func(tenths int) int { return *slowClients * tenths / 22 }
	a.attack("heads", address, "", share(8))
	a.attack("strangers' bodies", address, "", share(2))
	a.attack("bodies", address, "", share(4))
	a.attack("large bodies", address, "", share(4))
	a.attack("readers", address, large.ID, share(2))
	a.attack("idle", address, "", share(2))
	work("attacked")
	a.tell()
	a.end()
	work("afterwards")
}
