package mutants

const (
	uploadsPart     = "internal/uploads/part.go"
	uploadsComplete = "internal/uploads/complete.go"
	uploadsUpload   = "internal/uploads/upload.go"
	uploadsFile     = "internal/uploads/file.go"
	uploadsReader   = "internal/uploads/partreader.go"
	uploadsClock    = "internal/uploads/clock.go"
	uploadsContent  = "internal/uploads/content.go"
	uploadsKeyring  = "internal/uploads/keyring.go"
	uploadsJanitor  = "internal/uploads/janitor.go"
	uploadsCheck    = "internal/uploads/check.go"
)

var inUploads = []mutant{
	{"a part that cannot be kept is read", "F4", uploadsPart, "if now := t.now(); status(u, now) != api.StatusPending {", `if now := t.now(); status(u, now) == "" {`, []string{tUploads}},
	{"a part may be a byte too large", "B1", uploadsPart, "if m.size+int64(n) > m.limit {", "if m.size+int64(n) > m.limit+1 {", []string{tUploads}},
	{"a checksum covers the last bytes only", "D4", "internal/uploads/sums.go", "s.crc = crc32.Update(s.crc, castagnoli, rest[:n])", "s.crc = crc32.Update(0, castagnoli, rest[:n])", []string{tUploads}},
	{"an empty part is taken", "B1", uploadsPart, "if src.size == 0 {", "if src.size < 0 {", []string{tUploads}},
	{"a part whose source broke off is recorded", "B1", uploadsPart, "err := s.Blobs.Put(ctx, key, src)\n\tif err == nil {", "err := s.Blobs.Put(ctx, key, src)\n\tif key != \"\" {", []string{tUploads}},
	{"a part that was refused stays", "E2", uploadsPart, "derr := s.Meta.Discard(context.WithoutCancel(ctx), []string{key}, s.settled(s.now())); derr", "derr := error(nil); derr", []string{tUploads}},
	{"a part whose client left stays", "F2", uploadsPart, "context.WithoutCancel(ctx)", "ctx", []string{tUploads}},
	{"a lost response makes an upload impossible to complete", "B7, R21", uploadsPart, "3*u.Bytes + 8*api.MaxPart", "u.Bytes", []string{tUploads}},
	{"a key is used twice", "B4", uploadsKeyring, "k.keys[:len(k.keys)-1]\n", "k.keys[:max(1, len(k.keys)-1)]\n", []string{tUploads}},
	{"a key is handed out as its lease ends", "R8", uploadsKeyring, "left < half ||", "left < 0 ||", []string{tUploads}},

	{"a cancellation cannot be repeated", "C2", uploadsUpload, "if status(u, now) != api.StatusCancelled {", `if status(u, now) != "" {`, []string{tUploads}},
	{"every cancellation succeeds", "C1, R2", uploadsUpload, "if status(u, now) != api.StatusCancelled {", `if status(u, now) == "" {`, []string{tUploads}},
	{"an upload lives a second too long", "G1", uploadsUpload, "&& now >= u.ExpiresAt", "&& now > u.ExpiresAt", []string{tUploads}},
	{"a file's damage is found out too late", "D2, M11", uploadsFile, "err = c.verifySizes()", "err = nil", []string{tUploads}},
	{"a block is not held against its checksum", "D4", uploadsReader, "crc != sumOfBlock(r.part.Sums, int(r.block)) {", "crc == sumOfBlock(r.part.Sums, int(r.block))+1 {", []string{tUploads}},
	{"a part without sums of blocks is not held against its own", "D4", uploadsReader, "&& r.whole != r.part.CRC32C {", "&& r.whole == r.part.CRC32C+1 {", []string{tUploads}},
	{"a blob's early end is the end", "D2", uploadsReader, "if err == io.EOF || err == io.ErrUnexpectedEOF {", "if err == io.ErrUnexpectedEOF {", []string{tUploads}},
	{"bytes are let go with the error about them", "D2", uploadsReader, "			if err := r.verified(p[:n]); err != nil {\n				return 0, err", "			if err := r.verified(p[:n]); err != nil {\n				return int(n), err", []string{tUploads}},
	{"a range begins at its block", "D3", uploadsReader, "		r.ready = r.ready[off-start:]\n", "", []string{tUploads}},
	{"the clock leaps", "G3", uploadsClock, "	c.now = c.now.Add(max(-most, min(behind, most)))\n", "	_ = most\n	c.now = c.now.Add(behind)\n", []string{tUploads}},
	{"the clock never follows", "G3", uploadsClock, "	c.now = c.now.Add(max(-most, min(behind, most)))\n", "	_ = most\n", []string{tUploads}},
	{"what has expired is told before it is recorded", "C1", uploadsUpload, "		if err := t.expire(ctx, now); err != nil {\n			return nil, storeError(err)\n		}\n		u, err =", "		u, err =", []string{tUploads}},
	{"the janitor does not heed a back-up", "J1", uploadsJanitor, "		if err != nil || release == nil {\n			return 0, err", "		if err != nil || release == nil {\n			release = func() {}", []string{"test/backup"}},
	{"a range is off by one at a part's border", "D3", uploadsContent, "> pos })", ">= pos })", []string{tUploads}},
	{"seeking keeps the part that was open", "D3", uploadsContent, "if offset != c.pos {", "if offset < c.pos {", []string{tUploads}},

	{"bytes are deleted within the grace", "R6", "internal/uploads/uploads.go", "return now + int64(s.Grace/time.Second)", "return now", []string{tUploads}},
	{"nothing is recovered", "R10", uploadsJanitor, "return s.Meta.Recover(ctx, now, s.settled(now), s.due(now))", "return s.Meta.Recover(ctx, now, now, now+1<<40)", []string{tUploads}},
	{"a key is forgotten though its blob is not gone", "E3, R12", uploadsJanitor, "s.Meta.Forget(ctx, gone)", "s.Meta.Forget(ctx, keys)", []string{tUploads}},
	{"a key is forgotten before its blob is deleted", "R12", uploadsJanitor, "gone, failed := s.Blobs.Delete(ctx, keys)", "gone, failed := keys, error(nil)\n\t\tdefer s.Blobs.Delete(ctx, keys)", []string{tUploads, tDurable}},
	{"nothing expires", "E2", uploadsJanitor, "return s.Meta.Expire(ctx, now, s.due(now), janitorBatch)", "return 0, nil", []string{tUploads}},
	{"nothing is forgotten", "E2", uploadsJanitor, "return s.Meta.Purge(ctx, before, janitorBatch)", "_ = before\n\t\treturn 0, nil", []string{tUploads}},

	{"check does not compare sizes", "J3", uploadsCheck, "if n != p.stored() {", "if n < 0 {", []string{tUploads}},
	{"check does not compare checksums", "J3", uploadsCheck, "if whole != p.CRC32C {", "if whole == p.CRC32C+1 {", []string{tUploads}},
	{"check does not see what is left over", "J3", uploadsCheck, "if known {", "if known || err == nil {", []string{tUploads}},
	{"check does not see parts of nothing", "J3", uploadsCheck, "c.files, c.orphans, c.accounts", "c.files, c.accounts", []string{tUploads}},
}

