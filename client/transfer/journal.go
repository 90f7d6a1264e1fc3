package transfer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"uploadd/api"
)

const (
	// journalVersion is raised when older programs cannot read what is written.
	journalVersion = 1
	journalExt     = ".jsonl"
)

// entry is the first line of a journal: which Upload, of what.
type entry struct {
	Version   int    `json:"version"`
	Server    string `json:"server"`
	Source    string `json:"source"`
	Filename  string `json:"filename"`
	Purpose   string `json:"purpose"`
	FileLife  int64  `json:"file_life,omitempty"` // expires_after, in seconds
	State     string `json:"state"`               // of the source: its time, for one
	Size      int64  `json:"size"`
	PartSize  int64  `json:"part_size"`
	UploadID  string `json:"upload_id"`
	CreatedAt int64  `json:"created_at"` // by the server's clock
	// UploadName is the Upload's file name, which the server may have changed.
	UploadName string    `json:"upload_name"`
	Ends       time.Time `json:"ends"` // by this machine's clock
}

// sound says whether a call of this version can have written e.
func (e entry) sound() bool {
	return e.Version == journalVersion && e.UploadID != "" && e.Size >= 0 &&
		e.PartSize > 0 && e.PartSize <= api.MaxPart && cut(e.Size, e.PartSize).Parts <= api.MaxPartIDs
}

// arrived is a Part that the server has acknowledged.
type arrived struct {
	Index  int    `json:"index"`
	ID     string `json:"id"`
	CRC32C string `json:"crc32c"` // of what was sent
}

// line is one line of a journal after the first.
type line struct {
	Part  *arrived `json:"part,omitempty"`
	Asked bool     `json:"asked,omitempty"` // the File is about to be asked for
}

// state is what a journal says.
type state struct {
	entry
	parts map[int]arrived
	asked bool
}

// journal is the file in which a call notes what has arrived, line by line, each
// on stable storage before the call goes on. It is locked as long as it is open.
// A nil one is kept nowhere.
type journal struct {
	f    *os.File
	path string
}

// openJournal opens the journal for sending what e describes and returns what an
// earlier call has left in it, nil for nothing of use. Sources and servers have
// a journal each, whatever state the source is in.
func openJournal(dir string, e entry) (*journal, *state, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	key, err := json.Marshal([]string{e.Server, e.Source, e.Filename, e.Purpose})
	if err != nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	j, err := lockJournal(filepath.Join(dir, fmt.Sprintf("%x", sha256.Sum256(key))) + journalExt)
	if err != nil {
		return nil, nil, err
	}
	st, err := j.load()
	if err != nil {
		return nil, nil, errors.Join(err, j.close())
	}
	return j, st, nil
}

// lockJournal opens the file at path, and makes it if there is none.
func lockJournal(path string) (*journal, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		if err := lock(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		// Whoever had it before may have deleted it since it was opened here.
		mine, err := f.Stat()
		if err == nil {
			var there fs.FileInfo
			if there, err = os.Stat(path); err == nil && os.SameFile(mine, there) {
				return &journal{f, path}, nil
			}
		}
		f.Close() // nothing was written
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("journal: %w", err)
		}
	}
}

// load reads the journal and gets it ready for the next line. A last line that
// was cut off by a crash is dropped, and so is a journal that makes no sense.
func (j *journal) load() (*state, error) {
	st, size, err := readJournal(j.f)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := j.f.Truncate(size); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if _, err := j.f.Seek(size, io.SeekStart); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return st, nil
}

// readJournal returns what the lines of r say, and how long those are.
func readJournal(r io.Reader) (st *state, size int64, err error) {
	for in := bufio.NewReader(r); ; {
		raw, err := in.ReadBytes('\n')
		if err == io.EOF {
			return st, size, nil
		}
		if err != nil {
			return nil, 0, err
		}
		if st == nil {
			st = &state{parts: map[int]arrived{}}
			if json.Unmarshal(raw, &st.entry) != nil || !st.sound() {
				return nil, 0, nil
			}
		} else {
			var l line
			if json.Unmarshal(raw, &l) != nil {
				return st, size, nil
			}
			if l.Part != nil && l.Part.Index >= 0 && l.Part.Index < cut(st.Size, st.PartSize).Parts {
				st.parts[l.Part.Index] = *l.Part
			}
			st.asked = st.asked || l.Asked
		}
		size += int64(len(raw))
	}
}

// begin starts the journal of a new Upload.
func (j *journal) begin(e entry) error {
	if err := j.clear(); err != nil || j == nil {
		return err
	}
	if err := j.append(e); err != nil {
		return err
	}
	return syncDir(filepath.Dir(j.path))
}

// clear forgets the Upload that it was about.
func (j *journal) clear() error {
	if j == nil {
		return nil
	}
	if err := j.f.Truncate(0); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if _, err := j.f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// add notes a Part. It may be called by several at a time: each line is one write.
func (j *journal) add(p arrived) error { return j.append(line{Part: &p}) }

// ask notes that the File is about to be asked for.
func (j *journal) ask() error { return j.append(line{Asked: true}) }

func (j *journal) append(v any) error {
	if j == nil {
		return nil
	}
	var b bytes.Buffer
	err := json.NewEncoder(&b).Encode(v)
	if err == nil {
		_, err = j.f.Write(b.Bytes())
	}
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// remove deletes the journal: there is nothing to go on with. It is emptied
// first, for an empty one says the same, and some systems delete no open file.
func (j *journal) remove() error {
	if err := j.clear(); err != nil || j == nil {
		return err
	}
	_ = os.Remove(j.path)
	return nil
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.f.Close() // which unlocks it
}
