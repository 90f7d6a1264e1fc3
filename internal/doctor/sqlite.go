package doctor

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"uploadd/internal/meta"
)

// longLog is that of a database which something keeps from being brought up to date.
const longLog = 1 << 30

// records looks at what keeps them.
func (e *exam) records(ctx context.Context) {
	if e.Meta != "" {
		e.postgres(ctx)
		return
	}
	path := filepath.Join(e.Data, databaseName)
	var s meta.SQLiteState
	none := false
	ok := e.try(ctx, "sqlite.version", func(ctx context.Context) (f found) {
		var err error
		s, err = meta.InspectSQLite(ctx, path)
		none = errors.Is(err, fs.ErrNotExist)
		return judgeVersion(s, err)
	})
	if !ok || none {
		return
	}
	e.try(ctx, "sqlite.intact", func(ctx context.Context) found {
		switch err := meta.VerifySQLite(ctx, path); {
		case ctx.Err() != nil:
			return doubt("give it more time with --patience", "%s were not read to their end within %s", humanize.IBytes(uint64(s.Bytes)), e.Patience)
		case err != nil:
			return fault("restore a back-up: docs/backup.md", "%v", err)
		}
		return fine("%s were read, and are in order", humanize.IBytes(uint64(s.Bytes)))
	})
	e.try(ctx, "sqlite.log", func(context.Context) found {
		log := humanize.IBytes(uint64(s.LogBytes))
		if s.LogBytes > longLog {
			return doubt("end the program that has been reading the database for so long, a back-up perhaps", "%s wait to be brought into the database", log)
		}
		return fine("%s wait to be brought into the database", log)
	})
}

// databaseName is that of the database in the data directory.
const databaseName = "uploadd.db"

func sqliteDurable(ctx context.Context, dir string) found {
	if err := meta.TrySQLite(ctx, filepath.Join(dir, "tried.db")); err != nil {
		return fault("keep the records on a disk of this machine, or in PostgreSQL with --meta", "%v", err)
	}
	return fine("a database keeps what is committed: journal_mode wal, synchronous full")
}

func judgeVersion(s meta.SQLiteState, err error) found {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fine("no records yet: the server makes the database")
	case err != nil:
		return fault("is it the server's directory, and may this user read it?", "%v", err)
	case s.Have > s.Want:
		return fault("use the newer program that has brought it there", "the database has version %d, and this program knows versions up to %d", s.Have, s.Want)
	case s.Have < s.Want:
		return doubt("make a back-up before you start this server: it brings the database to its version, which older programs refuse",
			"the database has version %d, and this program brings version %d", s.Have, s.Want)
	}
	return fine("version %d, SQLite %s, journal_mode %s", s.Have, s.Library, s.Journal)
}
