package bench

import (
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/bench/load"
	"uploadd/test/bench/measure"
	"uploadd/test/bench/peers"
	"uploadd/test/bench/report"
)

// atOnce is how many parts are sent at a time.
const atOnce = 4

// sent is what sending a large object to one server took, for each round.
type sent struct {
	cpu     report.Sample // of the server, for the parts
	whole   report.Sample // and for making them one object
	machine report.Sample // of the machine, for the parts
	wall    report.Sample
	end     report.Sample // time to make them one object
	peak    report.Sample // memory
}

func newSent() *sent {
	seconds := report.Sample{Unit: report.Seconds}
	return &sent{cpu: seconds, whole: seconds, machine: seconds, wall: seconds,
		end: report.Sample{Unit: report.Millis}, peak: report.Sample{Unit: report.MiB}}
}

// measureParts sends large parts to every server in turn.
func measureParts(t *testing.T, b *bench) {
	list := append([]peers.Kind{peers.Uploadd(), peers.Nginx(), peers.NginxAsInstalled()}, kinds(peers.MinIO, peers.Tusd, peers.Versitygw)...)
	list = append(list, peers.Plain(), peers.Discard())
	took := map[string]*sent{}
	for _, kind := range list {
		took[kind.Name] = newSent()
	}
	for range b.rounds {
		for _, kind := range list {
			took[kind.Name].round(t, b, kind)
		}
	}
	half := report.AtMost(0.5)
	for _, f := range []struct {
		name  string
		of    func(*sent) report.Sample
		goals map[string]report.Goal
		joins bool // beside those only that make one object of parts
	}{
		{"parts of " + b.large(1) + ", 4 at once: the server's processor time for each GiB", func(s *sent) report.Sample { return s.cpu },
			map[string]report.Goal{"nginx": report.AtMost(1.2), "MinIO": report.AtMost(1.0 / 4), "tusd": report.AtMost(1.0 / 5)}, false},
		{"with making one object of them", func(s *sent) report.Sample { return s.whole }, nil, true},
		{"the whole machine's, without the client's, until the parts are on the disk", func(s *sent) report.Sample { return s.machine }, nil, false},
		{"time for each GiB, until all is on the disk", func(s *sent) report.Sample { return s.wall },
			map[string]report.Goal{"nginx": report.AtMost(1), "MinIO": half, "tusd": half, "versitygw": half, "mime/multipart": half}, false},
		{"time to make one object of them", func(s *sent) report.Sample { return s.end }, nil, true},
		{"memory at most", func(s *sent) report.Sample { return s.peak }, nil, false},
	} {
		for _, kind := range list[1:] {
			if kind.Joins || !f.joins {
				b.beside(f.name, f.of(took["uploadd"]), kind.Name, f.of(took[kind.Name]), f.goals[kind.Name])
			}
		}
	}
}

// round has one server, started for it, take the parts.
func (s *sent) round(t *testing.T, b *bench, kind peers.Kind) {
	dir, done := tempDir(t)
	defer done()
	server := kind.Start(t, dir)
	defer server.Stop()
	object := server.Object(b.parts, b.part)
	with(t, server, object.Begin)
	settle(t, dir)

	meter := start(t, server)
	began := time.Now()
	err := load.Each(server.Address, b.parts, atOnce, func(c *load.Conn, i int) error {
		return object.Part(c, i, load.Data{Seed: i, Size: b.part})
	})
	if err != nil {
		t.Fatalf("%s: %v", kind.Name, err)
	}
	cpu := meter.cpu()
	if !kind.Flushes {
		settle(t, dir)
	}
	wall := time.Since(began)
	gib := float64(b.parts) * float64(b.part) / (1 << 30)
	s.cpu.Add(cpu.Seconds() / gib)
	s.wall.Add(wall.Seconds() / gib)
	s.machine.Add(meter.others().Seconds() / gib)

	began = time.Now()
	with(t, server, object.End)
	s.end.Add(float64(time.Since(began).Microseconds()) / 1000)
	s.whole.Add(meter.cpu().Seconds() / gib)
	s.peak.Add(float64(uploadstest.Must(measure.Peak(server.PID))(t)) / (1 << 20))
	if !kind.Forgets {
		holds(t, server, object, b.parts-1, b.part)
	}
}

// holds fails the test unless the server has kept the bytes of a part.
func holds(t *testing.T, server *peers.Server, object peers.Object, i int, size int64) {
	t.Helper()
	got := load.Data{Seed: i, Size: size}.HoldTo(0)
	with(t, server, func(c *load.Conn) error { return object.ReadPart(c, i, got) })
	if err := got.Err(size); err != nil {
		t.Fatalf("%s: %v", server.Name, err)
	}
}

// with does one thing on a connection of its own.
func with(t *testing.T, server *peers.Server, do func(c *load.Conn) error) {
	t.Helper()
	if err := load.Each(server.Address, 1, 1, func(c *load.Conn, _ int) error { return do(c) }); err != nil {
		t.Fatalf("%s: %v", server.Name, err)
	}
}

// settle waits until the disk has all that was written before.
func settle(t *testing.T, dir string) {
	t.Helper()
	if err := measure.Sync(dir); err != nil {
		t.Fatal(err)
	}
}
