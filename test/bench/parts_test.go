package bench

import (
	"runtime"
	"slices"
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

// sent is what sending a large object to one server took, for each round: processor time
// of the server for the parts, and with their end; of the whole machine; and the rest.
type sent struct{ cpu, whole, machine, wall, end, peak report.Sample }

// measureParts sends large parts to every server in turn.
func measureParts(t *testing.T, b *bench) {
	list := append([]peers.Kind{peers.Uploadd(), peers.Nginx()}, kinds(peers.MinIO, peers.Tusd, peers.Versitygw)...)
	list = append(list, peers.Plain(), peers.Discard())
	took := map[string]*sent{}
	for range b.rounds {
		for _, kind := range list {
			s := took[kind.Name]
			if s == nil {
				seconds := report.Sample{Unit: report.Seconds}
				s = &sent{seconds, seconds, seconds, seconds, report.Sample{Unit: report.Millis}, report.Sample{Unit: report.MiB}}
				took[kind.Name] = s
			}
			s.round(t, b, kind)
		}
	}
	goals := map[string]struct{ cpu, wall report.Goal }{
		"nginx": {report.AtMost(1.2), report.AtMost(1)}, "MinIO": {report.AtMost(1.0 / 4), report.AtMost(0.5)},
		"tusd": {report.AtMost(1.0 / 5), report.AtMost(0.5)}, "versitygw": {wall: report.AtMost(0.5)}, "mime/multipart": {wall: report.AtMost(0.5)},
	}
	each := func(figure string, of func(*sent) report.Sample, goal func(peer string) report.Goal, without ...string) {
		for _, kind := range list[1:] {
			if !slices.Contains(without, kind.Name) {
				b.beside(figure, of(took["uploadd"]), kind.Name, of(took[kind.Name]), goal(kind.Name))
			}
		}
	}
	none := func(string) report.Goal { return report.Goal{} }
	each("parts of "+b.large(1)+", 4 at once: the server's processor time for each GiB", func(s *sent) report.Sample { return s.cpu },
		func(peer string) report.Goal { return goals[peer].cpu })
	each("with making one object of them", func(s *sent) report.Sample { return s.whole }, none, "nginx", "mime/multipart", "discard")
	each("the whole machine's, without the client's, until the parts are on the disk", func(s *sent) report.Sample { return s.machine }, none)
	each("time for each GiB, until all is on the disk", func(s *sent) report.Sample { return s.wall },
		func(peer string) report.Goal { return goals[peer].wall })
	each("making one object of them", func(s *sent) report.Sample { return s.end }, none, "nginx", "mime/multipart", "discard")
	each("memory at most", func(s *sent) report.Sample { return s.peak }, none, "discard")
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

// meter counts processor time from its start on.
type meter struct {
	t                    *testing.T
	pid                  int
	began                time.Time
	server, own, machine time.Duration
}

func start(t *testing.T, s *peers.Server) *meter {
	t.Helper()
	m := &meter{t: t, pid: s.PID, began: time.Now()}
	m.server, m.own, m.machine = m.now()
	return m
}

func (m *meter) now() (server, own, machine time.Duration) {
	m.t.Helper()
	return uploadstest.Must(measure.CPU(m.pid))(m.t), uploadstest.Must(measure.Own())(m.t), uploadstest.Must(measure.Machine())(m.t)
}

// cpu is what the server has had.
func (m *meter) cpu() time.Duration {
	m.t.Helper()
	server, _, _ := m.now()
	server -= m.server
	if there := time.Since(m.began) * time.Duration(runtime.NumCPU()); server <= 0 || server > there {
		m.t.Fatalf("the server had %s of the processors' %s: that was not measured right", server, there)
	}
	return server
}

// others is what all but this process have had, and the kernel in nobody's name. The
// machine's time is counted so coarsely that it may seem less than the server's.
func (m *meter) others() time.Duration {
	m.t.Helper()
	server, own, machine := m.now()
	return max(machine-m.machine-(own-m.own), server-m.server)
}
