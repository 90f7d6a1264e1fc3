package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Unfinished is what a directory of journals says of a call that was cut off.
type Unfinished struct {
	Server    string // its base URL
	Source    string // the absolute path, or Source.Identity
	Filename  string // of the File to be
	Purpose   string
	UploadID  string
	Size      int64 // bytes in all
	Bytes     int64 // that have arrived
	ExpiresAt time.Time
}

// ListUnfinished reads the journals in dir. Those that a call is writing just
// now are among them. A directory that is not there has none.
func ListUnfinished(dir string) ([]Unfinished, error) {
	var all []Unfinished
	err := eachJournal(dir, func(_ string, st *state) error {
		u := Unfinished{
			Server: st.Server, Source: st.Source, Filename: st.Filename, Purpose: st.Purpose,
			UploadID: st.UploadID, Size: st.Size, ExpiresAt: st.Ends,
		}
		plan := cut(st.Size, st.PartSize)
		for i := range st.parts {
			_, length := plan.part(i)
			u.Bytes += length
		}
		all = append(all, u)
		return nil
	})
	return all, err
}

// Forget deletes the journal of an Upload, so that the next call begins anew.
// One that is not there is no error; that of a call under way is [ErrBusy].
func Forget(dir, uploadID string) error {
	return removeIf(dir, func(st *state) bool { return st.UploadID == uploadID })
}

// sweep deletes what nobody will go on with. If it cannot, it stays.
func sweep(dir string) {
	const week = 7 * 24 * time.Hour
	_ = removeIf(dir, func(st *state) bool { return time.Since(st.Ends) > week })
}

// removeIf deletes the journals in dir that say what is asked for.
func removeIf(dir string, remove func(*state) bool) error {
	return eachJournal(dir, func(path string, st *state) error {
		if !remove(st) {
			return nil
		}
		j, err := lockJournal(path)
		if err != nil {
			return err
		}
		// Another one may have written it before it was locked.
		if st, err = j.load(); err == nil && st != nil && remove(st) {
			err = j.remove()
		}
		return errors.Join(err, j.close())
	})
}

// eachJournal calls do with every journal in dir that says something.
func eachJournal(dir string, do func(path string, st *state) error) error {
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("journal: %w", err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name.Name())
		if filepath.Ext(path) != journalExt || !name.Type().IsRegular() { // a pipe would be waited for
			continue
		}
		st, err := peek(path)
		if err == nil && st != nil {
			err = do(path, st)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// peek reads a journal without its lock. Its last line may be half there.
func peek(path string) (*state, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	defer f.Close() // only read from
	st, _, err := readJournal(f)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return st, nil
}
