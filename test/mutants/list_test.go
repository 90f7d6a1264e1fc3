package mutants

// mutant is a known mistake: one text of one file replaced by another.
type mutant struct {
	name     string // what the mistake is
	file     string // from the root of the module
	old, new string // old is there exactly once
	tests    string // the packages that are asked, in this order, until one fails
}

const (
	blobs      = "internal/blob"
	records    = "internal/meta"
	domain     = "internal/uploads"
	http       = "internal/server"
	forms      = "internal/formdata"
	program    = "cmd/uploadd"
	durability = "test/durability"
)

// mutants are mistakes that servers of this kind have made, or that the design
// rests on nobody making.
var mutants = []mutant{
	// Bytes.
	{"no flush of the file", "internal/blob/disk.go", "if err := f.Sync(); err != nil {", "if err := error(nil); err != nil {", durability},
	{"no flush of the directory", "internal/blob/disk.go", "	return syncDir(d.root, dir)\n", "	return nil\n", durability},
	{"no flush of a deletion", "internal/blob/disk.go", "if serr := syncDir(d.root, dir); serr != nil {", "if serr := error(nil); serr != nil {", durability},
	{"an error of Close ignored", "internal/blob/disk.go", "	if err := f.Close(); err != nil {\n		return err\n	}\n", "	f.Close()\n", blobs},
	{"a blob that exists is overwritten", "internal/blob/disk.go", "os.O_WRONLY|os.O_CREATE|os.O_EXCL|", "os.O_WRONLY|os.O_CREATE|os.O_TRUNC|", blobs},
	{"links are followed", "internal/blob/disk.go", "os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK", "os.O_RDONLY|syscall.O_NONBLOCK", blobs},
	{"a failed part stays on the disk", "internal/blob/disk.go", "err = errors.Join(err, d.root.Remove(path))", "_ = path", blobs},
	{"a short blob is opened", "internal/blob/disk.go", "info.Size() < off+n", "info.Size() < off", blobs},
	{"the offset is forgotten", "internal/blob/disk.go", "if err == nil && off > 0 {", "if err == nil && off > n {", blobs},
	{"no room is kept", "internal/blob/disk.go", "	if err := d.room(); err != nil {\n		return err\n	}\n", "", blobs},
	{"an error of the source is its end", "internal/blob/fill.go", "		default:\n			return rerr\n", "		default:\n			return nil\n", blobs},
	{"the last, odd write goes past the cache", "internal/blob/fill.go", "if direct && n%sector != 0 {", "if direct && n < 0 {", blobs},

	// Records.
	{"synchronous=NORMAL", "internal/meta/sqlite.go", `"synchronous(FULL)"`, `"synchronous(NORMAL)"`, records},
	{"a rollback journal", "internal/meta/sqlite.go", `"journal_mode(WAL)"`, `"journal_mode(TRUNCATE)"`, records},
	{"the answer before the commit", "internal/meta/sqlite.go", "	<-o.done\n	return o.err\n", "	return nil\n", records},
	{"a failed step is kept", "internal/meta/sqlite.go", "			run(`ROLLBACK TO op`)\n", "", records},
	{"a commit that failed is taken for done", "internal/meta/sqlite.go", "	run(`COMMIT`)\n	return err\n", "	run(`COMMIT`)\n	return nil\n", "test/faults"},
	{"a failed flush of the log is tried again", "internal/meta/sqlite.go", "	if c.failed != nil {\n		return c.failed\n	}\n", "", "test/faults"},
	{"the state is not compared", "internal/meta/uploads.go", " AND status = 'pending' AND expires_at > $3`", " AND expires_at > $3`", records},
	{"the time is not compared", "internal/meta/uploads.go", " AND status = 'pending' AND expires_at > $3`", " AND status = 'pending' AND $3 = $3`", records},
	{"the project is not compared", "internal/meta/uploads.go", "WHERE project = $1 AND id = $2 AND status", "WHERE $1 = $1 AND id = $2 AND status", records},
	{"the part's transaction does not ask for the state", "internal/meta/uploads.go", "err := swap(ctx, q, project, p.UploadID, now, `added_bytes = added_bytes + $4, added_parts = added_parts + 1`, p.Bytes)", "_, err := q.exec(ctx, `UPDATE uploads SET added_bytes = added_bytes + $2, added_parts = added_parts + 1 WHERE id = $1`, p.UploadID, p.Bytes)", records},
	{"no bounds", "internal/meta/uploads.go", "(added_bytes > $2 OR added_parts > $3)", "(added_bytes > $2 AND added_parts > $3)", records},
	{"a part that is doomed is recorded", "internal/meta/uploads.go", " AND doomed = 0`", "`", records},
	{"a part of another upload completes", "internal/meta/uploads.go", "WHERE id = $4 AND upload_id = $5 AND file_id IS NULL`", "WHERE id = $4 AND $5 = $5 AND file_id IS NULL`", records},
	{"parts that were not named leak", "internal/meta/uploads.go", "return letGo(ctx, q, `upload_id = $1 AND file_id IS NULL`, f.UploadID, due)", "return nil", domain},
	{"cancelled parts leak", "internal/meta/uploads.go", "		return letGo(ctx, q, `upload_id = $1`, id, due)\n", "		return nil\n", domain},
	{"records go, and their blobs are not in the bin", "internal/meta/uploads.go", "	_, err := q.exec(ctx, `INSERT INTO bin (key, due_at) SELECT id, $2 FROM parts WHERE `+where, id, due)\n	if err != nil {\n		return err\n	}\n	_, err =", "	_, err :=", domain},
	{"the cleaner does not ask the records", "internal/meta/bin.go", "				AND NOT EXISTS (SELECT 1 FROM parts WHERE parts.id = bin.key)\n", "", records},
	{"the cleaner does not mark", "internal/meta/bin.go", "UPDATE bin SET doomed = 1 WHERE", "UPDATE bin SET doomed = 0 WHERE", records},
	{"the cleaner does not wait", "internal/meta/bin.go", "SELECT key FROM bin WHERE due_at <= $1\n", "SELECT key FROM bin WHERE due_at <= $1 + 3600\n", domain},
	{"expired parts leak", "internal/meta/bin.go", "if err := letGo(ctx, q, `upload_id = $1`, id, due); err != nil {", "if err := error(nil); err != nil {", domain},
	{"reservations of a dead process stay", "internal/meta/bin.go", "UPDATE bin SET due_at = $1 WHERE due_at > $2", "UPDATE bin SET due_at = $1 WHERE due_at > $2 + 10000000", domain},
	{"a deletion repeated succeeds", "internal/meta/files.go", "WHERE project = $1 AND id = $2 AND deleted_at IS NULL AND (expires_at = 0 OR expires_at > $3)`, project, id, now)\n		if err", "WHERE project = $1 AND id = $2 AND (expires_at = 0 OR expires_at > $3)`, project, id, now)\n		if err", records},
	{"a deleted file's bytes leak", "internal/meta/files.go", "	return letGo(ctx, q, `file_id = $1`, id, due)\n", "	return nil\n", domain},
	{"a foreign file is found", "internal/meta/files.go", "		WHERE project = $1 AND id = $2 AND deleted_at IS NULL AND (expires_at = 0 OR expires_at > $3)`, project, id, now)\n	return one", "		WHERE $1 = $1 AND id = $2 AND deleted_at IS NULL AND (expires_at = 0 OR expires_at > $3)`, project, id, now)\n	return one", domain},
	{"parts in the order they came", "internal/meta/files.go", "WHERE file_id = $1 ORDER BY position`", "WHERE file_id = $1 ORDER BY seq`", domain},
	{"a list repeats its last element", "internal/meta/meta.go", `"DESC", "<"`, `"DESC", "<="`, domain},

	// The domain.
	{"keys are handed out twice", "internal/uploads/keyring.go", "	k.keys = k.keys[:len(k.keys)-1]\n", "	k.keys = k.keys[:max(1, len(k.keys)-1)]\n", domain},
	{"keys are not reserved", "internal/uploads/keyring.go", "		if err := k.meta.Reserve(ctx, keys, due); err != nil {", "		if err := error(nil); err != nil {", domain},
	{"a key is used to the end of its lease", "internal/uploads/keyring.go", "left < half ||", "left < 0 ||", domain},
	{"an empty part is taken", "internal/uploads/part.go", "if src.size == 0 {", "if src.size < 0 {", domain},
	{"a part may be one byte too large", "internal/uploads/part.go", "if m.size+int64(n) > m.limit {", "if m.size+int64(n) > m.limit+1 {", domain},
	{"the record before the bytes", "internal/uploads/part.go", "if err = s.Blobs.Put(ctx, key, src); err == nil {", "if err = s.Blobs.Put(ctx, key, io.LimitReader(src, 100_000)); err == nil {", domain},
	{"the total is not checked", "internal/uploads/complete.go", "if total != u.Bytes {", "if total > u.Bytes {", domain},
	{"a part twice", "internal/uploads/complete.go", "		if seen[id] {", "		if seen[id] && len(ids) == 0 {", domain},
	{"md5 is not compared", "internal/uploads/complete.go", "if got := h.Sum(nil); !slices.Equal(got, want) {", "if got := h.Sum(nil); len(got) != len(want) {", domain},
	{"a completion cannot be repeated", "internal/uploads/complete.go", "	if !slices.EqualFunc(parts, ids, func(p Part, id string) bool { return p.ID == id }) {", "	if len(parts) >= 0 {", domain},
	{"a completion with other parts is answered", "internal/uploads/complete.go", "	if !slices.EqualFunc(parts, ids, func(p Part, id string) bool { return p.ID == id }) {", "	if len(parts) != len(ids) {", domain},
	{"a conflict answers 409", "api/error.go", "ErrState            = &Error{Status: http.StatusBadRequest,", "ErrState            = &Error{Status: http.StatusConflict,", "internal/server"},
	{"a range off by one at a part's border", "internal/uploads/content.go", "c.parts[i].Offset+c.parts[i].Bytes > pos })", "c.parts[i].Offset+c.parts[i].Bytes >= pos })", domain},
	{"a damaged block is let go", "internal/uploads/partreader.go", "crc != sumOfBlock(r.part.Sums, int(r.block)) {", "crc == sumOfBlock(r.part.Sums, int(r.block))+1 {", domain},
	{"a damaged part without sums is let go", "internal/uploads/partreader.go", "&& r.whole != r.part.CRC32C {", "&& r.whole == r.part.CRC32C+1 {", domain},
	{"a missing end is an end", "internal/uploads/partreader.go", "if err == io.EOF || err == io.ErrUnexpectedEOF {", "if err == io.ErrUnexpectedEOF {", domain},
	{"sizes are not compared before the download", "internal/uploads/file.go", "if err := c.verifySizes(); err != nil {", "if err := error(nil); err != nil {", "internal/uploads internal/server"},
	{"the bin forgets before the disk", "internal/uploads/janitor.go", "		gone, failed := s.Blobs.Delete(ctx, keys)\n		if err := s.Meta.Forget(ctx, gone); err != nil {\n			return deleted, err\n		}\n", "		if err := s.Meta.Forget(ctx, keys); err != nil {\n			return deleted, err\n		}\n		gone, failed := s.Blobs.Delete(ctx, keys)\n", durability},
	{"no grace", "internal/uploads/uploads.go", "return now + int64(s.Grace/time.Second)", "return now", domain},
	{"the clock leaps", "internal/uploads/clock.go", "	c.now = c.now.Add(max(-most, min(behind, most)))\n", "	c.now = c.now.Add(behind)\n", domain},
	{"the clock never follows", "internal/uploads/clock.go", "	c.now = c.now.Add(max(-most, min(behind, most)))\n", "", domain},
	{"the check reads no bytes", "internal/uploads/check.go", "	if !c.ReadData {", "	if c.ReadData {", domain},
	{"the check overlooks leftovers", "internal/uploads/check.go", "		if known {\n", "		if known || len(key) > 0 {\n", domain},

	// The wire.
	{"no check of the closing boundary", "internal/formdata/field.go", "		} else if !more {\n			return 0, r.malformed(\"\")\n		}\n	}\n}\n\n// minDirect", "		} else if !more {\n			f.ended, r.eof = true, true\n			return 0, io.EOF\n		}\n	}\n}\n\n// minDirect", forms},
	{"digests are not checked", "internal/server/form.go", "			f.done = true\n			if err = f.digests.check(); err == nil {", "			f.done = true\n			if err = nil; err == nil {", http},
	{"two fields of bytes", "internal/server/form.go", "if err = f.next(); err == nil {\n			err = api.Errorf", "if err = f.next(); err == nil && f.done {\n			err = api.Errorf", http},
	{"no drain", "internal/server/error.go", "			x.body.drain()\n", "			_ = x.body\n", http},
	{"the connection goes on after an unread body", "internal/server/error.go", `		h.Set("Connection", "close")` + "\n", "", http},
	{"no Retry-After", "internal/server/error.go", "if known.RetryAfter > 0 {", "if known.RetryAfter > 3600 {", http},
	{"a download that fails ends cleanly", "internal/server/error.go", "		panic(http.ErrAbortHandler) // the answer has begun: break it off, visibly\n", "		return\n", http},
	{"no deadline for reading", "internal/server/body.go", "	setDeadline(b.control.SetReadDeadline, stepTimeout)\n", "", http},
	{"no minimum rate", "internal/server/body.go", "if b.n-b.before < rateFloor {", "if b.n-b.before < 0 {", http},
	{"causes are shown", "internal/server/error.go", `"Internal error. The request's id is %s.", x.id)`, `"Internal error: %s.", err)`, http},
	{"two servers on one directory", "cmd/uploadd/stores.go", "syscall.LOCK_EX|syscall.LOCK_NB", "syscall.LOCK_SH|syscall.LOCK_NB", program},
	{"no recovery at the start", "cmd/uploadd/serve.go", "	if err := svc.Recover(env.ctx); err != nil {", "	if err := error(nil); err != nil {", "test/crash"},
	{"requests in flight are cut off", "cmd/uploadd/serve.go", "	if err := srv.Shutdown(ctx); err != nil {", "	if err := srv.Close(); err != nil {", program},
}
