package server

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"uploadd/api"
)

func createFile(a api.API, r *http.Request) (any, error) {
	f, err := newForm(r, "file")
	if err != nil {
		return nil, err
	}
	return a.CreateFile(r.Context(), f, f.describeFile)
}

func listFiles(a api.API, r *http.Request) (any, error) {
	q, err := listQuery(r)
	if err != nil {
		return nil, err
	}
	return a.ListFiles(r.Context(), q)
}

func getFile(a api.API, r *http.Request) (any, error) {
	return a.GetFile(r.Context(), r.PathValue("id"))
}

func deleteFile(a api.API, r *http.Request) (any, error) {
	return a.DeleteFile(r.Context(), r.PathValue("id"))
}

func getUsage(a api.API, r *http.Request) (any, error) {
	return a.Usage(r.Context())
}

// getContent sends a File, or a range of it (RFC 9110, section 14), as a
// download: whatever it is, no browser shows it as a page of this server.
func getContent(a api.API, w http.ResponseWriter, r *http.Request) error {
	opened, err := a.OpenFile(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	defer opened.Close()
	c := &watched{Content: opened}
	f := c.File()

	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", disposition(f.Filename))
	h.Set("ETag", `"`+f.ID+`"`) // a File never changes, and its id is not used again
	if sum, known := c.CRC32C(); known {
		digest := binary.BigEndian.AppendUint32(nil, sum)
		h.Set("Repr-Digest", "crc32c=:"+base64.StdEncoding.EncodeToString(digest)+":")
	}
	asked := r.Header.Get("Range")
	r.Header.Set("Range", oneRange(asked))
	p := &refusal{ResponseWriter: w, ready: readiness(r, c)}
	http.ServeContent(p, r, "", time.Unix(f.CreatedAt, 0), c)
	switch {
	case p.status == http.StatusRequestedRangeNotSatisfiable:
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", f.Bytes))
		return api.Errorf(api.ErrRange, "", "The range '%.100s' lies outside of the %d bytes of file %s.", asked, f.Bytes, f.ID)
	case c.err != nil && p.status != 0:
		h.Del("Content-Range")
		return c.err
	case p.status != 0:
		return api.Errorf(&api.Error{Status: p.status}, "", "A precondition of the request does not hold for file %s.", f.ID)
	}
	return c.err
}

var byteRange = regexp.MustCompile(`^[ \t]*([0-9]*)-([0-9]*)[ \t]*$`)

// oneRange makes a Range that http.ServeContent takes for what RFC 9110 says: it
// knows one spelling of the unit only, takes signs, refuses numbers past 64 bits
// though the end of the file bounds them, and sends nothing for the last 0 bytes.
// Units other than bytes are to be ignored: "". So may several ranges in one request
// be, and are: no client of this API asks for them, and attackers do.
func oneRange(header string) string {
	const nowhere = "bytes=none"
	unit, ranges, _ := strings.Cut(header, "=")
	if !strings.EqualFold(unit, "bytes") || strings.Contains(ranges, ",") {
		return ""
	}
	m := byteRange.FindStringSubmatch(ranges)
	if m == nil {
		return nowhere
	}
	first, last := bounded(m[1]), bounded(m[2])
	if first == "" && (last == "" || last == "0") {
		return nowhere
	}
	return "bytes=" + first + "-" + last
}

// bounded returns digits as a number that 64 bits hold, and no file reaches.
func bounded(digits string) string {
	if digits == "" {
		return ""
	}
	if digits = strings.TrimLeft(digits, "0"); len(digits) > 18 {
		return strings.Repeat("9", 18)
	}
	return cmp.Or(digits, "0")
}

// watched remembers that reading failed. ServeContent does not tell, and the
// answer, begun by then, must break off visibly.
type watched struct {
	api.Content
	err error
}

func (c *watched) Read(p []byte) (int, error) {
	n, err := c.Content.Read(p)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// readiness returns what looks whether an answer to r can begin, once c has been sought
// to where it begins.
func readiness(r *http.Request, c *watched) func(n int64) error {
	e, ok := c.Content.(api.Expectant)
	if !ok || r.Method == http.MethodHead {
		return func(int64) error { return nil }
	}
	return func(n int64) error {
		c.err = e.Ready(n)
		return c.err
	}
}

// refusal keeps back the plain-text errors of http.ServeContent, for which this
// API has a shape of its own, and all of an answer that cannot begin.
type refusal struct {
	http.ResponseWriter
	ready  func(n int64) error
	status int // that was kept back
}

func (p *refusal) WriteHeader(status int) {
	if status < 300 {
		n, err := strconv.ParseInt(p.Header().Get("Content-Length"), 10, 64)
		if err != nil || p.ready(n) != nil {
			p.status = http.StatusInternalServerError
			return
		}
	}
	if status == http.StatusRequestedRangeNotSatisfiable || status == http.StatusPreconditionFailed {
		p.status = status
		return
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *refusal) Write(b []byte) (int, error) {
	if p.status != 0 {
		return len(b), nil
	}
	return p.ResponseWriter.Write(b)
}

// ReadFrom keeps the way of large pieces open: io.Copy looks for it.
func (p *refusal) ReadFrom(r io.Reader) (int64, error) {
	if p.status != 0 {
		return 0, nil
	}
	return io.Copy(p.ResponseWriter, r)
}

// Unwrap lets http.ResponseController and exchangeOf through.
func (p *refusal) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// disposition names the download by the last element of the File's name.
func disposition(filename string) string {
	name := path.Base(strings.ReplaceAll(filename, `\`, "/"))
	if name == "." || name == "/" || name == ".." {
		name = "download"
	}
	if d := mime.FormatMediaType("attachment", map[string]string{"filename": name}); d != "" {
		return quoteFilename(d)
	}
	return "attachment"
}

// quoteFilename puts a bare filename=token into quotes, as OpenAI sends it.
func quoteFilename(d string) string {
	const param = "attachment; filename="
	if token, ok := strings.CutPrefix(d, param); ok && !strings.HasPrefix(token, `"`) {
		return param + `"` + token + `"`
	}
	return d
}
