package bench

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/bench/load"
	"uploadd/test/bench/measure"
	"uploadd/test/bench/peers"
	"uploadd/test/bench/report"
)

// sendAll adds all parts of an Upload, so many at once, in their order if it is one.
func sendAll(t *testing.T, server *peers.Server, u *peers.Upload, clients int) {
	t.Helper()
	with(t, server, u.Begin)
	err := load.Each(server.Address, len(u.Parts), clients, func(c *load.Conn, i int) error {
		return u.Part(c, i, load.Data{Seed: i, Size: u.Size})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// end completes an Upload, and returns the milliseconds that it took. The connection is
// open before.
func end(t *testing.T, server *peers.Server, u *peers.Upload) (ms float64) {
	t.Helper()
	with(t, server, func(c *load.Conn) error {
		began := time.Now()
		err := u.End(c)
		ms = float64(time.Since(began).Microseconds()) / 1000
		return err
	})
	return ms
}

// measureComplete completes Uploads of many parts, large ones and small ones in turn.
// Each large one is sent anew, to a server of its own, as there is not room for all.
func measureComplete(t *testing.T, b *bench) {
	large, small := report.Sample{Unit: report.Millis}, report.Sample{Unit: report.Millis}
	flush := report.Sample{Unit: report.Millis}
	for range b.rounds {
		dir, done := tempDir(t)
		server := peers.Uploadd().Start(t, dir)
		big := peers.NewUpload(b.whole, b.part)
		sendAll(t, server, big, atOnce)
		for range 5 {
			little := peers.NewUpload(b.whole, 1<<10)
			sendAll(t, server, little, atOnce)
			settle(t, dir)
			small.Add(end(t, server, little))
		}
		large.Add(end(t, server, big))
		holds(t, server, big, b.whole-1, b.part)
		flush.Add(1000 / uploadstest.Must(measure.Flushes(dir, 100*time.Millisecond))(t))
		server.Stop()
		done()
	}
	figure := fmt.Sprintf("completing %d parts of %s, without md5", b.whole, b.large(1))
	b.alone(figure, large, report.AtMost(10))
	b.beside(figure, large, "as many of 1 KiB", small, report.AtMost(1.5))
	b.beside(figure, large, "one flush of the disk", flush, report.Goal{})
}

// measureMD5 completes Uploads with an MD5, sent in order and the other way round.
func measureMD5(t *testing.T, b *bench) {
	dir, _ := tempDir(t)
	server := peers.Uploadd().Start(t, dir)
	sums := make([]string, 2) // of the parts in the order sent, and the other way round
	sum, back := md5.New(), md5.New()
	for i := range b.hashed {
		load.Data{Seed: i, Size: b.part}.WriteTo(sum)
		load.Data{Seed: b.hashed - 1 - i, Size: b.part}.WriteTo(back)
	}
	sums[0], sums[1] = hex.EncodeToString(sum.Sum(nil)), hex.EncodeToString(back.Sum(nil))
	size := float64(b.part) * float64(b.hashed)

	anew, inOrder, plain := report.Sample{Unit: report.Millis}, report.Sample{Unit: report.Millis}, report.Sample{Unit: report.Millis}
	read := report.Sample{Unit: report.Times}
	for round := range b.rounds + 1 {
		began := time.Now()
		h := md5.New()
		load.Data{Size: int64(size)}.WriteTo(h)
		memory := float64(time.Since(began).Microseconds()) / 1000

		u := peers.NewUpload(b.hashed, b.part)
		u.MD5 = sums[0]
		sendAll(t, server, u, 1)
		ms := end(t, server, u)

		other := peers.NewUpload(b.hashed, b.part)
		sendAll(t, server, other, 1)
		for i := range len(other.Parts) / 2 {
			j := len(other.Parts) - 1 - i
			other.Parts[i], other.Parts[j] = other.Parts[j], other.Parts[i]
		}
		other.MD5 = sums[1]
		before := uploadstest.Must(measure.Read(server.PID))(t)
		otherMS := end(t, server, other)
		bytes := uploadstest.Must(measure.Read(server.PID))(t) - before
		if float64(bytes) < size {
			t.Fatalf("the server read %d bytes: it cannot have seen all %.0f again", bytes, size)
		}
		remove(t, server, u, other)
		if round == 0 { // what a project completes first tells that it gives MD5s
			continue
		}
		plain.Add(memory)
		inOrder.Add(ms)
		anew.Add(otherMS)
		read.Add(float64(bytes) / size)
	}
	b.beside("completing "+b.large(b.hashed)+" with md5, the parts added in order by one client", inOrder, "the MD5 of the same from memory", plain, report.AtMost(0.1))
	b.beside("completing with md5, the parts in another order", anew, "the MD5 of the same from memory", plain, report.AtMost(1.2))
	b.alone("bytes read for that, to those of the file", read, report.AtMost(1.05))
}

// remove deletes Files.
func remove(t *testing.T, server *peers.Server, list ...*peers.Upload) {
	t.Helper()
	for _, u := range list {
		with(t, server, func(c *load.Conn) error {
			_, err := c.Do(load.Request{Method: "DELETE", Path: "/v1/files/" + u.File})
			return err
		})
	}
}
