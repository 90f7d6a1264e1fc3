package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"uploadd/internal/meta"
)

const (
	// testedWith is the oldest version of PostgreSQL that the tests run with.
	testedWith = 15
	// farAway is a way to the database that each step of a request takes several times.
	farAway = 10 * time.Millisecond
	// wrongBy is how far clocks may be apart before somebody should look.
	wrongBy = 5 * time.Second
)

// postgres looks at the database that nodes share.
func (e *exam) postgres(ctx context.Context) {
	var t *meta.PostgresTrial
	var s meta.PostgresState
	if !e.try(ctx, "postgres.connect", func(ctx context.Context) (f found) {
		t, s, f = connect(ctx, e.Meta)
		return f
	}) {
		return
	}
	defer t.Close()
	e.try(ctx, "postgres.tls", func(context.Context) found {
		switch {
		case s.Secure:
			return fine("the connection is encrypted")
		case s.Local:
			return fine("the connection is plain, and does not leave this machine")
		}
		return doubt("add sslmode=verify-full to the URL", "records go to the database in the clear")
	})
	e.try(ctx, "postgres.writable", func(ctx context.Context) found { return judgeWritable(s, t.Writable(ctx, s.Have > 0)) })
	e.try(ctx, "postgres.durable", func(context.Context) found { return judgeDurable(s) })
	e.try(ctx, "postgres.schema", func(context.Context) found { return judgeSchema(s) })
	e.try(ctx, "postgres.connections", func(context.Context) found { return judgeConnections(s) })
	e.try(ctx, "postgres.timeouts", func(context.Context) found { return judgeTimeouts(s) })
	e.try(ctx, "postgres.pooler", func(ctx context.Context) found { return judgePooler(t.Pooler(ctx)) })
	e.try(ctx, "postgres.encoding", func(context.Context) found {
		if s.Encoding != "UTF8" {
			return fault("make a database with ENCODING 'UTF8' TEMPLATE template0", "the encoding is %s: names of files may not be storable", s.Encoding)
		}
		return fine("UTF8")
	})
	var ahead time.Duration
	if e.try(ctx, "postgres.latency", func(ctx context.Context) found {
		trip, off, err := t.Latency(ctx)
		ahead = off
		switch {
		case err != nil:
			return fault("look at the database", "%v", err)
		case trip > farAway:
			return doubt("run nodes near the database: each request asks it several times", "the median of an answer is %s", trip.Round(time.Microsecond))
		}
		return fine("the median of an answer is %s", trip.Round(time.Microsecond))
	}) {
		e.try(ctx, "clock.database", func(context.Context) found { return judgeSkew(ahead, "the database's clock, by which nodes go,") })
	}
}

func connect(ctx context.Context, url string) (*meta.PostgresTrial, meta.PostgresState, found) {
	t, err := meta.TryPostgres(ctx, url)
	if err != nil {
		do := "start the database, or correct --meta; the password comes from PGPASSWORD or PGPASSFILE"
		if strings.Contains(err.Error(), "unsupported startup parameter") {
			do = "PgBouncer: ignore_startup_parameters = idle_in_transaction_session_timeout, lock_timeout (docs/deploy.md)"
		}
		return nil, meta.PostgresState{}, fault(do, "%v", err)
	}
	s, err := t.State(ctx)
	if err != nil {
		t.Close()
		return nil, s, fault("ask it for its settings yourself: this is no PostgreSQL that the tests know", "%v", err)
	}
	if s.Number/10000 < testedWith {
		return t, s, doubt("use PostgreSQL 15 or later", "version %s: the tests run with %d", s.Version, testedWith)
	}
	return t, s, fine("PostgreSQL %s", s.Version)
}

