package bench

import (
	"runtime"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/bench/measure"
	"uploadd/test/bench/peers"
)

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
