package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"

	"uploadd/internal/blob"
)

const (
	flushes = 16
	// soonest is what a flush takes at least where it reaches anything but memory. The
	// fastest disks with a cache of their own that survives a loss of power take as much.
	soonest = 20 * time.Microsecond
	// slow is a flush of disks that turn.
	slow = 50 * time.Millisecond

	// fewInodes are files that a disk can still take.
	fewInodes = 10_000
)

// disks looks at the directories that are written to. Of two on one disk, the second is
// only written to.
func (e *exam) disks(ctx context.Context) {
	type place struct {
		dir     string
		records bool
	}
	var places []place
	if e.Meta == "" {
		places = append(places, place{e.Data, true})
	}
	if dir := e.blobDir(); dir != "" {
		places = append(places, place{dir, false})
	}
	dirs, devices := map[string]bool{}, map[uint64]bool{}
	for _, p := range places {
		there, device := existing(p.dir)
		switch {
		case dirs[there]:
		case devices[device]:
			e.written(ctx, p.dir, there, func(*workplace) {})
		default:
			e.disk(ctx, p.dir, there, p.records)
		}
		dirs[there], devices[device] = true, true
	}
}

// blobDir is the directory of the bytes, "" if a bucket has them.
func (e *exam) blobDir() string {
	switch {
	case isS3(e.Blobs):
		return ""
	case e.Blobs != "":
		return e.Blobs
	}
	return filepath.Join(e.Data, "blobs")
}

func isS3(blobs string) bool { return strings.HasPrefix(blobs, "s3://") }

// existing is dir, or the next directory above it that is there, and the disk it is on.
func existing(dir string) (there string, device uint64) {
	for {
		info, err := os.Stat(dir)
		if st, ok := sysStat(info); err == nil && ok {
			return dir, uint64(st.Dev)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return dir, 0
		}
		dir = parent
	}
}

func sysStat(info fs.FileInfo) (*syscall.Stat_t, bool) {
	if info == nil {
		return nil, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return st, ok
}

// disk looks at the disk of dir, in there. records says that they are to be kept on it.
func (e *exam) disk(ctx context.Context, dir, there string, records bool) {
	e.written(ctx, dir, there, func(w *workplace) {
		e.try(ctx, "disk.flush", func(context.Context) found { return flush(w.dir) })
		e.try(ctx, "disk.direct", func(context.Context) found { return direct(filepath.Join(w.dir, "direct")) })
		e.try(ctx, "disk.allocate", func(context.Context) found { return allocate(filepath.Join(w.dir, "allocate")) })
		e.try(ctx, "disk.lock", func(context.Context) found { return e.locks(w.dir) })
		if records {
			e.try(ctx, "sqlite.durable", func(ctx context.Context) found { return sqliteDurable(ctx, w.dir) })
		}
	})
	e.try(ctx, "disk.trusted", func(context.Context) found { return trusted(there) })
	e.try(ctx, "disk.space", func(context.Context) found { return e.space(there) })
	e.try(ctx, "disk.inodes", func(context.Context) found { return inodes(there) })
}

// written writes in there, and has more done in the same place if that works.
func (e *exam) written(ctx context.Context, dir, there string, more func(*workplace)) {
	where := there
	if there != dir {
		where = fmt.Sprintf("%s (%s is not there yet)", there, dir)
	}
	var w *workplace
	if !e.try(ctx, "disk.write", func(context.Context) (f found) {
		w, f = openWorkplace(there, where)
		return f
	}) {
		return
	}
	more(w)
	if err := w.leave(); err != nil {
		e.tell(Row{"disk.write", Fail, fmt.Sprintf("%s cannot be taken away again: %v", w.dir, err), "remove it"})
	}
}

// useFile does with a small file what is done with those of the server.
func useFile(dir string) error {
	path, text := filepath.Join(dir, "file"), bytes.Repeat([]byte("uploadd "), 1<<13)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	if f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		return errors.Join(errors.New("a file is made a second time, although it is there"), f.Close())
	}
	if err := os.Rename(path, path+"2"); err != nil {
		return err
	}
	got, err := os.ReadFile(path + "2")
	if err == nil && !bytes.Equal(got, text) {
		err = errors.New("what is read is not what was written")
	}
	return errors.Join(err, os.Remove(path+"2"))
}

// remedy says what to do about an error of a disk.
func remedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "give the directory to the user that runs the server, or choose another by --data or --blobs"
	case errors.Is(err, syscall.EROFS):
		return "mount the disk for writing; one that became read-only by itself has an error, which the kernel's log names"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free space or inodes, or raise the quota"
	case errors.Is(err, syscall.ENOTDIR):
		return "name a directory by --data or --blobs"
	}
	return "look at the disk: the kernel's log may say more"
}

