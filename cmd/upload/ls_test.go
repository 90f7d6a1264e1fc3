package main

import (
	"slices"
	"testing"
	"time"

	"uploadd/api"
)

// list is a page of numbers, as a server has them.
func list(all []int, after string, size int) *api.List[int] {
	i := 0
	if after != "" {
		i = slices.IndexFunc(all, func(n int) bool { return id(&n) == after }) + 1
	}
	end := min(i+size, len(all))
	return api.NewList(all[i:end], end < len(all), id)
}

func id(n *int) string { return string(rune('a' + *n)) }

// TestPages: a walk through a list ends where it ends, however long its pages.
func TestPages(t *testing.T) {
	all := []int{0, 1, 2, 3, 4, 5, 6}
	for size := 1; size < 9; size++ {
		var got []int
		for n, err := range pages(func(after string) (*api.List[int], error) { return list(all, after, size), nil }) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, *n)
		}
		if !slices.Equal(got, all) {
			t.Errorf("pages of %d: %v", size, got)
		}
	}
}

// TestEndlessList: a server that says "there is more" and not where is not asked
// for ever, nor taken for one that has told all.
func TestEndlessList(t *testing.T) {
	for name, page := range map[string]*api.List[int]{
		"the same page again": api.NewList([]int{1}, true, id),
		"no last id":          {Data: []int{1}, HasMore: true},
		"an empty page":       api.NewList([]int{}, true, id),
	} {
		asked, failed := 0, false
		for _, err := range pages(func(string) (*api.List[int], error) { asked++; return page, nil }) {
			failed = failed || err != nil
		}
		if !failed || asked > 2 {
			t.Errorf("%s: asked %d times, failed %v", name, asked, failed)
		}
	}
}

// TestFileLine: nothing that a server sends gets at the terminal.
func TestFileLine(t *testing.T) {
	now := time.Unix(1000, 0)
	f := &api.File{ID: "file-1\x1b[2J", Purpose: "a\nb", Filename: "\u202egnp.exe", Bytes: 1 << 20, CreatedAt: 940}
	if got, want := fileLine(f, now), `"file-1\x1b[2J"                1.0 MiB    1m  "a\nb"      "\u202egnp.exe"`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
