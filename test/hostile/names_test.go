package hostile

import (
	"encoding/json"
	"fmt"
	"mime"
	"path"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// names are taken, and come back as they were sent.
var names = []string{
	"plain.txt", " leading and trailing ", ".htaccess", "..", "...", "-rf", "~", "CON", "com1.txt", "aux", "a:b", "C:", "a|b<c>d?e*f", "$(id)", "`id`",
	"'; DROP TABLE files; --", `say "cheese".txt`, `x";filename="y.html`, `x"; filename*=utf-8''y.html`, "a%0d%0aSet-Cookie: x=1", "%00", "%2e%2e%2f", "a%22b", "a;b=c, d",
	"=?utf-8?B?eC5odG1s?=", "utf-8''x.html", "index.html", "evil.svg", "a.js", "a.pdf", "<script>alert(1)</script>.html", "{{7*7}}", "${jndi:ldap://x/y}", "http://169.254.169.254/", "file:///etc/passwd",
	"ünïcödé.txt", "你好.txt", "🏴‍☠️.bin", "e\u0301", "\u00e9", "İ", "ſ", "ﬁ", "A", "a", "\ufeffbom", "zero\u200bwidth", "\ufffd", strings.Repeat("x", api.MaxFilename), strings.Repeat("é", api.MaxFilename), strings.Repeat("😀", api.MaxFilename),
	strings.Repeat("x", api.MaxFilename-1) + "😀", "null", "undefined", "NaN", "true", "0", "\\", "a\\b", "dir/sub/name.txt", "/etc/passwd", "../../etc/passwd", `..\..\windows\system32`, "//host/share", "a/", "/",
}

// unnames are refused.
var unnames = []string{
	"", "a\r\nX: y", "a\nb", "a\rb", "a\x00b", "\x1b[31mred", "a\tb", "\x7f", "\u0085", "a\u202egpj.exe", "\u2066x\u2069", "\u200f", "\u2028", "\u2029",
	strings.Repeat("x", api.MaxFilename+1), strings.Repeat("😀", api.MaxFilename+1),
}

// File names are data: shown as they were sent, never a path, never a header of
// their own.
func TestNames(t *testing.T) {
	t.Parallel()
	w := newWire(t, program.Start(t, program.Options{}))
	ids := map[string]string{} // of Files, to their names
	for _, name := range names {
		f := w.create(name)
		if f == nil || f.Filename != name {
			t.Errorf("JSON: %q became %+v", name, f)
			continue
		}
		ids[f.ID] = name
		base := name[strings.LastIndexAny(name, `/\`)+1:]
		if base == "" || strings.Contains(base, "%22") {
			continue // a form without a name is one of a text field; %22 is how it writes a quote
		}
		status, sent := w.sendFile(base)
		if status != 200 || sent.Filename != base {
			t.Errorf("form: %q: status %d, %+v", base, status, sent)
			continue
		}
		ids[sent.ID] = base
	}
	for _, name := range unnames {
		if f := w.create(name); f != nil {
			t.Errorf("JSON: %q was taken: %+v", name, f)
		}
		if name == "" || strings.ContainsAny(name, "\r\n\x00") {
			continue // no such name can be written into a form
		}
		if status, f := w.sendFile(name); status != 400 && status != 413 {
			t.Errorf("form: %q: status %d, %+v", name, status, f)
		}
	}

	_, body := w.send("GET /v1/files HTTP/1.1", nil, "")
	var list api.List[api.File]
	if err := json.Unmarshal(body, &list); err != nil || len(list.Data) != len(ids) {
		t.Fatalf("%d files are listed, and %d were made: %v", len(list.Data), len(ids), err)
	}
	for _, f := range list.Data {
		if ids[f.ID] != f.Filename {
			t.Errorf("listed: %q became %q", ids[f.ID], f.Filename)
		}
		w.checkDownload(f)
	}
}

// checkDownload wants a file to be saved by the last element of its name.
func (w wire) checkDownload(f api.File) {
	w.Helper()
	resp, body := w.send("GET /v1/files/"+f.ID+"/content HTTP/1.1", nil, "")
	if resp.StatusCode != 200 || string(body) != "x" {
		w.Errorf("%q: status %d, content %q", f.Filename, resp.StatusCode, body)
	}
	values := resp.Header.Values("Content-Disposition")
	if len(values) != 1 || strings.ContainsFunc(values[0], func(r rune) bool { return r < ' ' || r > '~' }) {
		w.Errorf("%q is sent as %q", f.Filename, values)
		return
	}
	kind, params, err := mime.ParseMediaType(values[0])
	if err != nil || kind != "attachment" {
		w.Errorf("%q is sent as %s: %v", f.Filename, values[0], err)
	}
	want := path.Base(strings.ReplaceAll(f.Filename, `\`, "/"))
	if want == ".." || want == "/" || want == "." {
		want = "download"
	}
	if params["filename"] != want || len(params) != 1 {
		w.Errorf("%q is sent as %s, which is %q", f.Filename, values[0], params)
	}
}

// create makes a File of one byte by an Upload; nil if the name is refused.
func (w wire) create(name string) *api.File {
	w.Helper()
	request := uploadstest.Must(json.Marshal(map[string]any{"filename": name, "purpose": "user_data", "bytes": 1, "mime_type": "text/html"}))(w.T)
	resp, body := w.send("POST /v1/uploads HTTP/1.1", nil, string(request))
	if resp.StatusCode == 400 && strings.Contains(string(body), `"filename"`) {
		return nil
	}
	var u api.Upload
	var p api.Part
	w.decode(resp.StatusCode, body, &u)
	resp, body = w.send("POST /v1/uploads/"+u.ID+"/parts HTTP/1.1", []string{"Content-Type: multipart/form-data; boundary=b"}, "--b\r\nContent-Disposition: form-data; name=data\r\n\r\nx\r\n--b--\r\n")
	w.decode(resp.StatusCode, body, &p)
	resp, body = w.send("POST /v1/uploads/"+u.ID+"/complete HTTP/1.1", nil, fmt.Sprintf(`{"part_ids":[%q]}`, p.ID))
	w.decode(resp.StatusCode, body, &u)
	if u.Filename != name {
		w.Errorf("the upload of %q has the name %q", name, u.Filename)
	}
	return u.File
}

// sendFile makes a File of one byte by a form, as a browser writes it.
func (w wire) sendFile(name string) (status int, f api.File) {
	w.Helper()
	form := "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + strings.ReplaceAll(name, `"`, "%22") + "\"\r\nContent-Type: text/html\r\n\r\nx\r\n--b--\r\n"
	resp, body := w.send("POST /v1/files HTTP/1.1", []string{"Content-Type: multipart/form-data; boundary=b"}, form)
	if resp.StatusCode == 200 {
		w.decode(200, body, &f)
	}
	return resp.StatusCode, f
}

func (w wire) decode(status int, body []byte, to any) {
	w.Helper()
	if err := json.Unmarshal(body, to); err != nil || status != 200 {
		w.Fatalf("status %d, %s: %v", status, body, err)
	}
}
