package faults

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/ledger"
	"uploadd/test/program"
)

// disks are the file systems that are filled, by name.
var disks = map[string]func(testing.TB) string{
	"tmpfs": func(t testing.TB) string { return mount(t, "-t", "tmpfs", "-o", "size=64m", "tmpfs") },
	"ext4":  func(t testing.TB) string { dir, _ := ext4(t); return dir },
}

// fillUp is another program that takes the last byte of a disk.
func fillUp(t testing.TB, dir string) (filler string) {
	t.Helper()
	filler = filepath.Join(dir, "filler")
	f := uploadstest.Must(os.OpenFile(filler, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600))(t)
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 4 {
		// The flush is what takes the blocks on ext4, and frees what waits for it.
		for block := make([]byte, size); ; {
			_, err := f.Write(block)
			if err == nil && size >= 4096 {
				err = f.Sync()
			}
			if errors.Is(err, syscall.ENOSPC) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return filler
}

// fillByAPI adds Parts until the server is full, and returns their Uploads.
func fillByAPI(t testing.TB, a api.API, size int) (uploads []string) {
	t.Helper()
	data := uploadstest.Random(1, size)
	for len(uploads) < 10_000 {
		id, err := pending(t.Context(), a, 64<<20)
		for n := 0; err == nil && n < 8; n++ {
			if n == 0 {
				uploads = append(uploads, id)
			}
			_, err = a.AddPart(t.Context(), id, bytes.NewReader(data))
		}
		if err != nil {
			uploadstest.WantError(t, err, api.ErrStorageFull, "")
			return uploads
		}
	}
	t.Fatal("the disk does not become full")
	return nil
}

// refused makes Uploads until the records have no room either.
func refused(t testing.TB, a api.API) (uploads []string) {
	t.Helper()
	for len(uploads) < 10_000 {
		id, err := pending(t.Context(), a, 1)
		if err != nil {
			uploadstest.WantError(t, err, api.ErrStorageFull, "")
			return uploads
		}
		uploads = append(uploads, id)
	}
	t.Fatal("the disk takes records for ever")
	return nil
}

func cancelAll(t testing.TB, a api.API, uploads []string) {
	t.Helper()
	for _, id := range uploads {
		if _, err := a.CancelUpload(t.Context(), id); err != nil {
			t.Fatalf("a cancellation on a full disk: %v", err)
		}
	}
}

// The server fills its disk, then another program takes the rest.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for name, disk := range disks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := disk(t)
			s := program.Start(t, program.Options{Data: filepath.Join(dir, "data")})
			// Who is told of what is deleted, and does not answer, is in nobody's way.
			if code, out := program.Run(t.Context(), "hooks", "create", "--project=default", "--url=http://127.0.0.1:1/", "--data="+s.Data); code != 0 {
				t.Fatalf("a hook: exit %d\n%s", code, out)
			}
			a, l := &strict{API: s, t: t}, &ledger.Ledger{}
			load(t, l, s, 60, 1)
			bulk := fillByAPI(t, a, 1<<20)
			verify(t, l, s)

			filler := fillUp(t, dir)
			verify(t, l, s)
			small := refused(t, a)
			uploadstest.WantError(t, usable(t.Context(), a), api.ErrStorageFull, "")
			verify(t, l, s)
			t.Logf("full: %d uploads by parts, then %d by their records alone", len(bulk), len(small))

			cancelAll(t, a, bulk)
			cancelAll(t, a, small)
			eventually(t, "the space of what was cancelled", func() error { return usable(t.Context(), a) })

			fillUp(t, dir)
			more := refused(t, a)
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the space that another program took", func() error { return usable(t.Context(), a) })
			cancelAll(t, a, more)
			load(t, l, s, 60, 2)
			verify(t, l, s)
			program.Check(t, s.Data)
			fillUp(t, dir)
			emptied(t, l, s) // on a disk that is full
			program.Check(t, s.Data)
		})
	}
}

