package bench

import (
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/bench/load"
	"uploadd/test/bench/measure"
	"uploadd/test/bench/peers"
	"uploadd/test/bench/report"
)

const (
	clients   = 32
	smallSize = 4 << 10 // bytes
)

// measureFiles sends small files to each server in turn, from many clients.
func measureFiles(t *testing.T, b *bench) {
	list := append([]peers.Kind{peers.Uploadd(), peers.Nginx()}, kinds(peers.MinIO, peers.Versitygw)...)
	servers := make([]*peers.Server, len(list))
	rates := make([]report.Sample, len(list))
	cpu := make([]report.Sample, len(list))
	for i, kind := range list {
		dir, _ := tempDir(t)
		servers[i] = kind.Start(t, dir)
		rates[i].Unit, cpu[i].Unit = report.PerSecond, report.Millis
	}
	for round := range b.rounds {
		for i, server := range servers {
			meter := start(t, server)
			first := round * 10_000_000
			rate, err := load.For(server.Address, b.period, clients, func(c *load.Conn, n int) error {
				return server.Put(c, first+n, load.Data{Seed: n % 1000, Size: smallSize})
			})
			if err != nil {
				t.Fatalf("%s: %v", server.Name, err)
			}
			rates[i].Add(rate)
			cpu[i].Add(meter.cpu().Seconds() * 1000 / (rate * b.period.Seconds()))
		}
	}
	for i, server := range servers[1:] {
		goal := report.Goal{}
		if server.Name == "MinIO" {
			goal = report.AtLeast(5)
		}
		name := server.Name
		if !list[i+1].Flushes {
			name += ", not flushed"
		}
		b.beside("files of 4 KiB, from 32 clients", rates[0], name, rates[i+1], goal)
	}
	for i, server := range servers[1:] {
		b.beside("the server's processor time for each of them", cpu[0], server.Name, cpu[i+1], report.Goal{})
	}
}

// measureCycles has many clients create Uploads, add one small Part and complete them,
// and asks the disk in between how often it can be flushed.
func measureCycles(t *testing.T, b *bench) {
	dir, _ := tempDir(t)
	server := peers.Uploadd().Start(t, dir)
	cycles, flushes := report.Sample{Unit: report.PerSecond}, report.Sample{Unit: report.PerSecond}
	for range b.rounds {
		rate, err := load.For(server.Address, b.period, clients, cycle)
		if err != nil {
			t.Fatal(err)
		}
		cycles.Add(rate)
		flushes.Add(uploadstest.Must(measure.Flushes(dir, b.period/3))(t))
	}
	last := peers.NewUpload(1, cycleSize)
	sendAll(t, server, last, 1)
	end(t, server, last)
	holds(t, server, last, 0, cycleSize)
	b.beside("Uploads created, given a small Part and completed, from 32 clients", cycles, "flushes of the disk, one writer", flushes, report.AtLeast(1.0/3))
}

const cycleSize = 1 << 10 // bytes

// cycle is the whole life of an Upload.
func cycle(c *load.Conn, _ int) error {
	u := peers.NewUpload(1, cycleSize)
	if err := u.Begin(c); err != nil {
		return err
	}
	if err := u.Part(c, 0, load.Data{Size: cycleSize}); err != nil {
		return err
	}
	return u.End(c)
}
