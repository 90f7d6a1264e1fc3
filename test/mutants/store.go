package mutants

// The packages whose tests notice, by short names.
const (
	tUploads  = "internal/uploads"
	tMeta     = "internal/meta"
	tBlob     = "internal/blob"
	tServer   = "internal/server"
	tHostile  = "test/hostile"
	tFormdata = "internal/formdata"
	tProgram  = "cmd/uploadd"
	tDurable  = "test/durability"
	tAccess   = "internal/access"
	tTenants  = "test/tenants"
	tCerts    = "internal/certs"
	tTLS      = "test/tls"
)

const (
	disk    = "internal/blob/disk.go"
	fill    = "internal/blob/fill.go"
	durable = "internal/blob/durable.go"
	tiers   = "internal/blob/tiers.go"
)

var inBlob = []mutant{
	{"a blob's bytes are not flushed", "A1", disk, "f.Sync()", "error(nil)", []string{tDurable}},
	{"a blob's name is not flushed", "A1", disk, "return syncDir(d.root, dir)", "_ = dir\n\treturn nil", []string{tDurable}},
	{"a deletion is not flushed", "R12", disk, "serr := syncDir(d.root, dir); serr != nil", `serr := error(nil); dir == "none" || serr != nil`, []string{tDurable}},
	{"the directories of blobs are not flushed", "A1", disk, `syncDir(d.root, "."); err != nil`, "error(nil); err != nil", []string{tDurable}},
	{"the data directory is not flushed", "A1", durable, "return flush(parent)", "return flush(path)", []string{tDurable}},
	{"a failed flush of a blob is ignored", "A4", disk, "err := f.Sync(); err != nil {", "err := f.Sync(); err == io.EOF {", []string{tDurable}},
	{"a failed flush of a blob's name is ignored", "A4", disk, "return syncDir(d.root, dir)", "_ = syncDir(d.root, dir)\n\treturn nil", []string{tDurable}},
	{"a failed close of a blob is ignored", "A4", disk, "err := f.Close(); err != nil {", "err := f.Close(); err == io.EOF {", []string{tDurable}},
	{"a blob may be written over", "A3", disk, "|os.O_EXCL|", "|", []string{tBlob}},
	{"a blob is truncated first", "A3", disk, "|os.O_EXCL|", "|os.O_TRUNC|", []string{tBlob}},
	{"no space is kept in reserve", "E6", "internal/blob/space.go", "if s.Free < s.Reserve {", "if s.Free < 0 {", []string{tBlob}},
	{"a failed Put leaves its file", "F2", disk, "errors.Join(err, d.root.Remove(path))", "errors.Join(err)", []string{tBlob}},
	{"a short blob is opened", "D2", disk, "info.Size() < off+n", "info.Size() < off", []string{tBlob}},
	{"a range begins at the wrong byte", "D3", disk, "err == nil && off > 0", "err == nil && off > 1", []string{tBlob}},
	{"a missing blob cannot be deleted", "E3", disk, "perr != nil && !errors.Is(perr, fs.ErrNotExist)", "perr != nil", []string{tBlob}},
	{"a blob that cannot be deleted counts as gone", "E3", disk, "perr != nil && !errors.Is(perr, fs.ErrNotExist)", "perr != nil && errors.Is(perr, fs.ErrInvalid)", []string{tBlob}},
	{"what a broken source gave is kept", "B1", fill, "\t\t\treturn total, rerr\n", "\t\t\treturn total, nil\n", []string{tBlob}},
	{"a write goes on for a caller who left", "F2", fill, "err := ctx.Err(); err != nil", "err := error(nil); err != nil", []string{tBlob}},
	{"small blobs are never deleted", "E3", tiers, "t.Small.DeleteSmall(ctx, keys)", "[]string(nil), keys, error(nil)", []string{tProgram}},
	{"small blobs are not listed", "E1", tiers, "t.Disk.Keys(), t.Small.SmallKeys()", "t.Disk.Keys()", []string{tProgram}},
	{"the last bytes are not written", "A1", fill, "if len(p) == 0 {", "if len(p)%sector != 0 {", []string{tBlob}},
}

const (
	metaUploads = "internal/meta/uploads.go"
	metaFiles   = "internal/meta/files.go"
	metaBin     = "internal/meta/bin.go"
	metaSQL     = "internal/meta/meta.go"
	metaSQLite  = "internal/meta/sqlite.go"
)

