package conform

import "strings"

// Forms, byte for byte as the SDKs write them.

var formChecks = []Check{
	{"forms/python", "A Part as the Python SDK sends it.", SDK, pyHelper, partForm(pythonData)},
	{"forms/node", "A Part as the Node SDK streams it: in chunks, without a length.", SDK, nodeForm, partForm(nodeData)},
	{"forms/node-4", "A Part as the Node SDK 4 sends it: with a line behind the closing boundary.", SDK, nodeForm, partForm(node4Data)},
	{"forms/go", "A Part as the Go SDK sends it.", SDK, goForm, partForm(goData)},
	{"forms/java", "A Part as the Java SDK sends bytes: without a filename.", SDK, javaForm, partForm(javaData)},
	{"forms/ruby", "A Part as the Ruby SDK sends a String: as text/plain, in chunks.", SDK, rubyUtil, partForm(rubyData)},
	{"forms/dotnet", "A Part as the .NET SDK sends it: a quoted boundary of 70 characters, names without quotes.", SDK, dotnetForm, partForm(dotnetData)},
	{"forms/curl", "A Part as the reference's curl example sends it: as a field of text.", Documented, refAddPart, partForm(curlData)},
}

// partForm makes a check of a framing: the Part is taken, and its bytes are kept.
func partForm(frame func(data string) *form) func(*probe) {
	return func(p *probe) {
		u := p.upload(len(line(1)))
		id := p.succeeds(u.send(frame(line(1)))).text("id")
		a := u.finish(id)
		p.reads(p.succeeds(a).inner("file"), line(1), "the bytes of the field data")
	}
}

const (
	pythonBoundary = "0123456789abcdef0123456789abcdef"
	nodeBoundary   = "openai-4f1d7c20a9e84b7c"
	node4Boundary  = "form-data-boundary-dybcxsyzrwbe3vjd"
	goBoundary     = "d98bd8c4c7fdb3b0d7b8a1b0d8a0b4ea22a7d6cb7a91c0f6c1b8e7a0d3c4"
	javaBoundary   = "7a1c8f3e-5b0f-4a52-9e0f-0d2f5f1c6a77"
	rubyBoundary   = "Zr0Qn0vG8xq0mS4Jw3uN9bq0yq7k2v1rXh5mJtYp4-_dCwEfAsUiOoPlKj2aQz"
	dotnetBoundary = "f7Vn0=tq_YrBkz2pWJcHgX5dLsM8aQeU4oRi1vKxN3bTyC6mZhFwDlPjGuESqAO9_T=4"
	curlBoundary   = "------------------------4df4152ee0b8999d"
)

func pythonData(data string) *form {
	return &form{boundary: pythonBoundary, fields: []field{binary("data", "upload", data)}}
}

func nodeData(data string) *form {
	return &form{boundary: nodeBoundary, chunked: true, fields: []field{binary("data", "p.bin", data)}}
}

func node4Data(data string) *form {
	return &form{boundary: node4Boundary, tail: "\r\n", fields: []field{binary("data", "p.bin", data)}}
}

func goData(data string) *form {
	return &form{boundary: goBoundary, fields: []field{binary("data", "anonymous_file", data)}}
}

func javaData(data string) *form {
	return &form{boundary: javaBoundary, fields: []field{{"data", `Content-Disposition: form-data; name="data"` + "\r\nContent-Type: application/octet-stream", data}}}
}

func rubyData(data string) *form {
	return &form{boundary: rubyBoundary, chunked: true, fields: []field{
		{"data", `Content-Disposition: form-data; name="data"; filename="upload"` + "\r\nContent-Type: text/plain", data}}}
}

func dotnetData(data string) *form {
	return &form{boundary: dotnetBoundary, quoted: true, fields: []field{
		{"data", `Content-Disposition: form-data; name=data; filename=data; filename*=utf-8''data`, data}}}
}

func curlData(data string) *form {
	return &form{boundary: curlBoundary, fields: []field{text("data", data)}}
}

var fileFormChecks = []Check{
	{"forms/file-python", "A File as the Python SDK sends it: the purpose first, the file last.", SDK, pyHelper, fileForm(pythonFile)},
	{"forms/file-node", "A File as the Node SDK streams it: the file first, the purpose behind it, in chunks.", SDK, nodeForm, fileForm(nodeFile)},
	{"forms/file-go", "A File as the Go SDK sends it: fields in the order of their names, the purpose last.", SDK, goForm, fileForm(goFile)},
	{"forms/file-ruby", "A File as the Ruby SDK sends it: in chunks, each field with a Content-Type.", SDK, rubyUtil, fileForm(rubyFile)},
	{"forms/file-dotnet", "A File as the .NET SDK sends it: names without quotes, and filename*.", SDK, dotnetForm, fileForm(dotnetFile)},
}

// fileForm makes a check of a framing: the File has its name, its purpose and its bytes.
func fileForm(frame func(name, purpose, data string) *form) func(*probe) {
	return func(p *probe) {
		name := p.name(".jsonl")
		a := p.postFile(frame(name, p.Purpose, line(1)))
		f := p.succeeds(a)
		p.equal(a, "filename", f["filename"], name)
		p.equal(a, "purpose", f["purpose"], p.Purpose)
		p.equal(a, "bytes", f["bytes"], len(line(1)))
		p.reads(f, line(1), "the bytes of the field file")
	}
}

func expiryFields(value func(name, text string) field) []field {
	return []field{value("expires_after[anchor]", "created_at"), value("expires_after[seconds]", "3600")}
}

// typed is a field of text that has a Content-Type.
func typed(name, value string) field {
	f := text(name, value)
	f.headers += "\r\nContent-Type: text/plain"
	return f
}

func pythonFile(name, purpose, data string) *form {
	fields := append([]field{text("purpose", purpose)}, expiryFields(text)...)
	return &form{boundary: pythonBoundary, fields: append(fields, binary("file", name, data))}
}

func nodeFile(name, purpose, data string) *form {
	fields := append([]field{binary("file", name, data), text("purpose", purpose)}, expiryFields(text)...)
	return &form{boundary: nodeBoundary, chunked: true, fields: fields}
}

func goFile(name, purpose, data string) *form {
	return &form{boundary: goBoundary, fields: append(expiryFields(text), binary("file", name, data), text("purpose", purpose))}
}

func rubyFile(name, purpose, data string) *form {
	fields := append([]field{binary("file", name, data), typed("purpose", purpose)}, expiryFields(typed)...)
	return &form{boundary: rubyBoundary, chunked: true, fields: fields}
}

func dotnetFile(name, purpose, data string) *form {
	unquoted := func(name, value string) field {
		f := typed(name, value)
		f.headers = strings.ReplaceAll(f.headers, `"`, "")
		return f
	}
	file := field{"file", "Content-Disposition: form-data; name=file; filename=" + name + "; filename*=utf-8''" + name, data}
	return &form{boundary: dotnetBoundary, quoted: true, fields: append([]field{file, unquoted("purpose", purpose)}, expiryFields(text)...)}
}
