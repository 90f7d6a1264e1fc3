// Package transfer sends whole files by way of a [client.Client]: cut into
// Parts, several at a time, again where that helps, and on from where an
// earlier call was cut off. It works with uploadd, with OpenAI and with Azure
// OpenAI; what the server adds to their API makes it better, and is not needed.
//
// A call either returns the File, whole and there once, or an error, and then
// there is none. [ErrUnknownOutcome] is the exception: it may be there all the
// same. (If the server disappoints otherwise, such as with a File of another
// size, the error names the File.)
package transfer

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"uploadd/api"
	"uploadd/client"
)

// Uploader sends files. The zero value of every field but Client is a good
// one. It is safe for concurrent use, and its limits are those of all the calls
// together; no field may be changed once it is in use.
type Uploader struct {
	// Client says where to. Required.
	Client *client.Client
	// PartSize is how long a Part is, in bytes: up to api.MaxPart. 0 chooses:
	// small enough that there are several to send at a time, large enough that
	// the requests themselves do not count.
	PartSize int64
	// Parallel is how many Parts, of all calls together, are sent at a time. 0
	// finds out: it begins with a few, takes more as long as that makes it
	// faster, up to 16, and less when the server asks for it (429, 503).
	Parallel int
	// BytesPerSecond bounds what all calls send together; 0 does not.
	BytesPerSecond int64
	// Journal is a directory, made when it is needed, in which the calls note
	// what has arrived, so that one that is cut off can be gone on with by
	// another process. "" keeps none. The key is never written to it. A file that
	// goes by one request needs none, and has none.
	Journal string
	// NoMD5 leaves the MD5 out that the server checks the File by. It costs
	// several times what the sending does, beside it (and as much at a server
	// such as uploadd, which reads the File again for it), and finds a file that
	// was changed while it was sent even where its time does not show it. Without
	// it, what arrived is held against the checksums of a server that has them.
	NoMD5 bool
	// Patience is for how long a call goes on trying while nothing arrives; 0
	// is 5 minutes. There is no limit to the time in all, other than the
	// context's.
	Patience time.Duration
	// Progress is told what happens. It is called from several goroutines, but
	// by one at a time, and holds up the sending while it runs.
	Progress func(Progress)

	once   sync.Once
	shared *engine

	// For tests, which have no time: 0 is firstWait, and settling.
	firstWait, settling time.Duration
}

// Request describes the File to make.
type Request struct {
	// Filename is the File's name; "" is the last element of the path.
	Filename string
	// Purpose is one of api.Purposes; "" is "user_data".
	Purpose string
	// MimeType is what OpenAI wants to know of some purposes; "" goes by the
	// extension of Filename.
	MimeType string
	// ExpiresAfter is when the File expires by itself; nil is the server's default.
	ExpiresAfter *api.ExpiresAfter
}

// Source is bytes that can be read at any place, several at a time.
type Source struct {
	io.ReaderAt
	// Size is how many bytes there are.
	Size int64
	// Name is what Progress calls it; "" is the Filename of the Request.
	Name string
	// Identity says where the bytes come from, so that a later call with the
	// same one can go on: of a file, it is the path. Other bytes under the same
	// Identity are found out by their checksums. "" does not go on from an
	// earlier call, nor leaves anything for a later one.
	Identity string
	// Changed, if there is one, is asked when all has been sent: it returns
	// [ErrChanged], or what wraps it, if the bytes are not what they were.
	Changed func() error

	// state is what of a file changes with its bytes: another one is another file.
	state string
}

// UploadFile sends the file at path, a regular one. If u.Journal is set and an
// earlier call with the same path, server and Request was cut off, it goes on
// with that, unless the file has changed since.
//
// Errors: those of the file system; [ErrChanged], [ErrBusy], [*Incomplete],
// [ErrUnknownOutcome]; *api.Error, when the server refuses.
func (u *Uploader) UploadFile(ctx context.Context, path string, req Request) (*api.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	src, err := fileSource(f)
	if err != nil {
		return nil, err
	}
	if req.Filename == "" {
		req.Filename = filepath.Base(path)
	}
	return u.Upload(ctx, src, req)
}

// Upload sends src. Errors are those of UploadFile, and of src.
func (u *Uploader) Upload(ctx context.Context, src Source, req Request) (*api.File, error) {
	plan, err := u.Plan(src.Size)
	if err != nil {
		return nil, err
	}
	if src.Name == "" {
		src.Name = req.Filename
	}
	c := &call{Uploader: u, engine: u.engine(), src: src, req: req.complete(), plan: plan}
	c.good.Store(time.Now().UnixNano())
	if plan.Single && steady(req.Filename) {
		return c.single(ctx)
	}
	return c.upload(ctx)
}

// UploadStream sends r, read until EOF. The API wants the size first, so r is
// copied to a temporary file (in $TMPDIR), which has no name and vanishes with
// the process. It cannot be gone on with by another call. When ctx ends, a Read
// of r that blocks is left behind.
func (u *Uploader) UploadStream(ctx context.Context, r io.Reader, req Request) (*api.File, error) {
	f, size, err := spool(ctx, r)
	if err != nil {
		return nil, err
	}
	defer drop(f)
	if req.Filename == "" {
		req.Filename = "upload"
	}
	return u.Upload(ctx, Source{ReaderAt: f, Size: size}, req)
}

// complete fills in the defaults.
func (r Request) complete() Request {
	if r.Purpose == "" {
		r.Purpose = "user_data"
	}
	if r.MimeType == "" {
		r.MimeType = mimeType(r.Filename)
	}
	return r
}

// engine is what the calls of an Uploader share.
type engine struct {
	gate   *gate
	pace   *pace
	report *reporter
}

func (u *Uploader) engine() *engine {
	u.once.Do(func() {
		if u.Journal != "" {
			sweep(u.Journal)
		}
		u.shared = &engine{
			gate:   newGate(u.Parallel),
			pace:   &pace{perSecond: u.BytesPerSecond},
			report: &reporter{tell: u.Progress},
		}
	})
	return u.shared
}

func (u *Uploader) patience() time.Duration {
	if u.Patience > 0 {
		return u.Patience
	}
	return 5 * time.Minute
}
