package mutants

const (
	s3Sum    = "internal/blob/s3sum.go"
	s3Put    = "internal/blob/s3put.go"
	s3Stream = "internal/blob/s3stream.go"
	s3Get    = "internal/blob/s3get.go"
	s3Delete = "internal/blob/s3delete.go"
	s3Error  = "internal/blob/s3error.go"
	s3Probe  = "internal/blob/s3probe.go"
)

var inS3 = []mutant{
	{"what a store says it has is believed unheard", "B6", s3Sum, "got != want && s.kind != checksumMD5:", "got == want+\"x\":", []string{tBlob}},
	{"a store that says nothing is believed", "B6", s3Sum, "case got == \"\":", "case got == \"\":\n\t\treturn nil\n\tcase want == \"\":", []string{tBlob}},
	{"an error that is called 200 is a success", "B6, M14", s3Put, "ok && raw.ContentLength > 0 {", "ok && raw.ContentLength > 1<<40 {", []string{tBlob}},
	{"a PUT that is tried again stumbles over itself", "B6", s3Put, "if attempt > 0 {", "if attempt > 9 {", []string{tBlob}},
	{"a key is written twice in a store", "A3", s3Put, "if s.traits.WriteOnce {", "if s.traits.WriteOnce && size < 0 {", []string{tBlob}},
	{"the last byte goes before the form has ended", "B1", s3Stream, "return n, b.drain()", "return n, nil", []string{tBlob}},
	{"a body that went half is sent again", "B6", s3Stream, "case err != nil && body.begun:", "case err != nil && body.begun && body.size == 0:", []string{tBlob}},
	{"an answer to half of a body is one to all", "B6", s3Stream, "case body.sent < body.size:", "case body.sent < 0:", []string{tBlob}},
	{"a store that refuses gets the body all the same", "F1", "internal/blob/s3http.go", "if o.refused() {", "if o.refused() && len(p) < 0 {", []string{tBlob}},
	{"a blob is filled up without bound", "F4", s3Stream, "padding > paddingMost {", "padding > paddingMost<<20 {", []string{tBlob}},
	{"a broken download ends", "D2", s3Get, "if !passes(err) || r.fails == attempts", "if err != nil || r.fails == attempts", []string{tBlob}},
	{"a download goes on with another object", "D3", s3Get, "if r.etag != nil && aws", "if r.etag != nil && r.left < 0 && aws", []string{tBlob}},
	{"a download begins where the store likes", "D3", s3Get, "if first != r.off {", "if first < 0 {", []string{tBlob}},
	{"a store that stalls is waited for", "G4", s3Get, "r.stalls.Reset(r.store.patience)", "r.stalls.Stop()", []string{tBlob}},
	{"what a store does not name is gone", "E3", s3Delete, "delete(asked, name)\n\t\t\tgone = append(gone, name)\n\t\t}\n\t}\n\tfor", "delete(asked, name)\n\t\t\tgone = append(gone, name)\n\t\t}\n\t}\n\tif len(asked) == len(names) {\n\t\treturn names, nil\n\t}\n\tfor", []string{tBlob}},
	{"an answer that breaks off is a refusal", "F1", s3Error, "e.passes = e.status < 300 || e.status", "e.passes = e.status", []string{tBlob}},
	{"a missing bucket has everything deleted", "E3", s3Error, `(e.code == "NoSuchKey" || e.code == "NotFound")`, `e.code != ""`, []string{tBlob}},
	{"a full store is a broken one", "E6", s3Error, `e.code == "QuotaExceeded":`, `e.code == "Quota":`, []string{tBlob}},
	{"a store that ignores ranges will do", "D3", s3Probe, "if err := s.probeGet(ctx, key, data); err != nil {", "if err := s.probeGet(ctx, key, data); err != nil && key == \"\" {", []string{tBlob}},
	{"a busy store is an internal error", "F1", "internal/uploads/uploads.go", "errors.As(err, &store) && store.Unavailable():", "errors.As(err, &store) && !store.Unavailable():", []string{tBlob}},
	{"missing credentials are a refusal by the store", "F1", s3Error, "if errors.Is(err, errNoCredentials) {", "if err == errNoCredentials {", []string{tBlob}},
	{"a range costs the rest of its part", "F4", "internal/uploads/content.go", "if n < c.size-c.pos {", "if n < 0 {", []string{tBlob}},
	{"a node without its bucket is ready", "F1", "internal/uploads/ready.go", "err != nil && !errors.Is(err, fs.ErrNotExist) {", "!errors.Is(err, fs.ErrNotExist) && blobs == nil {", []string{tBlob}},
	{"what may still appear is forgotten", "E5", uploadsPart, "s.settled(s.now())); derr", "s.now()); derr", []string{tUploads}},
	{"what was put twice is deleted at once", "E5", "internal/uploads/uploads.go", "	c.Grace = max(c.Grace, c.Settle)\n", "", []string{tUploads}},
	{"a part's padding is forgotten", "J3", "internal/meta/uploads.go", "p.Bytes, p.Padding, p.CRC32C", "p.Bytes, 0, p.CRC32C", []string{tMeta}},
	{"a form promises less than it has", "B1", formField, "return max(left-int64(len(r.delim)+len(\"--\")), 0)", "return max(left-int64(len(r.delim)+len(\"--\"))-2, 0)", []string{tServer}},
	{"a download begins though nothing is there", "D2", "internal/server/files.go", "if status < 300 {", "if status < 200 {", []string{tServer}},
	{"anything may stand behind a file", "F4", serverForm, "if f.spare > maxBehind {", "if f.spare > maxBehind<<20 {", []string{tServer}},
}
