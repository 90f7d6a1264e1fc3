package metrics

import (
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"uploadd/internal/uploads/uploadstest"
)

// family is a series with all its labels, as Prometheus' format has it.
type family struct {
	kind, help string
	labels     map[string]bool // without those of the format
	samples    int
}

var (
	sample = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? \S+$`)
	label  = regexp.MustCompile(`([a-z_]+)="(?:[^"\\]|\\.)*"`)
	suffix = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// scrape reads the metrics as text.
func (m measured) scrape(t *testing.T) (text string) {
	t.Helper()
	resp := uploadstest.Must(http.Get("http://" + m.address + "/metrics"))(t)
	defer resp.Body.Close()
	body := uploadstest.Must(io.ReadAll(resp.Body))(t)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", resp.StatusCode, body)
	}
	return string(body)
}

// families takes the text apart.
func families(t *testing.T, text string) map[string]*family {
	t.Helper()
	found := map[string]*family{}
	of := func(name string) *family {
		if found[name] == nil {
			found[name] = &family{labels: map[string]bool{}}
		}
		return found[name]
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if words := strings.SplitN(line, " ", 4); words[0] == "#" {
			if words[1] == "TYPE" {
				of(words[2]).kind = words[3]
			} else {
				of(words[2]).help = words[3]
			}
			continue
		}
		s := sample.FindStringSubmatch(line)
		if s == nil {
			t.Fatalf("not a sample: %q", line)
		}
		name := s[1]
		if trimmed := suffix.ReplaceAllString(name, ""); found[trimmed] != nil {
			name = trimmed
		}
		of(name).samples++
		for _, l := range label.FindAllStringSubmatch(s[2], -1) {
			if l[1] != "le" && l[1] != "quantile" {
				of(name).labels[l[1]] = true
			}
		}
	}
	return found
}

// Whatever clients send makes no series, and shows in none.
func TestFewSeries(t *testing.T) {
	t.Parallel()
	s := start(t)
	count := func() (n int, text string) {
		text = s.scrape(t)
		for _, f := range families(t, text) {
			n += f.samples
		}
		return n, text
	}
	send := func(round string) {
		if err := s.use(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, r := range [][2]string{
			{"GET", "/v1/files/file-canary" + round}, {"GET", "/canary" + round}, {"CANARY" + round, "/v1/files"}, {"GET", "/assets/canary" + round},
			{"DELETE", "/v1/uploads/upload_canary" + round}, {"POST", "/v1/files?canary=" + round},
		} {
			req := uploadstest.Must(http.NewRequest(r[0], s.URL+r[1], strings.NewReader("canary")))(t)
			req.Header.Set("Authorization", "Bearer canary"+round)
			resp := uploadstest.Must(http.DefaultClient.Do(req))(t)
			resp.Body.Close()
		}
	}
	send("1")
	s.wait(t, `uploadd_http_requests_total{code="404",method="GET",route="other"} 2`)
	before, _ := count()
	for _, round := range []string{"2", "3", "4"} {
		send(round)
	}
	s.wait(t, `uploadd_http_requests_total{code="404",method="GET",route="other"} 8`, `uploadd_http_requests_total{code="405",method="other",route="/files"} 4`)
	after, text := count()
	t.Logf("%d series, of which %d are uploadd's", after, strings.Count(text, "\nuploadd_"))
	if after > before+20 { // those of a call that the janitor had not made yet
		t.Errorf("%d series have become %d", before, after)
	}
	for _, word := range []string{"canary", "CANARY", "secret-name", "any", "default", s.Data} {
		if strings.Contains(regexp.MustCompile(`(?m)^#.*$`).ReplaceAllString(text, ""), word) {
			t.Errorf("%q shows in the metrics", word)
		}
	}
}

var row = regexp.MustCompile("(?m)^\\| `(uploadd_[a-z_]+)` \\| (\\w+) \\| ([^|]*)\\| ([^|]+)\\|")

// docs/metrics.md has each series of the server, with its type and its labels, and the
// server each of the page.
func TestDocs(t *testing.T) {
	t.Parallel()
	s := start(t)
	if err := s.use(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := families(t, s.scrape(t))
	page := read(t, "docs/metrics.md")
	documented := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(page, -1) {
		name, kind := m[1], m[2]
		documented[name] = true
		f := got[name]
		if f == nil {
			t.Errorf("%s is in the page, and the server does not have it", name)
			continue
		}
		if f.kind != kind || f.help == "" {
			t.Errorf("%s is a %s to the page, and to the server a %s: %s", name, kind, f.kind, f.help)
		}
		var labels []string
		for _, l := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(m[3], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		if want := slices.Sorted(maps.Keys(f.labels)); !slices.Equal(labels, want) {
			t.Errorf("%s has labels %v, and in the page %v", name, want, labels)
		}
	}
	for name := range got {
		if strings.HasPrefix(name, "uploadd_") && !documented[name] {
			t.Errorf("%s is not in the page", name)
		}
	}
	if len(documented) < 25 {
		t.Errorf("the page describes %d series", len(documented))
	}
}
