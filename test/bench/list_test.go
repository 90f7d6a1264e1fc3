package bench

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"uploadd/test/bench/load"
	"uploadd/test/bench/peers"
	"uploadd/test/bench/report"
	"uploadd/test/program"
	"uploadd/test/records"
)

const pageLength = 100

// measureListAndStart starts the program with very many files and with few, and asks
// both for pages of the list.
func measureListAndStart(t *testing.T, b *bench) {
	many, _ := tempDir(t)
	killed, _ := tempDir(t)
	m := records.Fill(t, many, b.files, nil)
	said(t, "cp", "-a", many+"/.", killed)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	few, _ := tempDir(t)
	if err := records.Fill(t, few, b.few, nil).Close(); err != nil {
		t.Fatal(err)
	}
	starts, after := report.Sample{Unit: report.Seconds}, report.Sample{Unit: report.Seconds}
	for range b.rounds {
		starts.Add(startTime(t, many))
		crashed, done := tempDir(t) // a start mends what the kill left
		said(t, "cp", "-a", killed+"/.", crashed)
		after.Add(startTime(t, crashed))
		done()
	}
	large, small := program.Start(t, program.Options{Data: many}), program.Start(t, program.Options{Data: few})
	for _, place := range []struct {
		name string
		from float64 // of the way through the list
	}{{"first", 0}, {"middle", 0.5}, {"last", 1}} {
		ours, theirs := report.Sample{Unit: report.Millis}, report.Sample{Unit: report.Millis}
		for range b.rounds {
			for range b.pages {
				ours.Add(pageTime(t, large, b.files, place.from))
				theirs.Add(pageTime(t, small, b.few, place.from))
			}
		}
		b.beside(fmt.Sprintf("%s page of a list of %d files", place.name, b.files), ours, fmt.Sprintf("of %d", b.few), theirs, report.AtMost(1.5))
	}
	b.alone(fmt.Sprintf("start with %d files", b.files), starts, report.AtMost(1))
	b.alone(fmt.Sprintf("start with %d files after a kill", b.files), after, report.AtMost(1))
}

// startTime is how long the program takes to its first line, in seconds.
func startTime(t *testing.T, dir string) float64 {
	t.Helper()
	began := time.Now()
	s := program.Start(t, program.Options{Data: dir})
	took := time.Since(began)
	s.Kill()
	return took.Seconds()
}

// pageTime asks for a page at a place in the list of n files, the newest first, and says
// how many milliseconds that took.
func pageTime(t *testing.T, s *program.Server, n int, from float64) (ms float64) {
	t.Helper()
	path := fmt.Sprintf("/v1/files?limit=%d", pageLength)
	newest := n - 1 - int(from*float64(n-pageLength))
	if from > 0 {
		path += "&after=" + records.FileID(newest+1)
	}
	var list struct {
		Data    []struct{ ID string }
		HasMore bool `json:"has_more"`
	}
	server := peers.OfProgram(s)
	with(t, server, func(c *load.Conn) error {
		began := time.Now()
		a, err := c.Do(load.Request{Method: "GET", Path: path})
		ms = float64(time.Since(began).Microseconds()) / 1000
		if err != nil {
			return err
		}
		return json.Unmarshal(a.Body, &list)
	})
	if len(list.Data) != pageLength || list.Data[0].ID != records.FileID(newest) || list.HasMore == (from == 1) {
		t.Fatalf("%s: %d files, and %v that there are more", path, len(list.Data), list.HasMore)
	}
	return ms
}
