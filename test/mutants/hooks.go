package mutants

const (
	tHooks       = "internal/hooks"
	metaOutbox   = "internal/meta/outbox.go"
	metaHooks    = "internal/meta/hooks.go"
	hookSend     = "internal/hooks/send.go"
	hookDispatch = "internal/hooks/dispatch.go"
	hookRetry    = "internal/hooks/retry.go"
)

var inHooks = []mutant{
	{"a completion is told to nobody", "W1", metaUploads, "err := told.record(ctx, q, hooks.UploadCompleted, h.project, f.UploadID, \"\", now); err", "err := told.record(ctx, q, hooks.UploadCompleted, \"\", f.UploadID, \"\", now); err", []string{tMeta}},
	{"a deletion is told to nobody", "W1", metaFiles, "err := told.record(ctx, q, hooks.FileDeleted, f.Project, id, hooks.Requested, now); err", "err := told.record(ctx, q, hooks.FileDeleted, \"\", id, hooks.Requested, now); err", []string{tMeta}},
	{"a cancellation is told", "W1", metaUploads, "\t\tif _, err := endUpload(ctx, q, id, due, freed); err != nil {", "\t\tvar told told\n\t\tif err := told.record(ctx, q, hooks.UploadExpired, project, id, \"\", now); err != nil {\n\t\t\treturn err\n\t\t}\n\t\tif _, err := endUpload(ctx, q, id, due, freed); err != nil {", []string{tMeta, tUploads}},
	{"a hook is told of what it does not want", "W1", metaOutbox, "LIKE '%,' || CAST($2 AS TEXT) || ',%'", "LIKE '%' || SUBSTR(CAST($2 AS TEXT), 1, 1) || '%'", []string{tMeta}},
	{"another project's hook is told", "H1", metaOutbox, "WHERE project = $5 AND status", "WHERE $5 <> '' AND status", []string{tMeta}},
	{"who recorded an event does not look for it", "W2", metaOutbox, "case s.announced <- struct{}{}:", "case s.announced <- struct{}{}:\n\t\t\t<-s.announced", []string{tMeta}},
	{"two nodes claim one event", "W3", metaOutbox, "WHERE hook_id = $1 AND due_at <= $2 AND (object", "WHERE hook_id = $1 AND CAST($2 AS BIGINT) >= 0 AND (object", []string{tMeta}},
	{"a late attempt undoes another", "W3", metaOutbox, "AND attempts = $4 AND due_at", "AND attempts >= $4 AND due_at", []string{tMeta}},
	{"an event that was given up comes back", "W3", metaOutbox, "AND attempts = $4 AND due_at IS NOT NULL", "AND attempts = $4", []string{tMeta}},
	{"what a dead process was sending waits", "W2", metaOutbox, "WHERE sending = 1 OR due_at > $2", "WHERE due_at > $2", []string{tMeta, tHooks}},
	{"a clock that was ahead puts events off", "G2", metaOutbox, "WHERE sending = 1 OR due_at > $2", "WHERE sending = 1 AND $2 >= 0", []string{tMeta}},
	{"records are forgotten before they are told", "W2", metaBin, "\n\t\tAND NOT EXISTS (SELECT 1 FROM outbox WHERE object = uploads.id AND due_at IS NOT NULL)", "", []string{tMeta}},
	{"files are forgotten before they are told", "W2", metaBin, "object = files.upload_id", "object = files.id", []string{tMeta}},
	{"a removed hook keeps its events", "W4", metaHooks, "DELETE FROM outbox WHERE hook_id = $1", "DELETE FROM outbox WHERE hook_id = $1 AND hook_id = ''", []string{tMeta}},

	{"the body is not what was signed", "W4", hookSend, "signature, err := key.Sign(id, wall, body)", "signature, err := key.Sign(id, wall, body[1:])", []string{tHooks}},
	{"the signature is of another time", "W4", hookSend, "strconv.FormatInt(wall.Unix(), 10)", "strconv.FormatInt(now.Unix(), 10)", []string{tHooks}},
	{"the secret before signs no more", "W4", hookSend, "now.Unix() < h.OldUntil", "now.Unix() < 0", []string{tHooks}},
	{"redirects are followed", "W4", hookSend, "return http.ErrUseLastResponse", "return nil", []string{tHooks}},
	{"the URL of a hook is in the log", "H6", hookSend, "\t\treturn u.Err\n", "\t\treturn u\n", []string{tHooks}},
	{"any answer will do", "W2", hookSend, "case a.Status < 200 || a.Status >= 300:", "case a.Status < 200 || a.Status >= 600:", []string{tHooks}},
	{"an event has another id each time", "W3", "internal/hooks/hooks.go", "string(e.Type) + \" \" + e.Object", "string(e.Type) + \" \" + e.Object + string(rune(e.Attempts))", []string{tHooks}},
	{"a secret is said", "H6", "internal/hooks/hooks.go", "func (Secret) GoString() string { return secretPrefix + \"[secret]\" }", "", []string{tHooks}},

	{"an event is forgotten before it has arrived", "W2", hookDispatch, "\tcase a.Err == nil:\n", "\tcase a.Err == nil || a.Status > 0:\n", []string{tHooks}},
	{"an event that arrived is sent for ever", "W3", hookDispatch, "d.complain(d.Store.ForgetEvent(ctx, e))", "", []string{tHooks}},
	{"an endpoint that is gone is asked again", "W4", hookDispatch, "a.Status == http.StatusGone", "a.Status == 1", []string{tHooks}},
	{"one endpoint has all sends", "F4", hookDispatch, "free = atOnce - d.busy[hook]", "free = atOnce", []string{tHooks}},
	{"a stop is a failure of the endpoint's", "W2", hookDispatch, "case sending.Err() != nil:", "case sending == nil:", []string{tHooks}},
	{"an endpoint is asked again at once", "W4", hookRetry, "max(wait, min(asked, longest))", "wait", []string{tHooks}},
	{"an endpoint puts events off for ever", "W4", hookRetry, "min(asked, longest)", "asked", []string{tHooks}},
}
