package blob_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"uploadd/api"
	"uploadd/internal/blob/s3test"
	"uploadd/internal/uploads/uploadstest"
)

// usage is the processor time that this process has used, in seconds.
func usage(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(u.Utime) + seconds(u.Stime)
}

// peak is the largest resident size since reset, in MiB.
func peak(b *testing.B, reset bool) float64 {
	b.Helper()
	if reset {
		if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
			b.Fatal(err)
		}
	}
	var kib float64
	for _, line := range strings.Split(string(uploadstest.Must(os.ReadFile("/proc/self/status"))(b)), "\n") {
		fmt.Sscanf(line, "VmHWM: %f", &kib)
	}
	return kib / 1024
}

// measured runs four at a time of move, which moves size bytes, and reports what they
// cost this process.
func measured(b *testing.B, size int64, move func(n int64) error) {
	var next atomic.Int64
	b.SetBytes(size)
	before := peak(b, true)
	start := usage(b)
	b.ResetTimer()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := move(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric((usage(b)-start)/(float64(b.N)*float64(size)/(1<<30)), "cpu-s/GiB")
	b.ReportMetric(peak(b, false)-before, "MiB-more")
}

// curl runs a client that is no part of this process.
func curl(args ...string) error {
	out, err := exec.Command("curl", append([]string{"-sS", "--fail-with-body", "-o", "/dev/null"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("curl: %w: %s", err, out)
	}
	return nil
}

// proxy passes requests on to the store, and does nothing else.
func proxy(b *testing.B, store *s3test.Store, to func(r *http.Request) string) string {
	transport := store.Transport(b)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := http.NewRequest(r.Method, to(r), r.Body)
		if err == nil {
			out.ContentLength = r.ContentLength
			var resp *http.Response
			if resp, err = transport.RoundTrip(out); err == nil {
				defer resp.Body.Close()
				w.WriteHeader(resp.StatusCode)
				_, err = io.Copy(w, resp.Body)
			}
		}
		if err != nil {
			b.Error(err)
		}
	}))
	b.Cleanup(s.Close)
	return s.URL
}

// BenchmarkS3 moves Parts of 64 MiB through a node to a store, and the same bytes
// through a bare proxy to the same store, four at a time. The client is a process of its
// own, and so is the store: what is reported is the node's, or the proxy's.
func BenchmarkS3(b *testing.B) {
	b.Run("http", func(b *testing.B) { benchmarkS3(b, s3test.Versitygw(b, false)) })
	b.Run("https", func(b *testing.B) { benchmarkS3(b, s3test.Versitygw(b, true)) })
}

func benchmarkS3(b *testing.B, s *s3test.Store) {
	const size = 64 << 20
	file := filepath.Join(b.TempDir(), "part")
	if err := os.WriteFile(file, uploadstest.Random(1, size), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, checksum := range []string{"crc64nvme", "md5"} {
		n := newNode(b, openS3(b, s, "checksum="+checksum))
		url := n.serve(b)
		a := n.svc.For("p")
		b.Run("Put/node/"+checksum, func(b *testing.B) {
			u := uploadstest.Must(a.CreateUpload(b.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 8 << 30, MimeType: "text/plain"}))(b)
			measured(b, size, func(int64) error {
				return curl("-H", "Expect:", "-H", "Authorization: Bearer p", "-F", "data=@"+file, url+"/uploads/"+u.ID+"/parts")
			})
		})
		u := uploadstest.Must(a.CreateUpload(b.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: size, MimeType: "text/plain"}))(b)
		data := uploadstest.Must(os.Open(file))(b)
		part := uploadstest.Must(a.AddPart(b.Context(), u.ID, data))(b)
		data.Close()
		f := uploadstest.Must(a.CompleteUpload(b.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{part.ID}}))(b).File
		b.Run("Get/node/"+checksum, func(b *testing.B) {
			measured(b, size, func(int64) error {
				return curl("-H", "Authorization: Bearer p", url+"/files/"+f.ID+"/content")
			})
		})
	}
	b.Run("Put/proxy", func(b *testing.B) {
		to := proxy(b, s, func(r *http.Request) string { return s.Presigned(b, "proxy"+r.URL.Path) })
		measured(b, size, func(n int64) error { return curl("-H", "Expect:", "-T", file, fmt.Sprintf("%s/%d", to, n)) })
	})
	b.Run("Get/proxy", func(b *testing.B) {
		to := proxy(b, s, func(*http.Request) string { return s.Presigned(b, "proxy/get") })
		if err := curl("-T", file, to); err != nil {
			b.Fatal(err)
		}
		to = proxy(b, s, func(*http.Request) string { return s.PresignedGet(b, "proxy/get") })
		measured(b, size, func(int64) error { return curl(to) })
	})
}
