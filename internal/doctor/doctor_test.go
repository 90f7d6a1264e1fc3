package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"uploadd/internal/meta"
)

// A check that hangs, or does not heed the end of its time, is a row.
func TestHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rows []Row
		e := &exam{Settings: Settings{Patience: 4 * time.Second}, tell: func(r Row) { rows = append(rows, r) }}
		hang := make(chan struct{})
		defer close(hang)
		if e.try(t.Context(), "disk.flush", func(context.Context) found { <-hang; return fine("") }) {
			t.Error("what hangs is fine")
		}
		e.try(t.Context(), "s3.put", func(ctx context.Context) found {
			<-ctx.Done()
			time.Sleep(time.Second / 2) // says why
			return fault("wait", "the store is busy")
		})
		want := []Row{
			{"disk.flush", Fail, "no end within 4s", "find out what hangs; --patience gives it more time"},
			{"s3.put", Fail, "the store is busy", "wait"},
		}
		if len(rows) != 2 || rows[0] != want[0] || rows[1] != want[1] {
			t.Errorf("%+v, want %+v", rows, want)
		}
	})
}

func TestMemoryLimit(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	meminfo := file("MemTotal: 2000000 kB\nMemAvailable:    1000000 kB\n")
	for name, tt := range map[string]struct {
		root  fstest.MapFS
		limit int64
		whose string
	}{
		"nothing":   {fstest.MapFS{}, -1, ""},
		"machine":   {fstest.MapFS{"proc/meminfo": meminfo}, 1000000 << 10, "available"},
		"container": {fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("268435456\n")}, 256 << 20, "control group"},
		"unit": {fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/system.slice/uploadd.service\n"),
			"sys/fs/cgroup/system.slice/uploadd.service/memory.max": file("max\n"), "sys/fs/cgroup/system.slice/memory.max": file("134217728\n")}, 128 << 20, "control group"},
		"first version": {fstest.MapFS{"proc/self/cgroup": file("5:cpu:/a\n4:memory:/a\n"), "sys/fs/cgroup/memory/a/memory.limit_in_bytes": file("33554432\n")}, 32 << 20, "control group"},
		"no limit":      {fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("max\n")}, 1000000 << 10, "available"},
	} {
		if limit, whose := memoryLimit(tt.root); limit != tt.limit || !strings.Contains(whose, tt.whose) {
			t.Errorf("%s: %d by '%s', want %d by '%s'", name, limit, whose, tt.limit, tt.whose)
		}
	}
}

// What depends on the machine, or on what cannot be had here.
func TestJudgements(t *testing.T) {
	good := meta.PostgresState{Have: 3, Want: 3, Pool: 16, Allowed: 97, Open: 5, IdleTimeout: time.Second, Schema: "public", MayCreate: true}
	with := func(change func(*meta.PostgresState)) meta.PostgresState { s := good; change(&s); return s }
	for _, tt := range []struct {
		name string
		found
		want Verdict
	}{
		{"descriptors of a service", judgeDescriptors(524288), OK},
		{"descriptors, just enough", judgeDescriptors(3 * 4096), OK},
		{"descriptors, one less", judgeDescriptors(3*4096 - 1), Warn},
		{"descriptors of nobody", judgeDescriptors(3*32 - 1), Fail},
		{"memory", judgeMemory(1<<30, "x"), OK},
		{"memory unknown", judgeMemory(-1, ""), OK},
		{"memory, small", judgeMemory(256<<20, "x"), Warn},
		{"memory, tiny", judgeMemory(32<<20, "x"), Fail},
		{"clock", judgeClock(clockSynchronised), OK},
		{"clock alone", judgeClock(clockAlone), Warn},
		{"clock unknown", judgeClock(clockUnknown), OK},
		{"skew", judgeSkew(-time.Second, "it"), OK},
		{"skew behind", judgeSkew(-time.Minute, "it"), Warn},
		{"no schema", judgeSchema(with(func(s *meta.PostgresState) { s.Have, s.Schema = 0, "" })), Fail},
		{"newer tables", judgeSchema(with(func(s *meta.PostgresState) { s.Have = 4 })), OK},
		{"connections", judgeConnections(good), OK},
		{"connections in use", judgeConnections(with(func(s *meta.PostgresState) { s.Open = 90 })), Warn},
		{"timeouts", judgeTimeouts(good), OK},
		{"a long timeout", judgeTimeouts(with(func(s *meta.PostgresState) { s.Timeouts = map[string]time.Duration{"statement_timeout": time.Minute} })), OK},
		{"a local commit", judgeDurable(with(func(s *meta.PostgresState) { s.Doubts = errors.New("local") })), Warn},
		{"nothing in between", judgePooler(false, false, nil), OK},
		{"no second connection", judgePooler(false, false, context.DeadlineExceeded), Fail},
	} {
		if tt.Verdict != tt.want || (tt.do == "") != (tt.want == OK) {
			t.Errorf("%s: %s, %s, %s; want %s", tt.name, tt.Verdict, tt.saw, tt.do, tt.want)
		}
	}
}
