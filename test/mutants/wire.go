package mutants

const (
	serverError = "internal/server/error.go"
	serverForm  = "internal/server/form.go"
	serverBody  = "internal/server/body.go"
	formField   = "internal/formdata/field.go"
	formReader  = "internal/formdata/formdata.go"
	serve       = "cmd/uploadd/node.go"
)

var inServer = []mutant{
	{"what is left of a refused body is not read", "R14", serverError, "x.body.drain()", "x.body.begun = true", []string{tServer}},
	{"a connection is kept behind an unread body", "R30", serverError, `h.Set("Connection", "close")`, `h.Del("Connection")`, []string{tServer}},
	{"Retry-After is not sent", "F1", serverError, `h.Set("Retry-After", strconv.Itoa(known.RetryAfter))`, "_ = strconv.Itoa(known.RetryAfter)", []string{tServer}},
	{"an internal error is told to the client", "I3", serverError, `"Internal error. The request's id is %s.", x.id)`, `"Internal error: %s (%s).", err, x.id)`, []string{tServer}},
	{"a final answer invites another try", "C2", serverError, "if final(known.Status) {", "if !final(known.Status) {", []string{tServer}},
	{"no deadline is set for reading", "G4, M16", serverBody, "setDeadline(b.control.SetReadDeadline, b.patience(now))", "b.begun = true", []string{tServer}},
	{"no deadline is set for writing", "G4, M16", "internal/server/exchange.go", "{ setDeadline(x.control.SetWriteDeadline, stepTimeout) }", "{}", []string{tServer}},
	{"digests are not compared", "B1", serverForm, "return f.digests.check()", "return nil", []string{tServer}},
	{"digests of a field are not looked at", "B1", serverForm, "return f.digests.add(field.Header)", "return nil", []string{tServer}},
	{"bytes come from the first of two fields", "B1", serverForm, `err = api.Errorf(api.ErrInvalid, f.field, "The form has more than one field '%s'.", f.field)`, "err = io.EOF", []string{tServer}},
	{"the rest of a form is not read", "B1", serverForm, "f.current = nil\n\t\tif err = f.next(); err == nil {", "f.current = nil\n\t\tif err == nil {", []string{tServer}},
	{"compressed bodies are stored as they are", "B1", "internal/server/decode.go", `e != "" && !strings.EqualFold(e, "identity")`, `e == "none" && !strings.EqualFold(e, "identity")`, []string{tServer}},
	{"keys of JSON may be given twice", "I1", "internal/server/decode.go", "_, twice := o.fields[name]; twice {", "_, twice := o.fields[name]; twice && name == \"\" {", []string{tServer}},
	{"browsers may guess the type of an answer", "I2", "internal/server/exchange.go", `h.Set("X-Content-Type-Options", "nosniff")`, `h.Del("X-Content-Type-Options")`, []string{tServer}},
	{"a download is shown as a page", "I2", "internal/server/files.go", `mime.FormatMediaType("attachment",`, `mime.FormatMediaType("inline",`, []string{tServer}},
	{"the first of two keys counts", "H4", "internal/server/caller.go", "if len(values) > 1 {", "if len(values) > 9 {", []string{tServer}},
}

var inFormdata = []mutant{
	{"a transfer encoding is decoded", "B1", formField, "n, err := f.read(p)\n", "n, err := f.read(p)\n\tif f.Header.Get(\"Content-Transfer-Encoding\") == \"quoted-printable\" {\n\t\tn = copy(p, bytes.ReplaceAll(p[:n], []byte(\"=3D\"), []byte(\"=\")))\n\t}\n", []string{tFormdata, tServer}},
	{"a form need not be closed", "B1", formReader, "\tif !line {\n", "\tif !line && r.eof {\n\t\treturn true, nil\n\t}\n\tif !line {\n", []string{tFormdata}},
	{"what follows the form is not read", "B1", formReader, "return nil, r.epilogue()", "return nil, io.EOF", []string{tFormdata}},
	{"a body that ends in a field is whole", "B1", formField, "\tif n == 0 {\n\t\treturn 0, r.malformed(\"\")", "\tif n == 0 {\n\t\tf.ended = true\n\t\treturn held, io.EOF", []string{tFormdata}},
	{"a boundary between two reads is data", "B1", formField, "min(len(lineDashes)-1, len(data))", "min(len(lineDashes)-2, len(data))", []string{tFormdata}},
	{"data that begins like the boundary ends the field", "B1", formField, "case rest[0] != '-':\n\t\treturn isData", "case rest[0] != '-':\n\t\treturn isDelimiter", []string{tFormdata}},
	{"what precedes a form is not bounded", "F4", formReader, "passed += at; passed > maxAround", "passed += at; passed < 0", []string{tFormdata}},
	{"a field may have any number of headers", "F4", formField, "lines > maxHeaders+1", "lines < 0", []string{tFormdata}},
	{"a client's path is a file's name", "I1, M19", formField, "filename[strings.LastIndexAny(filename, `/\\`)+1:]", "filename[:]", []string{tFormdata, tServer}},
}

var inProgram = []mutant{
	{"two servers share a directory", "F6", "cmd/uploadd/stores.go", "flock(lock, exclusive|", "flock(lock, shared|", []string{tProgram}},
	{"a stop cuts what is in flight", "F5", serve, "if err := srv.Shutdown(ctx); err != nil {", "_ = ctx\n\tif err := srv.Close(); err != nil {", []string{tProgram}},
	{"what a killed server left stays", "R10", serve, "err := svc.Recover(ctx)\n", "var err error\n", []string{tDurable}},
	{"there is no janitor", "E2", serve, "svc.Janitor(background, janitorPeriod)", "_, _ = background, janitorPeriod", []string{tProgram}},
	{"anybody is answered", "H6", "cmd/uploadd/port.go", "ip != nil && ip.IsLoopback()", `ip == nil || host != "none"`, []string{tProgram}},
	{"a check that found faults succeeds", "J3", "cmd/uploadd/check.go", "if s.Faults > 0 {", "if s.Faults < 0 {", []string{tProgram}},
}
