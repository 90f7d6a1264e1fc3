package mutants

const (
	accessKey    = "internal/access/key.go"
	accessGate   = "internal/access/gate.go"
	accessScope  = "internal/access/scope.go"
	accessMeter  = "internal/access/meter.go"
	serverCaller = "internal/server/caller.go"
	metaAccounts = "internal/meta/accounts.go"
	metaKeys     = "internal/meta/keys.go"
	uploadsQuota = "internal/uploads/account.go"
)

var inAccess = []mutant{
	{"any secret opens a key", "H4", accessKey, "return same && k.Status(now) == Active", "return (same || !same) && k.Status(now) == Active", []string{tAccess}},
	{"a revoked key opens", "H4", accessKey, "case k.RevokedAt != 0:", "case k.RevokedAt < 0:", []string{tAccess}},
	{"an expired key opens", "H4", accessKey, "now >= k.ExpiresAt:", "now < 0:", []string{tAccess}},
	{"the secret is recorded", "H4", accessKey, "return sum[:]\n", "_ = sum\n\treturn []byte(secret)\n", []string{tAccess}},
	{"the checksum of a key is not looked at", "H4", accessKey, "if checksum(body) != sum {", `if sum == "" {`, []string{tServer, tAccess}},
	{"keys stay in the log", "H4", accessKey, `"$1[secret]"`, `"$0"`, []string{tAccess}},
	{"a key is remembered for a minute", "H4", accessGate, "const fresh = 5 * time.Second", "const fresh = time.Minute", []string{tAccess}},
	{"a project's header is not compared", "H1", accessGate, `if r.Project != "" && r.Project != e.Project {`, `if r.Project == "\n" {`, []string{tAccess}},
	{"a server opens again when its last key is revoked", "H6", metaKeys, "`SELECT 1 FROM keys`", "`SELECT 1 FROM keys WHERE revoked_at = 0`", []string{tMeta, tAccess}},
	{"a server without keys stays open once there is one", "H6", accessGate, "return !closed, nil\n\t}\n\tclosed, err", "return !closed, nil\n\t}\n\tif g.checked != (time.Time{}) {\n\t\treturn true, nil\n\t}\n\tclosed, err", []string{tAccess}},
	{"an unknown key is told from a wrong one", "H4", accessGate, "e = &entry{} // compared all the same: as long as with a key that exists", `return nil, api.Errorf(api.ErrUnauthorized, "", "No such key.")`, []string{tAccess}},
	{"a store that is down looks like a wrong key", "H4", accessGate, "\t\t\treturn nil, unavailable(err)\n\t\t}\n\t}\n\t// A clock", "\t\t\treturn nil, incorrectKey()\n\t\t}\n\t}\n\t// A clock", []string{tAccess}},
	{"scopes are not asked for", "H4", accessScope, "if slices.Contains(s, scope) {", "if slices.Contains(s, scope) || len(s) > 0 {", []string{tAccess, tServer}},
	{"reading is enough to delete", "H4", accessScope, `"DeleteFile":     {Delete},`, `"DeleteFile":     {Delete, Read},`, []string{tAccess, tServer}},
	{"a key for handing in sees the others' uploads", "H1", accessScope, "return slices.Contains(s, Upload)", "return slices.Contains(s, Upload) && len(s) > 1", []string{tAccess}},
	{"handing in may be joined with reading", "H4", accessScope, "slices.Contains(s, Upload) && len(s) > 1 {", "slices.Contains(s, Upload) && len(s) > 9 {", []string{tAccess}},
	{"requests are not counted", "G4", accessMeter, "if wait := m.take(now, perMinute); wait > 0 {", "if wait := m.take(now, perMinute); wait < 0 {", []string{tAccess}},
	{"what is refused is counted", "G4", accessMeter, "\t\tr.CancelAt(now)\n", "", []string{tAccess}},
	{"requests under way are not bounded", "G4", accessMeter, "if m.now >= maxInFlight {", "if m.now < 0 {", []string{tAccess}},
	{"a request that ended stays under way", "G4", accessMeter, "\tm.now--\n", "", []string{tAccess}},
	{"the caller is let go of never", "G4", "internal/server/exchange.go", "x.caller.Done()", "_ = x.caller.Done", []string{tServer, tTenants}},
	{"the header of Azure wins over the other", "H4", serverCaller, `if azure != "" && c.Key != "" && azure != c.Key {`, `if azure == "\n" {`, []string{tServer}},
	{"a page in a browser is answered without a key", "H6", accessGate, "if open && !r.Local {", "if open && len(r.Project) > 999 {", []string{tAccess}},
	{"any host is this machine", "H6", serverCaller, "ip != nil && ip.IsLoopback()", "ip == nil || ip.IsLoopback()", []string{tServer}},
	{"a page of another origin is this machine", "H6", serverCaller, "u.Host != r.Host {", "u.Host == r.Host {", []string{tServer}},
	{"a page of another site is this machine", "H6", serverCaller, `case "", "none", "same-origin":`, `case "", "none", "same-origin", "cross-site":`, []string{tServer}},
	{"who comes through a proxy is this machine", "H6", serverCaller, `if r.Header.Get(forwarded) != "" {`, `if r.Header.Get(forwarded) == "none" {`, []string{tServer}},
	{"what the key does not allow is read first", "F4", serverCaller, "if caller.Allow != nil {", "if caller.Allow == nil {", []string{tServer}},
	{"any scheme of authorization will do", "H4", serverCaller, `!strings.EqualFold(scheme, "Bearer") || token == ""`, `scheme == "" || token == ""`, []string{tServer, tTenants}},
}

