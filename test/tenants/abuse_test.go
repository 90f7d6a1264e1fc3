package tenants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

var (
	cycles  = flag.Int("cycles", 40, "lives of an upload of the honest client")
	abusers = flag.Int("abusers", 16, "how many work against it at once")
)

// The most that the abusing project may hold.
const (
	mostBytes   = 50 << 20
	mostUploads = 100
)

// A project that does everything it should not leaves another one's requests
// answered, every one of them at the first attempt, and itself within its limits.
func TestAbuse(t *testing.T) {
	s := program.Start(t, program.Options{})
	data := "--data=" + s.Data
	honest := as(t, s, must(t, "keys", "create", data, "--project=honest"))
	abusing := must(t, "keys", "create", data, "--project=abusing")
	must(t, "projects", "limit", data, "abusing", fmt.Sprintf("--max-bytes=%dB", mostBytes), fmt.Sprintf("--max-uploads=%d", mostUploads))
	eventually(t, "the honest key", nil, list(honest))

	alone := lives(t, honest, *cycles)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var attempts, refused atomic.Int64
	var working sync.WaitGroup
	for n := range *abusers {
		working.Go(func() {
			a := &abuser{client: as(t, s, abusing), address: strings.TrimPrefix(s.URL, "http://"), key: abusing, rand: rand.New(rand.NewPCG(1, uint64(n)))}
			for ctx.Err() == nil {
				attempts.Add(1)
				if err := a.act(ctx); err != nil {
					refused.Add(1)
				}
			}
		})
	}
	beside := lives(t, honest, *cycles)
	stop()
	working.Wait()
	t.Logf("%d lives of an upload: %s alone, %s beside %d attempts of abuse, of which %d were refused; the server's peak is %d MiB",
		*cycles, alone.Round(time.Millisecond), beside.Round(time.Millisecond), attempts.Load(), refused.Load(), peak(t, s.PID)>>20)

	_, out := program.Run(t.Context(), "projects", data, "--json")
	for line := range strings.Lines(out) {
		var p api.Account
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		if p.ID == "abusing" && (p.Bytes+p.ReservedBytes > mostBytes || p.Uploads > mostUploads || p.Bytes+p.ReservedBytes == 0) {
			t.Errorf("the abusing project holds %+v", p)
		}
	}
	if refused.Load() == 0 || attempts.Load() < int64(*abusers) {
		t.Errorf("of %d attempts %d were refused: that was no abuse", attempts.Load(), refused.Load())
	}
	if p := peak(t, s.PID); p > 400<<20 {
		t.Errorf("the server took %d MiB", p>>20)
	}
	program.Check(t, s.Data)
}

// lives is what an honest client does n times. It takes no refusal.
func lives(t *testing.T, c *client.Client, n int) time.Duration {
	t.Helper()
	begin := time.Now()
	for i := range n {
		piece := uploadstest.Random(uint64(i), 100_000)
		u := uploadstest.Must(c.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 3 * int64(len(piece)), MimeType: "text/plain"}))(t)
		ids := make([]string, 3)
		var sending sync.WaitGroup
		for k := range ids {
			sending.Go(func() {
				p, err := c.AddPart(t.Context(), u.ID, bytes.NewReader(piece))
				if err != nil {
					t.Error(err)
					return
				}
				ids[k] = p.ID
			})
		}
		sending.Wait()
		done := uploadstest.Must(c.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: ids}))(t)
		if got := uploadstest.Read(t, c, done.File.ID); !bytes.Equal(got, bytes.Repeat(piece, 3)) {
			t.Fatalf("%d bytes came back that are not those sent", len(got))
		}
		uploadstest.Must(c.DeleteFile(t.Context(), done.File.ID))(t)
	}
	return time.Since(begin)
}

// peak is the most memory that a process has had, in bytes.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	status := string(uploadstest.Must(os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)))(t))
	_, rest, _ := strings.Cut(status, "VmHWM:")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return uploadstest.Must(strconv.ParseInt(kb, 10, 64))(t) << 10
}

// abuser does what a caller should not do.
type abuser struct {
	client  *client.Client
	address string
	key     string
	rand    *rand.Rand
	uploads []string
}

func (a *abuser) act(ctx context.Context) error {
	switch a.rand.IntN(9) {
	case 0: // promises more than it may
		_, err := a.create(ctx, 8<<30)
		return err
	case 1: // opens uploads and leaves them
		u, err := a.create(ctx, a.rand.Int64N(1<<20))
		if err == nil {
			a.uploads = append(a.uploads, u.ID)
		}
		return err
	case 2: // sends the same part for ever
		if len(a.uploads) == 0 {
			return nil
		}
		_, err := a.client.AddPart(ctx, a.uploads[a.rand.IntN(len(a.uploads))], bytes.NewReader(make([]byte, 1<<a.rand.IntN(20))))
		return err
	case 3: // fills the space
		_, err := a.client.CreateFile(ctx, bytes.NewReader(make([]byte, 4<<20)), describe)
		return err
	case 4: // guesses ids
		_, err := a.client.GetFile(ctx, fmt.Sprintf("file-%022d", a.rand.Int64()))
		return err
	case 5: // asks for everything, always
		_, err := a.client.ListUploads(ctx, api.ListQuery{Limit: 10_000})
		return err
	case 6: // guesses keys
		return a.raw(ctx, "GET /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+strings.Repeat("k", a.rand.IntN(20_000))+"\r\n\r\n")
	case 7: // begins a form and leaves
		return a.raw(ctx, "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+a.key+"\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 900000000\r\n\r\n"+
			"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"+strings.Repeat("x", a.rand.IntN(1<<20)))
	default: // sends a body that nobody asked for
		return a.raw(ctx, "POST /v1/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"+strings.Repeat("x", a.rand.IntN(1<<20)))
	}
}

func (a *abuser) create(ctx context.Context, bytes int64) (*api.Upload, error) {
	return a.client.CreateUpload(ctx, api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: bytes, MimeType: "text/plain"})
}

var errCut = errors.New("cut off")

// raw writes to a connection, and leaves after the first bytes of an answer or a
// moment without one.
func (a *abuser) raw(ctx context.Context, request string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", a.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	conn.Read(make([]byte, 100)) // whatever it says
	return errCut
}
