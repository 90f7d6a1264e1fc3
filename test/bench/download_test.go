package bench

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/bench/load"
	"uploadd/test/bench/peers"
	"uploadd/test/bench/report"
)

// measureDownload reads the same bytes from uploadd and from nginx, whole and in ranges,
// both from the page cache.
func measureDownload(t *testing.T, b *bench) {
	dir, _ := tempDir(t)
	ours := peers.Uploadd().Start(t, filepath.Join(dir, "uploadd"))
	u := peers.NewUpload(b.parts, b.part)
	sendAll(t, ours, u, atOnce)
	end(t, ours, u)
	holds(t, ours, u, b.parts-1, b.part)
	theirs := nginxWith(t, filepath.Join(dir, "nginx"), u)
	servers := []struct {
		*peers.Server
		path string
	}{{ours, "/v1/files/" + u.File + "/content"}, {theirs, "/whole"}}

	// An odd range: it begins and ends within a block, and crosses from part to part.
	ranges := func(i int) string {
		from := (int64(i)*u.Bytes/int64(b.parts) + b.part*3/4 + 1234) % u.Bytes
		return fmt.Sprintf("Range: bytes=%d-%d", from, min(from+b.part/2, u.Bytes)-1)
	}
	for _, way := range []struct {
		figure   string
		inRanges bool
	}{{"a download of a whole file", false}, {"downloads of ranges", true}} {
		var cpu, wall [2]report.Sample
		for round := range b.rounds + 1 {
			for which, s := range servers {
				gib, spent, took := fetch(t, s.Server, s.path, b.parts, way.inRanges, ranges)
				if round > 0 { // what the first reads may come from the disk
					cpu[which].Add(spent.Seconds() / gib)
					wall[which].Add(took.Seconds() / gib)
				}
			}
		}
		for i := range servers {
			cpu[i].Unit, wall[i].Unit = report.Seconds, report.Seconds
		}
		b.beside(way.figure+": the server's processor time for each GiB", cpu[0], "nginx, sendfile", cpu[1], report.AtMost(1.2))
		b.beside(way.figure+": time for each GiB", wall[0], "nginx, sendfile", wall[1], report.Goal{})
	}
}

// nginxWith is an nginx that serves u's bytes, checked as they are read, as /whole.
func nginxWith(t *testing.T, dir string, u *peers.Upload) *peers.Server {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "files"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := uploadstest.Must(os.Create(filepath.Join(dir, "files", "whole")))(t)
	for i := range u.Parts {
		if _, err := (load.Data{Seed: i, Size: u.Size}).WriteTo(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	settle(t, dir)
	return peers.Nginx().Start(t, dir)
}

// fetch reads a file whole, or n ranges of it, and says how much that was.
func fetch(t *testing.T, s *peers.Server, path string, n int, inRanges bool, span func(i int) string) (gib float64, cpu, wall time.Duration) {
	t.Helper()
	headers := []string{""}
	if inRanges {
		headers = headers[:0]
		for i := range n {
			headers = append(headers, span(i))
		}
	}
	meter, began := start(t, s), time.Now()
	var bytes int64
	with(t, s, func(c *load.Conn) error {
		for _, h := range headers {
			r := load.Request{Method: "GET", Path: path, Into: io.Discard}
			if h != "" {
				r.Header = []string{h}
			}
			a, err := c.Do(r)
			if err != nil {
				return err
			}
			if (a.Status == 206) != inRanges {
				return fmt.Errorf("status %d", a.Status)
			}
			bytes += a.Length
		}
		return nil
	})
	return float64(bytes) / (1 << 30), meter.cpu(), time.Since(began)
}
