package transfer

import "time"

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
	panic("not yet")
}

// Forget deletes the journal of an Upload, so that the next call begins anew.
// One that is not there is no error; that of a call under way is [ErrBusy].
func Forget(dir, uploadID string) error {
	panic("not yet")
}