var inCompletion = []mutant{
	{"too few bytes complete an upload", "C6, M20", uploadsComplete, "if total != u.Bytes {", "if total > u.Bytes {", []string{tUploads}},
	{"too many bytes complete an upload", "C6", uploadsComplete, "if total != u.Bytes {", "if total < u.Bytes {", []string{tUploads}},
	{"a part may be named twice", "C8", uploadsComplete, "if seen[id] {", `if id == "" {`, []string{tUploads}},
	{"every part begins at the first byte", "C6", uploadsComplete, "p.Offset = total", "p.Offset = 0", []string{tUploads}},
	{"an MD5 is not compared", "C7", uploadsComplete, "; !slices.Equal(got, want) {", "; len(got) != len(want) {", []string{tUploads}},
	{"a completion cannot be repeated", "C2, M15", uploadsComplete, `if u.FileID == "" {`, `if u.FileID == "" || len(ids) > 0 {`, []string{tUploads}},
	{"a completion is repeated with other parts", "C2", uploadsComplete, "!slices.EqualFunc(parts, ids, func(p Part, id string) bool { return p.ID == id })", "len(parts) != len(ids)", []string{tUploads}},
	{"a completed file has a time of its own", "D1", uploadsComplete, "CreatedAt: u.CreatedAt,", "CreatedAt: t.now(),", []string{tUploads}},
	{"a file's life begins at its completion", "D1", uploadsComplete, "expiry(u.CreatedAt, u.FileLife)", "expiry(t.now(), u.FileLife)", []string{tUploads}},
	{"the loser of two completions is told nothing", "C3, M1", uploadsComplete, "errors.Is(err, ErrConflict)", "errors.Is(err, ErrLostKey)", []string{tUploads}},
	{"a completion blames the parts for a cancellation", "R2, M3", uploadsComplete, "lookup == nil && status(ended, t.now()) != api.StatusPending", `lookup == nil && status(ended, t.now()) == ""`, []string{tUploads}},
	{"a deleted file comes back by completing again", "D5", uploadsComplete, "if w.File == nil {", "if w.Object == \"\" {", []string{tUploads}},
	{"a file's checksum is that of its last part", "D4", "internal/uploads/crc.go", "crc = combineCRC32C(crc, p.CRC32C, p.Bytes)", "crc = combineCRC32C(0, p.CRC32C, p.Bytes)", []string{tUploads, tServer}},
	{"an MD5 goes on through parts that come at once", "C7", "internal/uploads/running.go", "r.sending > 1 {", "r.sending > 9 {", []string{tUploads}},
	{"an MD5 is that of the order in which parts came", "C7", "internal/uploads/running.go", "return id == p.ID }", "return id != p.UploadID }", []string{tUploads}},
	{"an MD5 goes on behind parts that it has not seen", "C7", "internal/uploads/running.go", "r.over.Store(true) // nobody knows which of them comes first in the File", "_ = r.over.Load() // nobody", []string{tUploads}},
	{"an MD5 takes in what was not recorded", "C7", "internal/uploads/running.go", `if id != "" && !p`, `if !p`, []string{tUploads}},
	{"MD5s of ended uploads are kept", "E2", "internal/uploads/running.go", "if now >= r.ends {", "if now < 0 && r.ends < 0 {", []string{tUploads}},
	{"a lost race answers 409, which is tried again", "C2", "api/error.go", "ErrState            = &Error{Status: http.StatusBadRequest", "ErrState            = &Error{Status: http.StatusConflict", []string{tServer}},
}
