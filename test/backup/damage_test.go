package backup

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/ledger"
	"uploadd/test/program"
)

func lock(t *testing.T, f *os.File) {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
}

// On live data, whatever happens to it, the check finds nothing that is not there.
func TestCheckOnLiveData(t *testing.T) {
	t.Parallel()
	s := program.Start(t, program.Options{Flags: []string{"--upload-ttl=1s"}}) // so that Uploads expire, too
	ctx, stop := context.WithCancel(t.Context())
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		for seed := 0; ctx.Err() == nil; seed++ {
			l := &ledger.Ledger{} // nothing is verified: what expires is refused
			some, enough := context.WithTimeout(ctx, time.Second)
			l.Load(some, s.Client, 4, uint64(seed))
			enough()
			if ctx.Err() == nil {
				_ = l.Discard(ctx, s.Client) // an expired Upload ends it
			}
		}
	}()
	for end := time.Now().Add(18 * time.Second); time.Now().Before(end); { // the janitor deletes from the 10th second on
		program.Check(t, s.Data)
	}
	stop()
	<-loaded
}

// Every kind of damage is named, and no download of it ends as if it were whole.
func TestCheckNamesDamage(t *testing.T) {
	s := program.Start(t, program.Options{})
	store := func(content string) (file, blob string) {
		known := map[string]bool{}
		for _, b := range program.Stored(t, s.Data) {
			known[b] = true
		}
		f := uploadstest.Must(s.CreateFile(t.Context(), strings.NewReader(content), func() (api.CreateFileRequest, error) {
			return api.CreateFileRequest{Filename: "f", Purpose: "user_data"}, nil
		}))(t)
		for _, b := range program.Stored(t, s.Data) {
			if !known[b] {
				return f.ID, b
			}
		}
		t.Fatal("the file has no blob")
		return "", ""
	}
	text := strings.Repeat("0123456789", 60_000)
	var files []string
	for _, plant := range []func(blob string) error{
		func(b string) error { return flip(b, 300_000) },
		func(b string) error { return flip(b, 599_999) },
		func(b string) error { return os.Truncate(b, 599_999) },
		func(b string) error { return os.Truncate(b, 0) },
		func(b string) error { return os.WriteFile(b, []byte(text+"x"), 0o600) },
		os.Remove,
	} {
		f, blob := store(text)
		files = append(files, f)
		if err := plant(blob); err != nil {
			t.Fatal(err)
		}
	}
	one, a := store("one" + text)
	two, b := store("two" + text)
	swap(t, a, b)
	files = append(files, one, two)
	good, _ := store(text)
	extra := filepath.Join(s.Data, "blobs", "aa", "part_000000000000000000000000000000aa")
	if err := os.WriteFile(extra, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := program.Run(t.Context(), "check", "--read-data", "--data", s.Data)
	if code != 1 || !strings.Contains(out, ": 9 faults") {
		t.Errorf("check: exit %d\n%s", code, out)
	}
	for what, times := range map[string]int{
		"its bytes have checksum ": 4, " bytes are stored, and the record says 600000": 3, "its bytes are missing": 1, "nothing refers to it": 1,
	} {
		if n := strings.Count(out, what); n != times {
			t.Errorf("the check says %q %d times, want %d:\n%s", what, n, times, out)
		}
	}
	for _, f := range files {
		if !strings.Contains(out, " of "+f+": ") {
			t.Errorf("the check does not name %s:\n%s", f, out)
		}
		if n, err := read(s, f); err == nil {
			t.Errorf("a damaged file was read to its end, %d bytes", n)
		}
	}
	if n, err := read(s, good); err != nil || n != int64(len(text)) || strings.Contains(out, good) {
		t.Errorf("a good file: read %d bytes, %v", n, err)
	}
	// A back-up says what it cannot take, and takes the rest, with what is whole of
	// the blob that grew.
	code, out = program.Run(t.Context(), "backup", "--data", s.Data, "--to", t.TempDir())
	if code != 1 || !strings.Contains(out, "9 parts: 2 of ") || !strings.Contains(out, "7 faults") {
		t.Errorf("back-up: exit %d\n%s", code, out)
	}
}

// Something in the place of one blob does not keep the others from being copied.
func TestBackupGoesOn(t *testing.T) {
	s := program.Start(t, program.Options{})
	for _, text := range []string{"first", "second", "third"} {
		large := strings.NewReader(strings.Repeat(text, blob.SmallSize))
		uploadstest.Must(s.CreateFile(t.Context(), large, func() (api.CreateFileRequest, error) {
			return api.CreateFileRequest{Filename: "f", Purpose: "user_data"}, nil
		}))(t)
	}
	second := program.Stored(t, s.Data)[1]
	if err := errors.Join(os.Remove(second), os.Mkdir(second, 0o700)); err != nil {
		t.Fatal(err)
	}
	code, out := program.Run(t.Context(), "backup", "--data", s.Data, "--to", t.TempDir())
	if code != 1 || !strings.Contains(out, "3 parts: 2 of ") || !strings.Contains(out, ", 1 faults") {
		t.Errorf("back-up: exit %d\n%s", code, out)
	}
}

func read(s *program.Server, file string) (int64, error) {
	c, err := s.OpenFile(context.Background(), file)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return io.Copy(io.Discard, c)
}

// flip changes one bit.
func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= 1
	_, err = f.WriteAt(b[:], at)
	return err
}

func swap(t *testing.T, a, b string) {
	t.Helper()
	for _, move := range [][2]string{{a, a + ".tmp"}, {b, a}, {a + ".tmp", b}} {
		if err := os.Rename(move[0], move[1]); err != nil {
			t.Fatal(err)
		}
	}
}
