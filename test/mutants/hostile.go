package mutants

const serverConns = "internal/server/conns.go"

// inHostile are mistakes that only those who mean harm would show.
var inHostile = []mutant{
	{"strangers have all of the room", "F4", serverConns, "most := len(strangers) - c.max/2; most > 0", "most := len(strangers) - c.max*9; most > 0", []string{tServer}},
	{"those with few connections go like those with many", "F4", serverConns, "cmp.Or(cmp.Compare(b.younger, a.younger), ", "cmp.Or(0*cmp.Compare(b.younger, a.younger), ", []string{tServer}},
	{"requests that the server is at work on are cut off", "F4", serverConns, "case p.working.Load() == 0:", "case p.working.Load() < 9:", []string{tServer}},
	{"streams of HTTP/2 count as one", "F4", serverConns, "if int(p.conns.active.Add(1)) >", "if !first {\n\t\treturn\n\t}\n\tif int(p.conns.active.Add(1)) >", []string{tServer}},
	{"a connection is kept behind a chunked body", "R30", "internal/server/exchange.go", "return r.ProtoMajor == 1 && (", "return r.ProtoMajor == 9 && (", []string{tServer}},
	{"one of two lengths is believed", "R30", "internal/server/framing.go", "return f.length && f.coding }", "return f.length && f.coding && f.n < 0 }", []string{tServer}},
	{"what net/http refuses is told in plain text", "I3", "internal/server/refusal.go", "status < 400 {", "status < 600 {", []string{tServer}},
	{"OPTIONS * has an answer of net/http", "I3", "internal/server/listen.go", "DisableGeneralOptionsHandler: true", "DisableGeneralOptionsHandler: false", []string{tServer}},
	{"the names of fields cost nothing", "F4", serverForm, "f.small += len(field.Name) + len(value)", "f.small += len(value)", []string{tHostile}},
	{"any number of large bodies is held", "F4", "internal/server/decode.go", "case largeJSON <- struct{}{}:", "case make(chan struct{}, 1) <- struct{}{}:\n\t\treturn func() {}, nil", []string{tServer}},
	{"the log quotes what clients send", "H5", "internal/server/exchange.go", `[]any{"err", known.Reason()}`, `[]any{"err", known.Message}`, []string{tHostile}},
	{"the log holds paths as they are meant", "H5", "internal/server/exchange.go", "return cut((&url.URL{Path: u.Path}).EscapedPath())", "return cut(u.Path)", []string{tHostile}},
	{"a range past 64 bits is none", "D1", "internal/server/files.go", "len(digits) > 18 {", "len(digits) > 99 {", []string{tServer}},
	{"a backslash hides half of a pair", "I1", "internal/server/decode.go", "i++ // past the escaped character", "i += 6 // past the escaped character", []string{tServer}},
}
