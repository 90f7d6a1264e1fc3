package transfer

import (
	"errors"
	"fmt"
)

var (
	// ErrChanged is that the source is not what it was when the call began. No
	// File was made.
	ErrChanged = errors.New("the file was changed while it was being sent")
	// ErrBusy is that another call or process is sending the same source to the
	// same place. Nothing was sent.
	ErrBusy = errors.New("another process is sending the same file to the same place")
	// ErrUnknownOutcome is that the last request was made, its answer was lost,
	// and the server does not tell whether the File is there. It is the only
	// error that a File may be left behind.
	ErrUnknownOutcome = errors.New("it is not known whether the file is there: the answer to the last request was lost")
	// ErrNoProgress is that nothing arrived for as long as Uploader.Patience.
	ErrNoProgress = errors.New("nothing arrived for too long")
)

// Incomplete is that a call was cut off (by its context, by the network, by the
// server) and has left an open Upload behind, with some of the bytes.
type Incomplete struct {
	UploadID string
	Bytes    int64 // that have arrived, in whole Parts
	Total    int64
	// Resumable is that a call with the same Source, Request and Journal goes on
	// with it, for as long as the server keeps the Upload.
	Resumable bool
	Err       error // what cut it off
}

func (e *Incomplete) Error() string {
	return fmt.Sprintf("%v (%d of %d bytes have arrived)", e.Err, e.Bytes, e.Total)
}

// Unwrap returns what cut it off.
func (e *Incomplete) Unwrap() error { return e.Err }
