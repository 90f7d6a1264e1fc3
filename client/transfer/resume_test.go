package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/internal/openaifake"
	"uploadd/internal/uploads/uploadstest"
)

const (
	resumePart  = 256 << 10
	resumeParts = 12
)

// cutOff sends path until some Parts have arrived, and is cut off then.
func cutOff(t *testing.T, u *Uploader, path string, parts int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := &Uploader{Client: u.Client, PartSize: resumePart, Parallel: 1, Journal: u.Journal, Progress: func(p Progress) {
		if p.Event == PartDone && p.Parts == parts {
			cancel()
		}
	}}
	_, err := first.UploadFile(ctx, path, Request{})
	var cut *Incomplete
	if !errors.As(err, &cut) || !cut.Resumable || cut.Bytes < int64(parts)*resumePart {
		t.Fatalf("%v", err)
	}
}

// setTime gives a file another time, or its old one back.
func setTime(t *testing.T, path string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// What happens between a call that was cut off after 5 of 12 Parts and the next
// one, and what that makes of it.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		between func(t *testing.T, u *Uploader, path string)
		noMD5   bool
		anew    bool // all is sent again
		parts   int  // that it begins with, if not anew; of uploadd, and of OpenAI
		openAI  int
	}{
		{name: "nothing", parts: 5, openAI: 5},
		{name: "another time", anew: true, between: func(t *testing.T, _ *Uploader, path string) {
			setTime(t, path, time.Now().Add(time.Hour))
		}},
		{name: "another size", anew: true, between: func(t *testing.T, _ *Uploader, path string) {
			write(t, path, resumeParts*resumePart, []byte("more"))
		}},
		{name: "a Part that had arrived, unseen", anew: true, between: func(t *testing.T, _ *Uploader, path string) {
			write(t, path, 3*resumePart, []byte("changed"))
		}},
		{name: "the same, without MD5", anew: true, noMD5: true, between: func(t *testing.T, _ *Uploader, path string) {
			write(t, path, 3*resumePart, []byte("changed"))
		}},
		{name: "a Part that had not, unseen", parts: 5, openAI: 5, between: func(t *testing.T, _ *Uploader, path string) {
			write(t, path, 9*resumePart, []byte("changed"))
		}},
		{name: "a torn last line", parts: 5, openAI: 4, between: func(t *testing.T, u *Uploader, _ string) { shorten(t, u, 1, 20) }},
		{name: "lost lines", parts: 5, openAI: 2, between: func(t *testing.T, u *Uploader, _ string) { shorten(t, u, 3, 0) }},
		{name: "lost lines, without MD5", parts: 2, openAI: 2, noMD5: true,
			between: func(t *testing.T, u *Uploader, _ string) { shorten(t, u, 3, 0) }},
		{name: "a journal of nonsense", anew: true, between: func(t *testing.T, u *Uploader, _ string) {
			if err := os.WriteFile(journalOf(t, u), []byte("{}\nnonsense\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "the Upload was cancelled", anew: true, between: func(t *testing.T, u *Uploader, _ string) {
			left := uploadstest.Must(ListUnfinished(u.Journal))(t)
			uploadstest.Must(u.Client.CancelUpload(t.Context(), left[0].UploadID))(t)
		}},
	} {
		for _, server := range []string{"uploadd", "openai"} {
			t.Run(tt.name+"/"+server, func(t *testing.T) {
				t.Parallel()
				var u *Uploader
				var fake *openaifake.Server
				want := tt.parts
				if server == "uploadd" {
					u = newUploader(t, uploadd(t))
				} else {
					fake = openaifake.New(t, testKey)
					u = newUploader(t, fake.URL)
					want = tt.openAI
				}
				u.Journal, u.NoMD5 = t.TempDir(), tt.noMD5
				path := file(t, uploadstest.Random(1, resumeParts*resumePart))
				was := uploadstest.Must(os.Stat(path))(t).ModTime()
				cutOff(t, u, path, 5)
				if tt.between != nil {
					tt.between(t, u, path)
					if tt.name != "another time" {
						setTime(t, path, was)
					}
				}
				seen := &events{}
				u.Progress = seen.add
				f := uploadstest.Must(u.UploadFile(t.Context(), path, Request{}))(t)
				data := uploadstest.Must(os.ReadFile(path))(t)
				if fake != nil {
					wantOnly(t, fake, data)
				} else {
					wantFile(t, u.Client, f, data)
					wantFiles(t, u.Client, 1)
				}
				started, resumed := seen.count(Started), seen.count(Resumed)
				if tt.anew && started != 1 || !tt.anew && (started != 0 || resumed != 1) {
					t.Errorf("%d started, %d resumed, anew: %v", started, resumed, tt.anew)
				}
				if sent := seen.count(PartDone); !tt.anew && sent != resumeParts-want {
					t.Errorf("%d Parts were sent, want %d", sent, resumeParts-want)
				}
			})
		}
	}
}

// write changes a file.
func write(t *testing.T, path string, at int64, data []byte) {
	t.Helper()
	f := uploadstest.Must(os.OpenFile(path, os.O_WRONLY, 0))(t)
	if _, err := f.WriteAt(data, at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func journalOf(t *testing.T, u *Uploader) string {
	t.Helper()
	all := uploadstest.Must(filepath.Glob(filepath.Join(u.Journal, "*"+journalExt)))(t)
	if len(all) != 1 {
		t.Fatalf("journals: %v", all)
	}
	return all[0]
}

// shorten takes the last lines from the journal, but for some bytes.
func shorten(t *testing.T, u *Uploader, lines, keep int) {
	t.Helper()
	path := journalOf(t, u)
	all := bytes.SplitAfter(uploadstest.Must(os.ReadFile(path))(t), []byte("\n"))
	all = all[:len(all)-1] // what is behind the last line is nothing
	cut := len(all) - lines
	rest := append(bytes.Join(all[:cut], nil), all[cut][:keep]...)
	if err := os.WriteFile(path, rest, 0o600); err != nil {
		t.Fatal(err)
	}
}

// age makes the journal older.
func age(t *testing.T, u *Uploader, by time.Duration) {
	t.Helper()
	path := journalOf(t, u)
	first, rest, _ := bytes.Cut(uploadstest.Must(os.ReadFile(path))(t), []byte("\n"))
	var e entry
	err := json.Unmarshal(first, &e)
	if err == nil {
		e.Ends = e.Ends.Add(-by)
		first, err = json.Marshal(e)
	}
	if err == nil {
		err = os.WriteFile(path, append(append(first, '\n'), rest...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// An Upload whose hour is over is begun anew, by whichever clock that shows.
func TestResumeExpired(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		s := openaifake.New(t, testKey)
		u, seen := newUploader(t, s.URL), &events{}
		u.Journal = t.TempDir()
		data := uploadstest.Random(2, resumeParts*resumePart)
		path := file(t, data)
		cutOff(t, u, path, 3)
		s.Advance(2 * time.Hour)
		if known {
			age(t, u, 2*time.Hour)
		}
		u.Progress = seen.add
		uploadstest.Must(u.UploadFile(t.Context(), path, Request{}))(t)
		wantOnly(t, s, data)
		if seen.count(Restarted) != 1 || seen.count(Started) != 1 || known == (seen.count(Resumed) == 1) {
			t.Errorf("known here: %v; %+v", known, seen.all)
		}
	}
}

// The process ends between asking for the File and hearing of it: the next one
// finds the File, and makes no other. That is so after the Upload's time as well.
func TestResumeAfterLostCompletion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		later time.Duration
		done  bool // the request had arrived
	}{{"at once", 0, true}, {"hours later", 3 * time.Hour, true}, {"it had not arrived", 0, false}, {"nor had it hours later", 3 * time.Hour, false}} {
		t.Run(tt.name, func(t *testing.T) {
			s := openaifake.New(t, testKey)
			u := newUploader(t, s.URL)
			u.Journal, u.PartSize = t.TempDir(), resumePart
			data := uploadstest.Random(3, resumeParts*resumePart)
			path := file(t, data)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var cut atomic.Bool
			s.Lose = func(r *http.Request) bool {
				if !isComplete(r) || !cut.CompareAndSwap(false, true) {
					return false
				}
				cancel()
				return true
			}
			if !tt.done {
				cut.Store(true)
				u.Progress = func(p Progress) {
					if p.Event == Completing {
						cancel()
					}
				}
			}
			if _, err := u.UploadFile(ctx, path, Request{}); !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
				t.Fatalf("%v", err)
			}
			s.Advance(tt.later)
			age(t, u, tt.later)
			u.Progress = nil
			f := uploadstest.Must(u.UploadFile(t.Context(), path, Request{}))(t)
			if f.ID == "" {
				t.Error("no id")
			}
			wantOnly(t, s, data)
		})
	}
}

// A File may have the time of its completion, which nothing tells from that of another:
// then the outcome is unknown, and no second one is made.
func TestResumeWhereFilesHaveTheirOwnTime(t *testing.T) {
	t.Parallel()
	s := openaifake.New(t, testKey)
	s.OwnTime = true
	u := newUploader(t, s.URL)
	u.Journal, u.PartSize = t.TempDir(), resumePart
	data := uploadstest.Random(3, resumeParts*resumePart)
	path := file(t, data)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var cut atomic.Bool
	s.Lose = func(r *http.Request) bool {
		if !isComplete(r) || !cut.CompareAndSwap(false, true) {
			return false
		}
		cancel()
		return true
	}
	u.Progress = func(p Progress) {
		if p.Event == Completing {
			s.Advance(5 * time.Second)
		}
	}
	if _, err := u.UploadFile(ctx, path, Request{}); !errors.Is(err, ErrUnknownOutcome) {
		t.Fatalf("%v", err)
	}
	u.Progress = nil
	if f, err := u.UploadFile(t.Context(), path, Request{}); !errors.Is(err, ErrUnknownOutcome) || !strings.Contains(err.Error(), "file-") {
		t.Errorf("%+v, %v", f, err)
	}
	wantOnly(t, s, data)
}

// Of two calls for the same file and place one goes first; the other says so.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	u := newUploader(t, uploadd(t))
	u.Journal = t.TempDir()
	path := file(t, uploadstest.Random(4, 2<<20))
	begun, release := make(chan struct{}), make(chan struct{})
	u.Progress = func(p Progress) {
		if p.Event == Started {
			close(begun)
			<-release
		}
	}
	done := make(chan error, 1)
	go func() {
		_, err := u.UploadFile(t.Context(), path, Request{})
		done <- err
	}()
	<-begun
	second := &Uploader{Client: u.Client, Journal: u.Journal}
	if _, err := second.UploadFile(t.Context(), path, Request{}); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	left := uploadstest.Must(ListUnfinished(u.Journal))(t)
	if len(left) != 1 || left[0].Size != 2<<20 || left[0].Source != path {
		t.Errorf("%+v", left)
	} else if err := Forget(u.Journal, left[0].UploadID); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantFiles(t, u.Client, 1)
}

// Bytes that are no file's are gone on with under their Identity, and found out
// when they are others.
func TestResumeSource(t *testing.T) {
	t.Parallel()
	for _, same := range []bool{true, false} {
		s := openaifake.New(t, testKey)
		u, seen := newUploader(t, s.URL), &events{}
		u.Journal, u.PartSize, u.Parallel = t.TempDir(), resumePart, 1
		data := uploadstest.Random(6, resumeParts*resumePart)
		src := Source{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Identity: "table 7"}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.Lose = func(r *http.Request) bool {
			if s.Parts() == 4 {
				cancel()
			}
			return false
		}
		if _, err := u.Upload(ctx, src, Request{Filename: "f"}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if !same {
			data[0]++
		}
		u = &Uploader{Client: u.Client, Journal: u.Journal, Progress: seen.add}
		uploadstest.Must(u.Upload(t.Context(), src, Request{Filename: "f"}))(t)
		wantOnly(t, s, data)
		if resumed := seen.count(Resumed) == 1; resumed != same {
			t.Errorf("the same bytes: %v; gone on with: %v", same, resumed)
		}
	}
}
