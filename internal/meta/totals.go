package meta

import "context"

// Totals is what the records of all projects come to.
type Totals struct {
	Bytes    int64 // of Files
	Reserved int64 // bytes, by pending Uploads
	Files    int64
	Uploads  int64 // pending
	Binned   int64 // keys in the bin
	Untold   int64 // events that hooks are yet to be told
	// UntoldSince is when the earliest of those happened, 0 if there are none.
	UntoldSince int64
	// Due is when the earliest of what the janitor has to do was or is due: to end what
	// is past its time, or to delete a blob. 0 is nothing to do.
	Due int64
}

// Totals adds up. It reads the accounts, one row for each project, the index of the bin: a
// few milliseconds for 100,000 keys; and what is in the outbox. All else is the first entry
// of an index.
func (s *Store) Totals(ctx context.Context) (*Totals, error) {
	rows, err := s.read.query(ctx, `
		SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT), CAST(COALESCE(SUM(reserved), 0) AS BIGINT),
			CAST(COALESCE(SUM(files), 0) AS BIGINT), CAST(COALESCE(SUM(uploads), 0) AS BIGINT),
			(SELECT COUNT(*) FROM bin),
			(SELECT COUNT(*) FROM outbox WHERE due_at IS NOT NULL),
			(SELECT COALESCE(MIN(at), 0) FROM outbox WHERE due_at IS NOT NULL),
			(SELECT COALESCE(MIN(due_at), 0) FROM bin),
			(SELECT COALESCE(MIN(expires_at), 0) FROM uploads WHERE status = 'pending'),
			(SELECT COALESCE(MIN(expires_at), 0) FROM files WHERE deleted_at IS NULL AND expires_at > 0)
		FROM projects`)
	return one(scanTotals, rows, err)
}

func scanTotals(r result, t *Totals) error {
	var due [3]int64
	err := r.Scan(&t.Bytes, &t.Reserved, &t.Files, &t.Uploads, &t.Binned, &t.Untold, &t.UntoldSince, &due[0], &due[1], &due[2])
	for _, at := range due {
		if at > 0 && (t.Due == 0 || at < t.Due) {
			t.Due = at
		}
	}
	return err
}
