package report

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func of(unit Unit, values ...float64) Sample { return Sample{Values: values, Unit: unit} }

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := of(Times, tt.values...).Median(); got != tt.want {
			t.Errorf("of %v it is %v, not %v", tt.values, got, tt.want)
		}
	}
	if !math.IsNaN(Sample{}.Median()) {
		t.Error("there is a median of nothing")
	}
}

func TestTable(t *testing.T) {
	rows := []Row{
		{"time", of(Seconds, 1.2, 1, 1.4), "nginx", of(Seconds, 1), AtMost(1.2)},
		{"time", of(Seconds, 1.2, 1, 1.4), "MinIO", of(Seconds, 2.3), AtMost(0.5)},
		{"rate", of(PerSecond, 1000), "MinIO", of(PerSecond, 200), AtLeast(5)},
		{"rate", of(PerSecond, 1000), "nginx", of(PerSecond, 201), AtLeast(5)},
		{"memory", of(MiB, 97), "", Sample{}, AtMost(96)},
		{"read", of(Times, 1.001), "", Sample{}, Goal{}},
	}
	want := `| figure | uploadd | beside | that one's | ratio | goal | met |
| --- | --- | --- | --- | --- | --- | --- |
| time | 1.20 s (1.00..1.40) | nginx | 1.00 s | 1.20 | ≤ 1.20 | yes |
|  |  | MinIO | 2.30 s | 0.52 | ≤ 0.50 | **no** |
| rate | 1000/s | MinIO | 200/s | 5.00 | ≥ 5.00 | yes |
|  |  | nginx | 201/s | 4.98 | ≥ 5.00 | **no** |
| memory | 97.0 MiB | – | – | – | ≤ 96.0 MiB | **no** |
| read | 1.00 | – | – | – | – | – |
`
	if got := Table(rows); got != want {
		t.Errorf("it is\n%s\nand not\n%s", got, want)
	}
}

func TestReplace(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page")
	const begin, end = "<!-- x: make bench writes this -->\n", "<!-- end of x -->\n"
	if err := os.WriteFile(page, []byte("before\n"+begin+end+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two\n\n"} {
		if err := Replace(page, "x", text); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if want := "before\n" + begin + "\ntwo\n\n" + end + "after\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	if Replace(page, "y", "three") == nil {
		t.Error("a section was written that the page does not have")
	}
}
