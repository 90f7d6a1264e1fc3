package transfer

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uploadd/internal/openaifake"
	"uploadd/internal/uploads/uploadstest"
)

// Whatever is in a journal, reading it fails no call.
func TestNonsenseInJournal(t *testing.T) {
	const good = `{"version":1,"size":10,"part_size":5,"upload_id":"u"}` + "\n"
	for raw, parts := range map[string]int{
		"":     -1,
		"{}\n": -1,
		`{"version":1,"size":10,"part_size":0,"upload_id":"u"}` + "\n":                  -1,
		`{"version":1,"size":-1,"part_size":5,"upload_id":"u"}` + "\n":                  -1,
		`{"version":1,"size":9223372036854775807,"part_size":1,"upload_id":"u"}` + "\n": -1,
		`{"version":2,"size":10,"part_size":5,"upload_id":"u"}` + "\n":                  -1,
		good: 0,
		good + "nonsense\n" + `{"part":{"index":1,"id":"p"}}` + "\n":                            0,
		good + `{"part":{"index":2,"id":"p"}}` + "\n" + `{"part":{"index":-1,"id":"p"}}` + "\n": 0,
		good + `{"part":{"index":1,"id":"p"}}` + "\n" + `{"part":{"index":0`:                    1,
	} {
		st, size, err := readJournal(strings.NewReader(raw))
		switch {
		case err != nil || size > int64(len(raw)):
			t.Errorf("%q: %d, %v", raw, size, err)
		case st == nil && parts >= 0, st != nil && len(st.parts) != parts:
			t.Errorf("%q: %+v", raw, st)
		}
	}
}

// What ended long ago is swept away; what may be of use is not.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for i, age := range []time.Duration{-time.Hour, 24 * time.Hour, 30 * 24 * time.Hour} {
		e := entry{Version: journalVersion, PartSize: 1, Source: string(rune('a' + i)), UploadID: "u", Ends: time.Now().Add(-age)}
		j, _, err := openJournal(dir, e)
		if err == nil {
			err = errors.Join(j.begin(e), j.close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	u := newUploader(t, openaifake.New(t, testKey).URL)
	u.Journal = dir
	uploadstest.Must(u.UploadFile(t.Context(), file(t, []byte("x")), Request{}))(t)
	for _, left := range uploadstest.Must(ListUnfinished(dir))(t) {
		if left.Source == "c" {
			t.Errorf("it is still there: %+v", left)
		}
	}
	if left := uploadstest.Must(ListUnfinished(dir))(t); len(left) != 2 {
		t.Errorf("%+v", left)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	u, seen := newUploader(t, uploadd(t)), &events{}
	u.Journal = filepath.Join(t.TempDir(), "not", "there")
	if left, err := ListUnfinished(u.Journal); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	path := file(t, uploadstest.Random(5, resumeParts*resumePart))
	cutOff(t, u, path, 2)
	left := uploadstest.Must(ListUnfinished(u.Journal))(t)
	if len(left) != 1 || left[0].Bytes < 2*resumePart || left[0].Filename != "data.jsonl" {
		t.Fatalf("%+v", left)
	}
	for _, id := range []string{"another", left[0].UploadID, left[0].UploadID} {
		if err := Forget(u.Journal, id); err != nil {
			t.Error(err)
		}
	}
	u.Progress = seen.add
	uploadstest.Must(u.UploadFile(t.Context(), path, Request{}))(t)
	if seen.count(Resumed) > 0 {
		t.Error("it went on with what was to be forgotten")
	}
}
