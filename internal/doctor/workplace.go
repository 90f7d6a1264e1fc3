package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// workName is a directory of the examination's own, below the one it looks at. A crash
// leaves it behind, and the next examination finds it by its name.
const workName = "uploadd-doctor"

// markName is in a workplace as long as anything else is: a directory without it may be by
// chance of the same name, and hold what is dear to the user.
const markName = ".made-by-uploadd-doctor"

// workplace is that directory. It is locked as long as it is in use.
type workplace struct {
	dir  string
	lock *os.File
}

// openWorkplace makes one in dir, in the place of one that a crash has left.
func openWorkplace(dir, where string) (*workplace, found) {
	w := &workplace{dir: filepath.Join(dir, workName)}
	switch err := w.open(); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, fault("wait for it to end", "%s: another examination is at work there", where)
	case errors.Is(err, errNotOurs):
		return nil, fault("find out who has put it there, and remove it", "%s: %v", where, err)
	case err != nil:
		return nil, fault(remedy(err), "%s: %v", where, err)
	}
	if err := useFile(w.dir); err != nil {
		return nil, fault(remedy(errors.Join(err, w.leave())), "%s: %v", where, err)
	}
	return w, fine("%s: files are made, read, renamed and removed", where)
}

// errNotOurs is something else by the name of a workplace. Everybody can put it there
// where everybody can write, a link to what is dear to the user among others.
var errNotOurs = errors.New("what is there by that name is not a directory of this user's that an examination has made")

func (w *workplace) open() (err error) {
	if err := os.Mkdir(w.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if w.lock, err = os.OpenFile(w.dir, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_DIRECTORY, 0); err != nil {
		if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) {
			err = fmt.Errorf("%s: %w", workName, errNotOurs)
		}
		return err
	}
	if err := w.claim(); err != nil {
		return errors.Join(err, w.lock.Close())
	}
	return nil
}

// claim makes sure that the directory is the user's own, locks it and empties it.
func (w *workplace) claim() error {
	info, err := w.lock.Stat()
	if err != nil {
		return err
	}
	if st, ok := sysStat(info); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s: %w", workName, errNotOurs)
	}
	if err := syscall.Flock(int(w.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return err
	}
	left, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	marked := slices.IndexFunc(left, func(entry fs.DirEntry) bool { return entry.Name() == markName })
	if len(left) > 0 && marked < 0 {
		return fmt.Errorf("%s: %w", workName, errNotOurs)
	}
	if marked < 0 {
		err = os.WriteFile(filepath.Join(w.dir, markName), nil, 0o600)
	}
	return errors.Join(err, w.empty(left))
}

// empty removes the entries, but for the mark.
func (w *workplace) empty(entries []fs.DirEntry) (err error) {
	for _, entry := range entries {
		if entry.Name() != markName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(w.dir, entry.Name())))
		}
	}
	return err
}

// leave takes the workplace away, the mark last.
func (w *workplace) leave() error {
	entries, err := os.ReadDir(w.dir)
	return errors.Join(err, w.empty(entries), os.RemoveAll(w.dir), w.lock.Close())
}