// A disk that is full of small blobs, all in the database, has room again for large
// ones once they are gone.
func TestDiskFullOfSmallBlobs(t *testing.T) {
	t.Parallel()
	dir := disks["tmpfs"](t)
	s := program.Start(t, program.Options{Data: filepath.Join(dir, "data")})
	a, l := &strict{API: s, t: t}, &ledger.Ledger{}
	load(t, l, s, 60, 1)
	bulk := fillByAPI(t, a, blob.SmallSize-1)
	fillUp(t, dir)
	verify(t, l, s)
	cancelAll(t, a, bulk)
	eventually(t, "the space of what was cancelled", func() error {
		info, err := os.Stat(filepath.Join(s.Data, "uploadd.db"))
		if err == nil && info.Size() > 16<<20 {
			err = fmt.Errorf("the database has %d bytes", info.Size())
		}
		return errors.Join(err, usable(t.Context(), a))
	})
	large := fillByAPI(t, a, 1<<20)
	if len(large) < 2 { // 8 MiB each
		t.Errorf("%d large uploads find room", len(large))
	}
	cancelAll(t, a, large)
	verify(t, l, s)
	emptied(t, l, s)
	program.Check(t, s.Data)
}

// Somebody must be able to delete, so the server starts on a full disk too.
func TestStartOnFullDisk(t *testing.T) {
	t.Parallel()
	for name, disk := range disks {
		for how, end := range map[string]func(*program.Server){
			"killed":  (*program.Server).Kill,
			"stopped": func(s *program.Server) { s.Stop() },
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				dir := disk(t)
				o := program.Options{Data: filepath.Join(dir, "data")}
				s, l := program.Start(t, o), &ledger.Ledger{}
				load(t, l, s, 60, 1)
				end(s)
				filler := fillUp(t, dir)
				s = program.Start(t, o)
				verify(t, l, s)
				uploadstest.WantError(t, usable(t.Context(), s), api.ErrStorageFull, "")
				if err := l.Discard(t.Context(), s); err != nil {
					t.Errorf("deleting on a full disk: %v", err)
				}
				if err := os.Remove(filler); err != nil {
					t.Fatal(err)
				}
				if err := usable(t.Context(), s); err != nil {
					t.Errorf("the disk has room again: %v", err)
				}
				program.Check(t, s.Data)
			})
		}
	}
}

// A disk may have room and no inodes. Records need none; blobs do.
func TestInodesExhausted(t *testing.T) {
	t.Parallel()
	for name, disk := range map[string]func(testing.TB) string{
		"tmpfs": func(t testing.TB) string { return mount(t, "-t", "tmpfs", "-o", "size=64m,nr_inodes=400", "tmpfs") },
		"ext4":  func(t testing.TB) string { dir, _ := ext4(t, "-N", "512"); return dir },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := disk(t)
			o := program.Options{Data: filepath.Join(dir, "data")}
			s := program.Start(t, o)
			a, l := &strict{API: s, t: t}, &ledger.Ledger{}
			load(t, l, s, 60, 1)
			bulk := fillByAPI(t, a, blob.SmallSize) // smaller ones are no files
			fillers := fillInodes(t, dir)
			uploadstest.WantError(t, usable(t.Context(), a), api.ErrStorageFull, "")
			verify(t, l, s)

			s.Stop()
			fillers = append(fillers, fillInodes(t, dir)...)
			s = program.Start(t, o)
			a = &strict{API: s, t: t}
			verify(t, l, s)
			cancelAll(t, a, bulk)
			eventually(t, "the inodes of what was cancelled", func() error { return usable(t.Context(), a) })
			for _, f := range fillers {
				if err := os.Remove(f); err != nil {
					t.Fatal(err)
				}
			}
			load(t, l, s, 60, 2)
			verify(t, l, s)
			program.Check(t, s.Data)
		})
	}
}

// fillInodes is another program that takes the last inode of a disk.
func fillInodes(t testing.TB, dir string) (made []string) {
	t.Helper()
	for {
		f, err := os.CreateTemp(dir, "filler")
		if errors.Is(err, syscall.ENOSPC) {
			return made
		}
		if err != nil {
			t.Fatal(fmt.Errorf("filling the inodes: %w", err))
		}
		made = append(made, f.Name())
		f.Close()
	}
}
