package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"uploadd/api"
)

// DownloadFile fetches file, which is what GetFile returned, to path. It is
// there at once and whole, on stable storage, or not at all. Until then what has
// arrived is kept beside it, under the same name with .part at its end, and a
// later call goes on with that. A file that is at path is replaced only if
// replace is set, and what is not a regular file never. Checked is as for
// Download.
//
// Errors: those of Download and of the file system, such as fs.ErrExist;
// [ErrBusy].
func (d *Downloader) DownloadFile(ctx context.Context, file *api.File, path string, replace bool) (checked bool, err error) {
	if err := vacant(path, replace); err != nil {
		return false, err
	}
	// Its name can be told beforehand: nothing that somebody has put there is followed.
	part, err := os.OpenFile(d.partPath(file, path), os.O_RDWR|os.O_CREATE|noFollow, 0o666) // #nosec G302 -- as the umask has it: the file is the user's
	if err != nil {
		return false, err
	}
	defer part.Close() // what counts was flushed
	if err := lock(part); err != nil {
		return false, err
	}
	if checked, err = d.collect(ctx, file, part); err != nil {
		return false, err
	}
	if err := part.Sync(); err != nil {
		return false, err
	}
	if err := put(part.Name(), path, replace); err != nil {
		return false, err
	}
	d.fetch(file, file.Bytes, 0).tell(Progress{Event: Done, File: file})
	return checked, syncDir(filepath.Dir(path))
}

// partPath is where the bytes are until all of them are there. Only those of the
// same File of the same server go on with them.
func (d *Downloader) partPath(file *api.File, path string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", d.Client.BaseURL(), file.ID, file.Bytes))
	return fmt.Sprintf("%s.%x.part", path, sum[:4])
}

// collect gets all of the File into part, behind what is there already.
func (d *Downloader) collect(ctx context.Context, file *api.File, part *os.File) (checked bool, err error) {
	f, err := d.goOn(file, part)
	if err != nil {
		return false, err
	}
	event := Started
	if f.off > 0 {
		event = Resumed
	}
	f.tell(Progress{Event: event})
	resumed := f.off > 0
	checked, err = f.run(ctx, part)
	if errors.Is(err, ErrDamaged) {
		// What an earlier call left may not have survived a loss of power.
		if err := restart(part); err != nil {
			return false, err
		}
		if resumed {
			f = d.fetch(file, 0, 0)
			f.tell(Progress{Event: Restarted, Err: ErrDamaged})
			if checked, err = f.run(ctx, part); errors.Is(err, ErrDamaged) {
				err = errors.Join(err, restart(part))
			}
		}
	}
	return checked, err
}

// goOn begins behind what an earlier call has left in part.
func (d *Downloader) goOn(file *api.File, part *os.File) (*fetch, error) {
	info, err := part.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: part.Name(), Err: errNotRegular}
	}
	n := info.Size()
	if n > file.Bytes {
		n = 0
	}
	// With the last byte comes the checksum of all of them.
	n = max(min(n, file.Bytes-1), 0)
	if err := part.Truncate(n); err != nil {
		return nil, err
	}
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, part); err != nil { // which leaves the offset at the end
		return nil, err
	}
	return d.fetch(file, n, sum.Sum32()), nil
}

func restart(part *os.File) error {
	if err := part.Truncate(0); err != nil {
		return err
	}
	_, err := part.Seek(0, io.SeekStart)
	return err
}

// put gives the file its name. A link fails where a rename would replace what
// has come to be there meanwhile.
func put(part, path string, replace bool) error {
	if replace {
		return os.Rename(part, path)
	}
	switch err := os.Link(part, path); {
	case err == nil:
		return os.Remove(part)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	// A file system without links.
	if err := vacant(path, false); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// vacant says what speaks against putting a file at path. To replace a device
// would be the end of it.
func vacant(path string, replace bool) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "create", Path: path, Err: errNotRegular}
	case !replace:
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return nil
}

var errNotRegular = errors.New("there is something that is not a regular file")
