package meta

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"uploadd/internal/hooks"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

var binned = flag.Int("binned", 10_000, "how many keys are in the bin that is counted")

// stores opens an empty store of each kind.
func stores(t *testing.T) map[string]*Store {
	return map[string]*Store{
		"SQLite":     open(t, filepath.Join(t.TempDir(), "x.db")),
		"PostgreSQL": openPG(t, postgres.Start(t).Database()),
	}
}

func TestTotals(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			want := func(when string, want Totals) {
				t.Helper()
				if got := uploadstest.Must(s.Totals(t.Context()))(t); *got != want {
					t.Errorf("%s: %+v, want %+v", when, *got, want)
				}
			}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			want("nothing", Totals{})
			for i, project := range []string{"p", "q"} {
				must(s.CreateUpload(t.Context(), &uploads.Upload{ID: "upload_" + project, Project: project, Filename: "f", Purpose: "user_data",
					MimeType: "text/plain", Bytes: 100, Status: "pending", CreatedAt: 50, ExpiresAt: int64(500 + i)}))
			}
			want("two uploads", Totals{Reserved: 200, Uploads: 2, Due: 500})
			key := uploadstest.Key(1)
			must(s.Reserve(t.Context(), []string{key, uploadstest.Key(2)}, 400))
			want("two keys in the bin", Totals{Reserved: 200, Uploads: 2, Binned: 2, Due: 400})
			must(s.CreateFile(t.Context(), &uploads.File{ID: "file-1", Project: "p", Filename: "f", Purpose: "user_data", Bytes: 7, CreatedAt: 50, ExpiresAt: 300, Parts: 1},
				&uploads.Part{ID: key, FileID: "file-1", Bytes: 7, CreatedAt: 50}))
			want("a file that ends", Totals{Bytes: 7, Files: 1, Reserved: 200, Uploads: 2, Binned: 1, Due: 300})
			must(s.Forget(t.Context(), uploadstest.Must(s.Doom(t.Context(), 400, 400, 9))(t)))
			uploadstest.Must(s.Expire(t.Context(), 500, 600, 9))(t)
			want("all but one upload is over", Totals{Reserved: 100, Uploads: 1, Binned: 1, Due: 501})
			must(s.CreateHook(t.Context(), &hooks.Hook{ID: "hook_1", Project: "q", URL: "http://127.0.0.1:1/", Events: hooks.Types{hooks.UploadExpired}, Secret: []byte("x"), Status: hooks.Active, CreatedAt: 50}))
			uploadstest.Must(s.Expire(t.Context(), 700, 800, 9))(t)
			want("a hook is to be told", Totals{Binned: 1, Due: 600, Untold: 1, UntoldSince: 700})
		})
	}
}

// How long a look takes where there is much in the bin is said, and not judged: run it
// with -args -binned=1000000.
func TestTotalsOfMany(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			keys := make([]string, *binned)
			for i := range keys {
				keys[i] = uploadstest.Key(i)
			}
			for ; len(keys) > 0; keys = keys[min(len(keys), 10_000):] {
				if err := s.Reserve(t.Context(), keys[:min(len(keys), 10_000)], 1<<40); err != nil {
					t.Fatal(err)
				}
			}
			for range 3 {
				began := time.Now()
				got := uploadstest.Must(s.Totals(t.Context()))(t)
				t.Logf("%d keys in %s", got.Binned, time.Since(began))
				if got.Binned != int64(*binned) {
					t.Errorf("%d keys, want %d", got.Binned, *binned)
				}
			}
		})
	}
}
