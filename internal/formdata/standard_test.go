package formdata

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// standard reads a form with mime/multipart. proper is whether each of its
// fields has one Content-Disposition, with a name.
func standard(body, boundary string) (parts []part, proper bool, err error) {
	r := multipart.NewReader(strings.NewReader(body), boundary)
	for proper = true; ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return parts, proper, nil
		}
		if err != nil {
			return parts, proper, err
		}
		data, err := io.ReadAll(p)
		if err != nil {
			return parts, proper, err
		}
		proper = proper && p.FormName() != "" && len(p.Header.Values("Content-Disposition")) == 1
		parts = append(parts, part{unescape(p.FormName()), "", string(data)})
	}
}

// compare holds the reader to mime/multipart: what it takes, the standard
// library takes as the same fields and bytes. What the standard library takes,
// it takes too, unless it is stricter there by design: lines that end in a line
// feed alone, an end without its dashes, fields without a proper
// Content-Disposition, more around the fields than allowed, and a preamble with a
// line that begins like a boundary and goes on.
func compare(t testing.TB, body string, size int) (taken bool) {
	t.Helper()
	ours, err := read(strings.NewReader(body), "b", size)
	theirs, proper, stdErr := standard(body, "b")
	if err == nil {
		for i := range ours {
			ours[i].Filename = ""
		}
		if stdErr != nil || !slices.Equal(theirs, ours) {
			t.Fatalf("%q, buffer %d: taken; mime/multipart says %v (-mime/multipart +ours):\n%s", body, size, stdErr, cmp.Diff(theirs, ours))
		}
		return true
	}
	if again, err := read(iotest.OneByteReader(strings.NewReader(body)), "b", size); err == nil {
		t.Fatalf("%q: refused, and taken byte by byte: %q", body, again)
	}
	stricter := !proper || strings.Count(body, "\n") != strings.Count(body, "\r\n") ||
		len(body) > maxAround || first(isEnd, "\r\n"+body) < 0 ||
		first(likeBoundary, "\r\n"+body) != first(isBoundary, "\r\n"+body)
	if stdErr == nil && !stricter {
		t.Fatalf("%q: refused with %v; mime/multipart takes it as %q", body, err, theirs)
	}
	return false
}

var (
	likeBoundary = regexp.MustCompile("\r\n--b([ \t\r\n]|--)")
	isEnd        = regexp.MustCompile("\r\n--b--[ \t]*(\r\n|$)")
	isBoundary   = regexp.MustCompile("\r\n--b(--)?[ \t]*(\r\n|$)")
)

func first(re *regexp.Regexp, s string) int {
	if at := re.FindStringIndex(s); at != nil {
		return at[0]
	}
	return -1
}

func FuzzAgainstStandardLibrary(f *testing.F) {
	for _, tt := range forms {
		f.Add(tt.body, 7)
		f.Add(tt.body, 2000)
	}
	f.Fuzz(func(t *testing.T, body string, size int) {
		compare(t, body, 1+int(uint(size)%4096))
	})
}

var (
	formCount = flag.Int("forms", 100_000, "how many forms are put together and compared")
	formSeed  = flag.Uint64("seed", 1, "of their choice")
)

// formPieces are what matters in a form.
var formPieces = []string{"\r", "\n", "\r\n", "-", "--", "b", "--b", "\r\n--b", "\r\n--b\r\n", "\r\n--b--", "--b--\r\n", " ", "\t", "x", "\x00",
	"Content-Disposition: form-data; name=a\r\n\r\n", "Content-Disposition: form-data; name=a", "\r\n\r\n", "X: y\r\n", strings.Repeat("z", 300)}

// putTogether makes a form, or something like one, of formPieces.
func putTogether(rnd *rand.Rand, body *bytes.Buffer) {
	body.Reset()
	if rnd.IntN(2) == 0 {
		body.WriteString("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n")
	}
	for range rnd.IntN(12) {
		body.WriteString(formPieces[rnd.IntN(len(formPieces))])
	}
	if rnd.IntN(3) > 0 {
		body.WriteString("\r\n--b--\r\n")
	}
}