var inMeta = []mutant{
	{"the log is not flushed", "A1", metaSQLite, `"synchronous(FULL)"`, `"synchronous(NORMAL)"`, []string{tMeta, tDurable}},
	{"a write is acknowledged before its commit", "A2", metaSQLite, "\t<-o.done\n", "\tgo func() { <-o.done }()\n", []string{tMeta}},
	{"small blobs keep their space when they are deleted", "E6", "internal/meta/small.go", "`PRAGMA incremental_vacuum(`+pagesOfDeleted+`)`", "`SELECT 1`+pagesOfDeleted[:0]", []string{tMeta}},
	{"a failed step of a batch is not undone", "C5", metaSQLite, "run(`ROLLBACK TO op`)", "run(`SELECT 1`)", []string{tMeta}},
	{"writes go on after a failed flush of the log", "A4", metaSQLite, "if c.failed != nil {", "if c.failed != nil && len(batch) == 0 {", []string{tDurable}},
	{"a failed commit is acknowledged", "A4", metaSQLite, "run(`COMMIT`)", "c.stmts.exec(ctx, `COMMIT`)", []string{tDurable}},
	{"a later version's database is opened", "J2", metaSQLite, "if have > want {", "if have < 0 {", []string{tMeta}},

	{"the swap does not look at the state", "C1", metaUploads, " AND status = 'pending' AND expires_at > $3", " AND expires_at > $3", []string{tMeta}},
	{"the swap does not look at the clock", "G1", metaUploads, " AND expires_at > $3", " AND expires_at + 100000 > $3", []string{tMeta}},
	{"the swap comes a second late", "G1", metaUploads, " AND expires_at > $3", " AND expires_at >= $3", []string{tMeta}},
	{"the swap takes every project's upload", "H1", metaUploads, "WHERE project = $1 AND id = $2 AND status", "WHERE $1 <> '' AND id = $2 AND status", []string{tMeta}},
	{"a part's transaction does not look at the state", "R1, M8", metaUploads, "added_parts = added_parts + 1`, p.Bytes)\n\t\tif err != nil {", "added_parts = added_parts + 1`, p.Bytes)\n\t\tif err != nil && err != uploads.ErrConflict {", []string{tMeta, tUploads}},
	{"an upload has no bounds", "B7", metaUploads, "if now.added > bounds.Bytes || now.parts > int64(bounds.Parts) {", "if now.added > 1<<50 || now.parts > 1<<50 {", []string{tMeta}},
	{"a doomed key can be recorded", "R9", metaUploads, " AND doomed = 0", "", []string{tMeta}},
	{"a recorded key stays in the bin", "E1", metaUploads, "DELETE FROM bin WHERE key = $1 AND", "UPDATE bin SET due_at = due_at WHERE key = $1 AND", []string{tMeta}},
	{"a lost reservation goes unnoticed", "R8", metaUploads, "uploads.ErrLostKey,", "nil,", []string{tMeta}},
	{"completion keeps the parts not named", "E2", metaUploads, "err := letGo(ctx, q, `upload_id = $1 AND file_id IS NULL`, f.UploadID, due); err", "err := error(nil); err", []string{tUploads}},
	{"completion lets go of the parts named", "E1, M2", metaUploads, "`upload_id = $1 AND file_id IS NULL`, f.UploadID", "`upload_id = $1`, f.UploadID", []string{tMeta, tUploads}},
	{"completion takes another upload's part", "C8, M18", metaUploads, "WHERE id = $4 AND upload_id = $5 AND", "WHERE id = $4 AND $5 <> '' AND", []string{tMeta}},
	{"completion does not count the parts it found", "C5", metaUploads, "err == nil && n != int64(len(parts))", "err == nil && n > int64(len(parts))", []string{tMeta}},
	{"parts stand in reverse order", "C6", metaUploads, "f.ID, i, parts[i].Offset", "f.ID, len(parts)-i, parts[i].Offset", []string{tUploads}},
	{"what is let go does not reach the bin", "E2", metaUploads, "SELECT id, CAST($2 AS BIGINT) FROM parts WHERE `+where", "SELECT id, CAST($2 AS BIGINT) FROM parts WHERE 1 = 0 AND `+where", []string{tMeta, tUploads}},
	{"what is let go stays recorded", "E1", metaUploads, "`DELETE FROM parts WHERE `+where", "`DELETE FROM parts WHERE 1 = 0 AND `+where", []string{tMeta, tUploads}},
	{"what ended keeps its parts", "E2", metaUploads, "err := letGo(ctx, q, `upload_id = $1`, id, due); err", "err := error(nil); err", []string{tMeta, tUploads}},
	{"cancellation keeps what was held", "E2", metaUploads, "_, err := endUpload(ctx, q, id, due, freed); err", "err := error(nil); err", []string{tMeta, tUploads}},
	{"a cancelled upload is remembered for ever", "E2", metaUploads, "`status = 'cancelled', ended_at = $3`", "`status = 'cancelled'`", []string{tMeta}},
	{"any project's upload is shown", "H1", metaUploads, "FROM uploads WHERE project = $1 AND id = $2`, project", "FROM uploads WHERE $1 <> '' AND id = $2`, project", []string{tMeta}},
	{"a list of parts begins at another upload's part", "H2", metaUploads, "WHERE upload_id = $1 AND id = $2`+ofUpload", "WHERE $1 <> '' AND id = $2`+ofUpload", []string{tUploads}},

	{"lists show every project", "H1", metaSQL, `" WHERE project = $1 AND " + where`, `" WHERE $1 <> '' AND " + where`, []string{tMeta}},
	{"a list begins at another project's object", "H2", metaSQL, `" WHERE project = $1 AND id = $2"`, `" WHERE $1 <> '' AND id = $2"`, []string{tMeta}},
	{"lists are not in the order of their times", "D6", metaSQL, `" ORDER BY created_at " + direction + ", seq "`, `" ORDER BY seq "`, []string{tMeta}},
	{"a list repeats its cursor", "D6", metaSQL, `" AND (created_at, seq) " + compare + " ($3, $4)"`, `" AND (created_at, seq) " + compare + "= ($3, $4)"`, []string{tUploads}},
	{"the purpose of a list is not looked at", "D6", metaSQL, `" AND purpose = $2"`, `" AND $2 <> ''"`, []string{tUploads}},
	{"a step that changed nothing succeeds", "C1", metaSQL, "err == nil && n != 1", "err == nil && n > 1", []string{tMeta}},

	{"the cleaner does not ask who refers to a blob", "E1, M6", metaBin, "\t\t\t\tAND NOT EXISTS (SELECT 1 FROM parts WHERE parts.id = bin.key)\n", "", []string{tMeta}},
	{"the cleaner does not mark what it deletes", "R9", metaBin, "SET doomed = 1", "SET doomed = doomed", []string{tMeta}},
	{"the cleaner does not wait", "R8", metaBin, "SELECT key FROM bin WHERE due_at <= $1\n", "SELECT key FROM bin WHERE $1 >= 0\n", []string{tMeta}},
	{"a reservation is due at once", "R8", metaBin, "INSERT INTO bin (key, due_at) VALUES ($1, $2)", "INSERT INTO bin (key, due_at) VALUES ($1, $2 - $2)", []string{tMeta}},
	{"discarding leaves the key to its lease", "E2", metaBin, "SET due_at = excluded.due_at, doomed = 0`", "SET due_at = due_at`", []string{tMeta}},
	{"discarding deletes what was recorded after all", "R17", metaBin, " WHERE NOT EXISTS (SELECT 1 FROM parts WHERE id = $1)", " WHERE 1 = 1", []string{tMeta}},
	{"the bin forgets nothing", "E3", metaBin, "DELETE FROM bin WHERE key = $1", "UPDATE bin SET due_at = due_at WHERE key = $1", []string{tMeta}},
	{"an expired upload keeps its parts", "E2", metaBin, "h, err := endUpload(ctx, q, id, due, freed)", "h, err := &held{}, error(nil)", []string{tMeta}},
	{"an expired file keeps its parts", "E2", metaBin, "f, err := dropFile(ctx, q, id, due, freed)", "f, err := &dropped{}, error(nil)", []string{tMeta}},
	{"uploads expire a second late", "G1", metaBin, "status = 'pending' AND expires_at <= $1", "status = 'pending' AND expires_at < $1", []string{tMeta}},
	{"files that never expire do", "D1", metaBin, "expires_at > 0 AND expires_at <= $1", "expires_at <= $1", []string{tMeta, tUploads}},
	{"records are forgotten early", "D6", metaBin, "ended_at < $1", "ended_at <= $1", []string{tMeta}},

	{"any project's file is shown", "H1, M17", metaFiles, "FROM files\n\t\tWHERE project = $1", "FROM files\n\t\tWHERE $1 <> ''", []string{tMeta}},
	{"any project's file is deleted", "H1", metaFiles, "SET deleted_at = $3\n\t\t\tWHERE project = $1", "SET deleted_at = $3\n\t\t\tWHERE $1 <> ''", []string{tMeta}},
	{"a deleted file is shown", "D5", metaFiles, "AND id = $2 AND deleted_at IS NULL AND (expires_at = 0 OR expires_at > $3)`, project, id, now)\n\treturn one", "AND id = $2 AND (expires_at = 0 OR expires_at > $3)`, project, id, now)\n\treturn one", []string{tUploads}},
	{"a file is deleted twice", "D5", metaFiles, "AND id = $2 AND deleted_at IS NULL AND (expires_at = 0 OR expires_at > $3)`, by.Project, id, now)\n\t\tif err", "AND id = $2 AND (expires_at = 0 OR expires_at > $3)`, by.Project, id, now)\n\t\tif err", []string{tMeta}},
	{"lists show deleted files", "D5", metaFiles, `"deleted_at IS NULL AND (expires_at = 0 OR expires_at > $6)"`, `"(expires_at = 0 OR expires_at > $6)"`, []string{tUploads}},
	{"lists show expired files", "G1", metaFiles, `"deleted_at IS NULL AND (expires_at = 0 OR expires_at > $6)"`, `"deleted_at IS NULL AND $6 >= 0"`, []string{tMeta}},
	{"a deleted file keeps its parts", "E2", metaFiles, "err := letGo(ctx, q, `file_id = $1`, id, due); err", "err := error(nil); err", []string{tMeta}},
	{"the upload of a deleted file is remembered for ever", "E2", metaFiles, "SET ended_at = (SELECT deleted_at FROM files WHERE id = $1)", "SET file_life = file_life", []string{tMeta}},
	{"a file's parts stand in the order they were added", "C6", metaFiles, "ORDER BY position", "ORDER BY seq", []string{tUploads}},
	{"a file is recorded without its part", "A1", metaFiles, "err := insertPart(ctx, q, p); err", "err := error(nil); err", []string{tMeta, tUploads}},
}
