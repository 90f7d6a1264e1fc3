package hostile

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

var (
	slowClients = flag.Int("slow", 600, "how many slow clients attack at once")
	slowTime    = flag.Duration("slowtime", 5*time.Second, "for how long they do")
	slowPause   = flag.Duration("slowpause", 2*time.Second, "within which time they all come, and after which one that was cut off comes again")
	reapTime    = flag.Duration("reap", 15*time.Second, "which slow clients are waited for: those that are cut off within this time though there is room for them")
	honestOnes  = flag.Int("honest", 6, "how many honest clients are at work meanwhile")
)

// mostMemory is what the server may hold while it is attacked, in bytes.
const mostMemory = 512 << 20

// Slow heads, bodies and readers, and idle connections: more of them than there
// is room for, and coming back when they are cut off. Most have a key, of a project
// of their own. Beside them the honest do what they did before.
func TestSlowClients(t *testing.T) {
	descriptors := max(768, *slowClients*3/8)
	data := t.TempDir()
	good, bad := newKey(t, data, "honest"), newKey(t, data, "slow")
	s := program.Start(t, program.Options{Data: data, Under: []string{"prlimit", fmt.Sprintf("--nofile=%d:%d", descriptors, descriptors)}})
	address := strings.TrimPrefix(s.URL, "http://")
	their := uploadstest.Must(client.New(client.Config{BaseURL: s.URL + "/v1", Key: bad}))(t)
	large := uploadstest.Must(their.CreateFile(t.Context(), bytes.NewReader(make([]byte, 8<<20)), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "large", Purpose: "user_data"}, nil
	}))(t)

	work := func(what string) {
		h := &honest{s: s, key: good, size: 256 << 10}
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

	a := &attackers{t: t, key: bad}
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

// patience is how long a slow client of each kind is borne where there is room.
var patience = map[string]time.Duration{
	"strangers' bodies": 3 * time.Second,  // the rest of a body after its answer
	"heads":             10 * time.Second, // a head
	"large bodies":      60 * time.Second, // two periods in which a body must come in at a rate
	"bodies":            60 * time.Second,
	"readers":           60 * time.Second, // a piece of an answer
}

// However much room there is, each of them is cut off after a while.
func TestSlowClientsEnd(t *testing.T) {
	t.Parallel()
	s := program.Start(t, program.Options{})
	large := uploadstest.Must(s.CreateFile(t.Context(), bytes.NewReader(make([]byte, 8<<20)), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "large", Purpose: "user_data"}, nil
	}))(t)
	for kind, most := range patience {
		if most > *reapTime {
			continue // a campaign waits for it
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dialer := &net.Dialer{Control: smallBuffers}
			conn := uploadstest.Must(dialer.Dial("tcp", strings.TrimPrefix(s.URL, "http://")))(t)
			ended := make(chan struct{})
			begun := time.Now()
			go func() {
				defer close(ended)
				slow(conn, slowness[kind](large.ID), false)
			}()
			select {
			case <-ended:
				t.Logf("cut off after %v", time.Since(begun).Round(time.Second))
			case <-time.After(3*most + time.Minute): // a machine may be slow as well
				t.Errorf("still there after %v", time.Since(begun).Round(time.Second))
				conn.Close()
			}
		})
	}
}
