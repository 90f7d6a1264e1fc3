// Package doctor tries what a server needs, in the place where it is to run, and says
// what to do where that is missing. It changes nothing that is there: what it writes are
// objects of its own, which it takes away again.
package doctor

import (
	"context"
	"fmt"
	"time"

	"uploadd/internal/blob"
)

// Verdict is what came of a check.
type Verdict string

const (
	OK   Verdict = "ok"
	Warn Verdict = "warn" // a server runs, and something may be lost, refused or slow
	Fail Verdict = "FAIL" // a server does not start, or takes nothing
)

// Row is one check, and what came of it.
type Row struct {
	Check   string  `json:"check"` // one of Checks
	Verdict Verdict `json:"verdict"`
	Saw     string  `json:"saw"`
	Do      string  `json:"do"` // "" where nothing is to be done
}

// Checks names every check there is. Which of them are made depends on where records and
// bytes are kept.
var Checks = []string{
	"machine.descriptors", "machine.memory", "clock.synchronised",
	"disk.write", "disk.trusted", "disk.flush", "disk.direct", "disk.allocate", "disk.lock", "disk.space", "disk.inodes",
	"sqlite.durable", "sqlite.version", "sqlite.intact", "sqlite.log",
	"postgres.connect", "postgres.tls", "postgres.writable", "postgres.durable", "postgres.schema", "postgres.connections",
	"postgres.timeouts", "postgres.pooler", "postgres.encoding", "postgres.latency", "clock.database",
	"s3.address", "s3.credentials", "s3.tls", "s3.put", "s3.head", "s3.get", "s3.range", "s3.large", "s3.checksum", "s3.once",
	"s3.delete", "s3.batch", "s3.missing", "s3.versions", "s3.lifecycle", "clock.bucket",
	"stores.paired", "access.keys", "listen.address", "tls.certificate",
}

// Settings say what is to be looked at: they are those of the server.
type Settings struct {
	Data  string // the directory, absolute; it need not exist
	Meta  string // the URL of a PostgreSQL; "" for a database in Data
	Blobs string // the URL of a bucket, or a directory, absolute; "" for one in Data

	Listen          string // HOST:PORT; "" where something else opens the port
	Local           bool   // nobody but this machine reaches that, as far as is known
	TLSCert, TLSKey string // files; "" without
	MaxUpload       int64  // bytes

	// Patience is how long one check may take.
	Patience time.Duration
}

// exam is one examination.
type exam struct {
	Settings
	tell   func(Row)
	bucket *blob.S3Trial // once one has answered
}

// Examine makes the checks one after the other, and tells of each as soon as it is over.
func Examine(ctx context.Context, s Settings, tell func(Row)) {
	e := &exam{Settings: s, tell: tell}
	e.machine(ctx)
	e.disks(ctx)
	e.records(ctx)
	e.bytes(ctx)
	e.stores(ctx)
	e.network(ctx)
}

// found is what a check came to.
type found struct {
	Verdict
	saw, do string
}

func fine(format string, args ...any) found { return found{OK, fmt.Sprintf(format, args...), ""} }

func doubt(do, format string, args ...any) found {
	return found{Warn, fmt.Sprintf(format, args...), do}
}

func fault(do, format string, args ...any) found {
	return found{Fail, fmt.Sprintf(format, args...), do}
}

// try makes one check, and says whether it did not fail. One that does not end in time
// is left behind: a flush that hangs cannot be called off.
func (e *exam) try(ctx context.Context, name string, check func(context.Context) found) bool {
	if ctx.Err() != nil { // nobody wants to know any more
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, e.Patience)
	defer cancel()
	done := make(chan found, 1)
	go func() { done <- check(ctx) }()
	var f found
	select {
	case f = <-done:
	case <-ctx.Done():
		// What ended because its time was up may say more.
		select {
		case f = <-done:
		case <-time.After(e.Patience / 4):
			f = fault("find out what hangs; --patience gives it more time", "no end within %s", e.Patience)
		}
	}
	e.tell(Row{name, f.Verdict, f.saw, f.do})
	return f.Verdict != Fail
}
