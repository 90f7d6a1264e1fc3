package scaling

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

// journal is what a server writes down of every statement: its text, its plan, and the
// pages that it looked at.
type journal struct {
	dir  string
	conn *pgx.Conn
	read int // bytes of it
	mark int
}

// startJournaled runs a server that keeps a journal.
func startJournaled(t *testing.T) (*postgres.Server, *journal) {
	t.Helper()
	dir := t.TempDir()
	// The server may run as somebody else.
	if err := errors.Join(os.Chmod(dir, 0o777), os.Chmod(filepath.Dir(dir), 0o711)); err != nil {
		t.Fatal(err)
	}
	server := postgres.Start(t, "max_wal_size=8GB", "autovacuum=off",
		"session_preload_libraries=auto_explain", "auto_explain.log_min_duration=0", "auto_explain.log_analyze=on",
		"auto_explain.log_buffers=on", "auto_explain.log_timing=off",
		"logging_collector=on", "log_directory="+dir, "log_filename=journal", "log_file_mode=0644", "log_rotation_size=0", "log_rotation_age=0")
	return server, &journal{dir: dir}
}

// follow reads the journal of what goes on in the database at url.
func (j *journal) follow(t *testing.T, url string) {
	j.conn = connect(t, url)
	j.since(t)
}

type statement struct {
	text, plan string
	pages      int // of tables and indexes that it looked at
}

var (
	entry   = regexp.MustCompile(`(?s)Query Text: (.*)\n\t((?:Update|Insert|Delete|Limit|Index|Seq|Bitmap|Result|Sort|Append|Nested|LockRows|Aggregate|Subquery|Values)\b.*)`)
	buffers = regexp.MustCompile(`Buffers: shared((?: (?:hit|read|dirtied|written)=\d+)+)`)
	looked  = regexp.MustCompile(`(?:hit|read)=(\d+)`)
)

// since returns the statements since it was asked last.
func (j *journal) since(t *testing.T) (list []statement) {
	t.Helper()
	j.mark++
	mark := "mark " + strconv.Itoa(j.mark) + "."
	if _, err := j.conn.Exec(t.Context(), "SELECT '"+mark+"'"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		text := string(uploadstest.Must(os.ReadFile(filepath.Join(j.dir, "journal")))(t))[j.read:]
		before, _, found := strings.Cut(text, mark)
		if !found {
			continue
		}
		j.read += len(before) + len(mark)
		for _, line := range strings.Split(before, "  duration: ") {
			if m := entry.FindStringSubmatch(line); m != nil {
				list = append(list, statement{m[1], m[2], pages(m[2])})
			}
		}
		return list
	}
	t.Fatal("PostgreSQL did not write its journal within a minute")
	return nil
}

// pages are those of the plan's first node, which counts those of all below it.
func pages(plan string) (n int) {
	if m := buffers.FindStringSubmatch(plan); m != nil {
		for _, count := range looked.FindAllStringSubmatch(m[1], -1) {
			i, _ := strconv.Atoi(count[1])
			n += i
		}
	}
	return n
}