func judgeWritable(s meta.PostgresState, err error) found {
	switch {
	case s.Recovering:
		return fault("name the primary, or all servers with target_session_attrs=read-write", "it is a standby, which takes no writes")
	case s.ReadOnly && s.Have < s.Want:
		return fault("turn default_transaction_read_only off, in the database or for its user", "transactions are read-only, so the tables cannot be made")
	case err != nil:
		return fault("let the user of the URL own the database", "%v", err)
	case s.ReadOnly:
		return doubt("turn default_transaction_read_only off, in the database or for its user",
			"transactions are read-only unless they ask: the next version could not change the tables")
	}
	return fine("records can be written")
}

func judgeDurable(s meta.PostgresState) found {
	switch {
	case s.Unsafe != nil:
		return fault("ALTER SYSTEM SET synchronous_commit = on, or add synchronous_commit=on to the URL", "%v", s.Unsafe)
	case s.Doubts != nil:
		return doubt("turn fsync and full_page_writes on, and synchronous_commit on where a standby may take over", "%v", s.Doubts)
	}
	return fine("what is committed is flushed")
}

func judgeSchema(s meta.PostgresState) found {
	switch {
	case s.Have > s.Want:
		return fine("the tables have version %d, which a newer program brought; this one brings %d", s.Have, s.Want)
	case s.Have == s.Want:
		return fine("the tables have version %d", s.Have)
	case s.Schema == "":
		return fault("CREATE SCHEMA public, or set a search_path for the user", "there is no schema to make tables in")
	case !s.MayCreate:
		return fault(fmt.Sprintf("GRANT CREATE ON SCHEMA %s to the user, or let it own the database", s.Schema), "the user may not make tables in the schema %s", s.Schema)
	case s.Have == 0:
		return fine("no tables yet: the server makes them")
	}
	return fine("the tables have version %d; the server brings them to %d beside running nodes", s.Have, s.Want)
}

func judgeConnections(s meta.PostgresState) found {
	format, args := "a node opens up to %d; %d are allowed, %d are open", []any{s.Pool, s.Allowed, s.Open}
	const do = "raise max_connections or the limit of the user or database, or lower pool_max_conns in the URL"
	switch {
	case s.Allowed < s.Pool:
		return fault(do, format, args...)
	case s.Allowed-s.Open < s.Pool:
		return doubt(do+", unless nodes of yours have those that are open", format, args...)
	}
	return fine(format, args...)
}

func judgeTimeouts(s meta.PostgresState) found {
	for _, name := range slices.Sorted(maps.Keys(s.Timeouts)) {
		if d := s.Timeouts[name]; d < meta.StepTime {
			return doubt(fmt.Sprintf("ALTER ROLE … SET %s = 0, or at least %s", name, meta.StepTime), "%s is %s: steps that wait for others may be cut off", name, d)
		}
	}
	if s.IdleTimeout == 0 {
		return doubt("ALTER ROLE … SET idle_in_transaction_session_timeout = '5s'", "a node that stops within a transaction keeps others waiting for ever")
	}
	return fine("no statement is cut off; a transaction may be idle for %s", s.IdleTimeout)
}

func judgePooler(between, shared bool, err error) found {
	const do = "add default_query_exec_mode=exec to the URL (docs/deploy.md), or set pool_mode = session"
	switch {
	case err != nil && (between || shared):
		return fault(do, "a pooler shares connections, and prepared statements are lost on them: %v", err)
	case err != nil && errors.Is(err, context.DeadlineExceeded):
		return fault("give the pooler more connections (default_pool_size)", "a second connection was not to be had: %v", err)
	case err != nil:
		return fault("look at the database", "%v", err)
	case shared:
		return fine("a pooler shares connections between nodes, and they can work so")
	case between:
		return fine("a pooler is in between, and a connection stays a node's")
	}
	return fine("nothing is in between")
}

func judgeSkew(ahead time.Duration, whose string) found {
	if ahead.Abs() > wrongBy {
		return doubt("set the clocks right: run a time service on both machines", "%s is %s off that of this machine", whose, ahead.Round(time.Millisecond))
	}
	return fine("%s is %s off that of this machine", whose, ahead.Round(time.Millisecond))
}