func trusted(path string) found {
	switch name, err := blob.Untrusted(path); {
	case err != nil:
		return fault("look at the mount", "%v", err)
	case name != "":
		return doubt("keep what must not be lost on a disk of this machine", "it is on %s", name)
	}
	return fine("a file system that keeps what is flushed")
}

// flush measures what a flush takes. One that takes no time has reached no disk.
func flush(dir string) found {
	file, names, err := flushTimes(dir)
	if err != nil {
		return fault(remedy(err), "flushing fails: %v", err)
	}
	format, args := "the median of %d flushes is %s of a file, and %s of a directory", []any{flushes, file, names}
	switch quiet, _ := blob.Untrusted(dir); {
	case file < soonest && quiet == "":
		return doubt("find what swallows flushes: the mount option volatile of overlay, a container run with --volatile, a virtual disk in an unsafe cache mode, libeatmydata",
			format+": no disk is as fast", args...)
	case file > slow:
		return doubt("expect no more than some dozens of Parts a second: a disk with flash, or a controller with a battery, flushes sooner", format, args...)
	}
	return fine(format, args...)
}

// flushTimes are medians.
func flushTimes(dir string) (file, names time.Duration, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "flushed"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	d, err := os.Open(dir)
	if err != nil {
		return 0, 0, err
	}
	defer d.Close()
	var files, dirs []time.Duration
	block := make([]byte, 4096)
	for i := range flushes {
		block[0] = byte(i)
		_, werr := f.WriteAt(block, int64(i*len(block)))
		began := time.Now()
		serr := f.Sync()
		files = append(files, time.Since(began))
		nerr := os.WriteFile(filepath.Join(dir, fmt.Sprintf("name%d", i)), nil, 0o600)
		began = time.Now()
		derr := d.Sync()
		dirs = append(dirs, time.Since(began))
		if err := errors.Join(werr, serr, nerr, derr); err != nil {
			return 0, 0, err
		}
	}
	return median(files), median(dirs), nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2].Round(time.Microsecond)
}

// locks tries those by which one server keeps another out, and says whether one is there.
func (e *exam) locks(dir string) found {
	path := filepath.Join(dir, "lock")
	held, err := lock(path, os.O_CREATE, syscall.LOCK_EX)
	if err != nil {
		return fault("use a file system that has flock", "locking fails: %v", err)
	}
	defer held.Close()
	if second, err := lock(path, 0, syscall.LOCK_EX); err == nil {
		second.Close()
		return fault("use a file system that has flock", "two have one lock at once")
	}
	own, err := lock(filepath.Join(e.Data, "LOCK"), 0, syscall.LOCK_SH)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return fine("locks work; a server runs on %s", e.Data)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // no server has been there
	case err != nil:
		return doubt("run this as the user that runs the server", "locks work; whether a server runs on %s is not known: %v", e.Data, err)
	default:
		own.Close()
	}
	return fine("locks work; no server runs on %s", e.Data)
}

func lock(path string, flags, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (e *exam) space(path string) found {
	s, err := blob.SpaceOf(path)
	if err != nil {
		return fault("look at the mount", "%v", err)
	}
	size := func(n int64) string { return humanize.IBytes(uint64(n)) }
	free := fmt.Sprintf("%s of %s are free, %s are kept in reserve", size(s.Free), size(s.Size), size(s.Reserve))
	switch {
	case s.Free < s.Reserve:
		return fault("free space: Parts and Files are refused with 507", "%s", free)
	case s.Free-s.Reserve < e.MaxUpload:
		return doubt("free space, or lower --max-upload", "%s: less than one Upload of %s", free, size(e.MaxUpload))
	}
	return fine("%s", free)
}

func inodes(path string) found {
	s, err := blob.SpaceOf(path)
	if err != nil {
		return fault("look at the mount", "%v", err)
	}
	const do = "remove files, or make a file system with more inodes: each Part of 16 KiB or more takes one"
	switch {
	case s.Inodes == 0:
		return fine("the file system makes inodes as it needs them")
	case s.FreeInodes == 0:
		return fault(do, "none of %d is free", s.Inodes)
	case s.FreeInodes < fewInodes:
		return doubt(do, "%d of %d are free", s.FreeInodes, s.Inodes)
	}
	return fine("%s of %s are free", humanize.Comma(s.FreeInodes), humanize.Comma(s.Inodes))
}
