package bench

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/bench/load"
	"uploadd/test/bench/measure"
	"uploadd/test/bench/peers"
	"uploadd/test/bench/report"
)

// measureMemory has many large parts in flight at once, while the largest File is read
// over and over.
func measureMemory(t *testing.T, b *bench) {
	dir, _ := tempDir(t)
	server := peers.Uploadd().Start(t, dir)
	whole := peers.NewUpload(b.whole, b.part)
	sendAll(t, server, whole, atOnce)
	end(t, server, whole)

	sent := make(chan struct{})
	var reading sync.WaitGroup
	var read int64
	var failed error
	reading.Go(func() {
		failed = load.Each(server.Address, 1, 1, func(c *load.Conn, _ int) error {
			for {
				a, err := c.Do(whole.Content(io.Discard))
				if err != nil {
					return err
				}
				read += a.Length
				select {
				case <-sent:
					return nil
				default:
				}
			}
		})
	})
	u := peers.NewUpload(b.inFlight, b.part)
	var half sync.WaitGroup // all parts are half sent at one moment
	half.Add(b.inFlight)
	u.Pause = func() {
		half.Done()
		half.Wait()
	}
	with(t, server, u.Begin)
	err := load.Each(server.Address, b.inFlight, b.inFlight, func(c *load.Conn, i int) error {
		return u.Part(c, i, load.Data{Seed: i, Size: b.part})
	})
	close(sent)
	reading.Wait()
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	end(t, server, u)
	holds(t, server, u, b.inFlight-1, b.part)
	if read < whole.Bytes {
		t.Errorf("%d bytes of the large file were read beside the parts, which has %d", read, whole.Bytes)
	}
	peak := report.Sample{Unit: report.MiB}
	peak.Add(float64(uploadstest.Must(measure.Peak(server.PID))(t)) / (1 << 20))
	b.alone(fmt.Sprintf("memory at most, %d parts of %s in flight and a download of %s beside them", b.inFlight, b.large(1), b.large(b.whole)), peak, report.AtMost(96))
}