var inAccounts = []mutant{
	{"bytes are not limited", "B7", metaAccounts, "CAST($2 AS BIGINT) + $3 <= max_bytes - bytes - reserved)", "CAST($2 AS BIGINT) + $3 >= 0)", []string{tMeta}},
	{"what is reserved does not count", "B7", metaAccounts, "CAST($2 AS BIGINT) + $3 <= max_bytes - bytes - reserved)", "CAST($2 AS BIGINT) + $3 <= max_bytes - bytes)", []string{tMeta}},
	{"files are not limited", "B7", metaAccounts, "CAST($4 AS BIGINT) + $5 <= max_files - files - uploads)", "CAST($4 AS BIGINT) + $5 >= 0)", []string{tMeta}},
	{"open uploads are not limited", "B7", metaAccounts, "$5 <= max_uploads - uploads)`", "$5 >= 0)`", []string{tMeta}},
	{"a key's own limits are not asked", "B7", metaAccounts, `err != nil || key == "" {`, `err != nil || key != "\n" {`, []string{tMeta}},
	{"what is sent beyond is free", "B7", metaUploads, "more := now.reserved() - before.reserved(); more > 0 {", "more := now.reserved() - before.reserved(); more > 1<<40 {", []string{tMeta}},
	{"a completion does not move what was reserved", "E2", metaUploads, "return h.letGo(charge{bytes: f.Bytes, files: 1}).to(", "return charge{bytes: f.Bytes, files: 1}.to(", []string{tMeta, tUploads}},
	{"a deleted file stays in the account", "E2", metaFiles, "freed.add(f.Project, f.Key, charge{bytes: -f.Bytes, files: -1})", "_ = f", []string{tMeta, tUploads}},
	{"who deletes is credited", "E2", metaFiles, "freed.add(f.Project, f.Key, charge", `freed.add(f.Project, "", charge`, []string{tMeta}},
	{"deletions are not noted", "H4", metaFiles, `err := note(ctx, q, now, by, "file.delete", id, ""); err`, "err := error(nil); err", []string{tMeta}},
	{"the audit log is kept for ever", "E2", metaBin, "oldEvents+` LIMIT $2)`, before-auditedFor, limit)", "oldEvents+` LIMIT $2)`, before-2*auditedFor, limit)", []string{tMeta}},
	{"parts of any project's upload are shown", "H1", metaUploads, "FROM uploads WHERE id = $1 AND project = $3)", "FROM uploads WHERE id = $1 AND $3 <> '')", []string{tMeta}},
	{"parts of any project's file are shown", "H1", metaUploads, "FROM files WHERE id = $1 AND project = $2)", "FROM files WHERE id = $1 AND $2 <> '')", []string{tMeta}},
	{"a file for which there is no room is read", "F4", uploadsQuota, `if of := a.Exceeded(0, 1, 0); of != "" {`, `if of := a.Exceeded(0, 1, 0); of == "\n" {`, []string{tUploads}},
	{"a file may be larger than what is left", "B7", uploadsFile, "limit: min(t.MaxFile, room)", "limit: max(t.MaxFile, room)", []string{tUploads}},
	{"check does not look at accounts", "J3", uploadsCheck, "c.orphans, c.accounts, c.leftovers", "c.orphans, c.leftovers", []string{tUploads}},
}