// The same with forms that are put together.
func TestAgainstStandardLibrary(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*formSeed, 2))
	n := *formCount
	if testing.Short() {
		n /= 5
	}
	taken, begun := 0, time.Now()
	var body bytes.Buffer
	for i := range n {
		putTogether(rnd, &body)
		if compare(t, body.String(), sizes[rnd.IntN(len(sizes)-1)]) {
			taken++
		}
		if i++; i%1_000_000 == 0 {
			t.Logf("%d forms, %d taken, %v", i, taken, time.Since(begun).Round(time.Second))
		}
	}
	if taken < n/20 {
		t.Errorf("only %d of %d forms were taken: this compares too little", taken, n)
	}
}

// However a body comes in, it is the same form: each of them is read in two pieces, cut
// at every place in turn.
func TestSplitsAgainstStandardLibrary(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*formSeed, 4))
	splits := 0
	var body bytes.Buffer
	for splits < *formCount {
		putTogether(rnd, &body)
		form, size := body.String(), sizes[rnd.IntN(len(sizes)-1)]
		taken := compare(t, form, size)
		whole, _ := read(strings.NewReader(form), "b", size)
		for cut := range len(form) {
			parts, err := read(io.MultiReader(strings.NewReader(form[:cut]), strings.NewReader(form[cut:])), "b", size)
			if (err == nil) != taken || taken && !slices.Equal(parts, whole) {
				t.Fatalf("%q, cut at %d, buffer %d: %v (-whole +cut):\n%s", form, cut, size, err, cmp.Diff(whole, parts))
			}
		}
		splits += len(form)
	}
}

// checkBoundary: a boundary is taken if mime and mime/multipart take it, and a form
// that is written with it can be read.
func checkBoundary(t testing.TB, contentType string) (taken bool) {
	t.Helper()
	got, err := Boundary(contentType)
	media, params, parseErr := mime.ParseMediaType(contentType)
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	good := parseErr == nil && media == "multipart/form-data" && w.SetBoundary(params["boundary"]) == nil
	if (err == nil) != good || err == nil && got != params["boundary"] {
		t.Fatalf("%q: %q, %v; want %q, %v", contentType, got, err, params["boundary"], good)
	}
	if err != nil {
		return false
	}
	data := "\r\n--" + got[:len(got)-1] + "\r\n-- --"
	if err := errors.Join(w.WriteField("a", data), w.Close()); err != nil {
		t.Fatal(err)
	}
	parts, err := read(&form, got, 64)
	if err != nil || len(parts) != 1 || parts[0] != (part{"a", "", data}) {
		t.Fatalf("%q: a form with it is read as %q, %v", contentType, parts, err)
	}
	return true
}

var typePieces = []string{"multipart/form-data", "Multipart/Form-Data", "multipart/mixed", "; ", ";", "boundary=", "boundary", "BOUNDARY=", "boundary*=utf-8''", "boundary*0=", "=", `"`, `"`, `\`,
	"b", "'()+_,-./:=?", " ", "\t", "%20", "ü", "\r\n", "\x00", "charset=utf-8", ",", strings.Repeat("x", 35), strings.Repeat("y", 69)}

func FuzzBoundary(f *testing.F) {
	for _, piece := range typePieces {
		f.Add("multipart/form-data; boundary=" + piece)
	}
	f.Fuzz(func(t *testing.T, contentType string) { checkBoundary(t, contentType) })
}

func TestBoundaryAgainstStandardLibrary(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*formSeed, 3))
	taken := 0
	for range *formCount / 10 {
		contentType := []string{"", "multipart/form-data; boundary=", `multipart/form-data; boundary="`}[rnd.IntN(3)]
		for range 1 + rnd.IntN(5) {
			contentType += typePieces[rnd.IntN(len(typePieces))]
		}
		if checkBoundary(t, contentType) {
			taken++
		}
	}
	if taken < *formCount/1000 {
		t.Errorf("only %d were taken: this compares too little", taken)
	}
}
