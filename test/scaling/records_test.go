package scaling

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"uploadd/internal/meta"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

// open makes a database with our schema, and opens it.
func open(t testing.TB, server *postgres.Server) (*meta.Store, string) {
	t.Helper()
	url := server.Database()
	return openNode(t, url), url
}

// openNode opens a database as one more node does.
func openNode(t testing.TB, url string) *meta.Store {
	t.Helper()
	s := uploadstest.Must(meta.OpenPostgres(t.Context(), url))(t)
	t.Cleanup(func() { s.Close() })
	return s
}

// connect is for what no node asks.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn := uploadstest.Must(pgx.Connect(t.Context(), url))(t)
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

// shape is what Files are like.
type shape struct {
	name       string
	parts      int  // of each File
	blocks     int  // of 256 KiB in each Part
	fromUpload bool // and not by one request
}

var (
	small  = shape{name: "Files of one request, to 256 KiB", parts: 1, blocks: 1}
	medium = shape{name: "Files of Uploads, a Part of 256 KiB", parts: 1, blocks: 1, fromUpload: true}
	large  = shape{name: "Files of Uploads, 4 Parts of 64 MiB", parts: 4, blocks: 256, fromUpload: true}
)

const projectsFilled = 10

// fill records n Files of a shape, spread over projects, with the statements of the
// database: the ids are as random as ours, and the rows in the order of their making.
func fill(t testing.TB, conn *pgx.Conn, s shape, n int) {
	t.Helper()
	upload := "NULL"
	if s.fromUpload {
		upload = "'upload_' || md5('u' || i)"
	}
	statements := []string{fmt.Sprintf(`
		INSERT INTO projects (name, max_bytes, max_files, max_uploads, max_requests)
		SELECT 'project-' || i, 1::bigint << 50, 1::bigint << 40, 1000, 100000 FROM generate_series(0, %d) i`, projectsFilled-1)}
	if s.fromUpload {
		statements = append(statements, fmt.Sprintf(`
			INSERT INTO uploads (id, project, key_id, filename, purpose, mime_type, bytes, status, created_at, expires_at, file_life, file_id, added_bytes, added_parts)
			SELECT 'upload_' || md5('u' || i), 'project-' || i %% %d, 'key_' || left(md5('k' || i %% %d), 16), 'measurements-' || i || '.jsonl', 'batch', 'application/jsonl',
				%d, 'completed', 1750000000 + i, 1750003600 + i, 0, 'file-' || left(md5('f' || i), 22), %d, %d FROM generate_series(1, %d) i`,
			projectsFilled, projectsFilled, s.parts*s.blocks<<18, s.parts*s.blocks<<18, s.parts, n))
	}
	statements = append(statements, fmt.Sprintf(`
		INSERT INTO files (id, project, key_id, upload_id, filename, purpose, bytes, crc32c, parts, created_at, expires_at)
		SELECT 'file-' || left(md5('f' || i), 22), 'project-' || i %% %d, 'key_' || left(md5('k' || i %% %d), 16), %s, 'measurements-' || i || '.jsonl', 'batch',
			%d, 3000000000 + i, %d, 1750000000 + i, 0 FROM generate_series(1, %d) i`,
		projectsFilled, projectsFilled, upload, s.parts*s.blocks<<18, s.parts, n), fmt.Sprintf(`
		INSERT INTO parts (id, upload_id, file_id, position, start, bytes, crc32c, sums, created_at)
		SELECT 'part_' || md5('p' || i || '.' || p), %s, 'file-' || left(md5('f' || i), 22), p, p * %d, %d, 3000000000 + i,
			decode(substr(repeat(md5(i || '.' || p), %d), 1, %d), 'hex'), 1750000000 + i
		FROM generate_series(1, %d) i, generate_series(0, %d) p`,
		upload, s.blocks<<18, s.blocks<<18, s.blocks, 8*s.blocks, n, s.parts-1), `VACUUM ANALYZE`)
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
