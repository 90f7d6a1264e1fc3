package transfer

import (
	"crypto/rand"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

var gib = flag.Int("gib", 1, "how many GiB are sent for each figure of BenchmarkCost")

// BenchmarkCost tells what sending costs in processor time for each GiB, and in
// memory, beside curl sending the same Parts to the same server. Run it with
// -benchtime 1x, on an idle machine.
func BenchmarkCost(b *testing.B) {
	const part, atOnce = 64 << 20, 16
	dir := b.TempDir()
	whole, one := filepath.Join(dir, "whole"), filepath.Join(dir, "part")
	fill(b, whole, int64(*gib)<<30)
	fill(b, one, part)
	for _, tls := range []bool{false, true} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(discard))
		protocol, ca := "http", ""
		if tls {
			protocol = "https"
			s.StartTLS()
			ca = filepath.Join(dir, "ca.pem")
			raw := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
			if err := os.WriteFile(ca, raw, 0o600); err != nil {
				b.Fatal(err)
			}
		} else {
			s.Start()
		}
		b.Cleanup(s.Close)
		for _, noMD5 := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/transfer/md5=%v", protocol, !noMD5), func(b *testing.B) {
				for b.Loop() {
					p := begin(b, job{URL: s.URL + "/v1", Path: whole, PartSize: part, Parallel: atOnce, NoMD5: noMD5}, "SSL_CERT_FILE="+ca)
					p.mustEnd(b)
					report(b, p.cmd)
				}
			})
		}
		b.Run(protocol+"/curl", func(b *testing.B) {
			for b.Loop() {
				var args []string
				for range *gib << 30 / part {
					if len(args) > 0 {
						args = append(args, "--next")
					}
					args = append(args, "--silent", "--fail", "--output", os.DevNull, "-F", "data=@"+one, s.URL+"/v1/uploads/u/parts")
					if tls {
						args = append(args, "--cacert", ca)
					}
				}
				curl := exec.Command("curl", args...)
				if out, err := curl.CombinedOutput(); err != nil {
					b.Fatalf("curl: %v\n%s", err, out)
				}
				report(b, curl)
			}
		})
	}
}

// fill makes a file of random bytes.
func fill(b *testing.B, path string, size int64) {
	f, err := os.Create(path)
	if err == nil {
		_, err = io.CopyN(f, rand.Reader, size)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

func report(b *testing.B, cmd *exec.Cmd) {
	spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	b.ReportMetric(spent.Seconds()/float64(*gib), "cpu-s/GiB")
	b.ReportMetric(float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024, "MiB-resident")
}

// discard answers as a server would that keeps nothing.
func discard(w http.ResponseWriter, r *http.Request) {
	buf := make([]byte, 256<<10)
	for {
		if _, err := r.Body.Read(buf); err == io.EOF {
			break
		} else if err != nil {
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"id":"x","status":"completed","expires_at":3600,"file":{"id":"f","bytes":%d}}`, int64(*gib)<<30)
}
