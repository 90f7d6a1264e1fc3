package uploads

import (
	"context"
	"errors"
	"io"
)

// Blobs keeps immutable bytes under keys that this package chooses and never
// uses twice.
type Blobs interface {
	// Put stores all of r under key, and returns how long the blob is. It may be
	// longer than r: a store that must announce a length before it has seen the bytes
	// goes by what r, an [api.Bounded], can yield at most, and fills the rest with
	// zero bytes. When it returns nil the bytes and the key survive a crash and a loss
	// of power. When it fails, whether the key exists is not known, nor whether it
	// will within [Config].Settle. An error of r is returned wrapped. A store that is
	// full is syscall.ENOSPC.
	Put(ctx context.Context, key string, r io.Reader) (size int64, err error)
	// Open reads n bytes from off. A missing key is fs.ErrNotExist, and a blob
	// that ends before off+n is an error, not a shorter read. More may follow.
	Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
	// Size is the length of the blob, as Put returned it. A missing key is
	// fs.ErrNotExist.
	Size(ctx context.Context, key string) (int64, error)
	// Delete removes keys, for good: none of those it returns as gone comes
	// back after a crash. A missing key counts as gone. An error concerns only
	// keys that are not among the gone.
	Delete(ctx context.Context, keys []string) (gone []string, err error)
}

// Meta keeps the records. Every method is one atomic step that is on stable
// storage when it returns nil. A step that changes the state of an Upload or
// File compares and swaps: it returns [ErrConflict], and has changed nothing,
// when the record was not in the state it starts from. Times are Unix seconds;
// a missing record is fs.ErrNotExist, a full disk syscall.ENOSPC; project is part
// of every look-up. A step that would make a project or a key hold more than it may
// is a [*QuotaError]. The steps that let go of space (Discard, Cancel, DeleteFile and
// those of the janitor) are taken on a full disk too. Complete, DeleteFile and Expire
// record what the project's hooks are to be told of it, in the same step.
type Meta interface {
	// CreateUpload records a pending Upload, for which its project and its key
	// then hold the declared bytes.
	CreateUpload(ctx context.Context, u *Upload) error
	// Upload returns one Upload, whatever its state.
	Upload(ctx context.Context, project, id string) (*Upload, error)
	// Uploads returns a page in the order (created_at, sequence).
	Uploads(ctx context.Context, project string, p Page) ([]Upload, error)

	// Reserve puts keys into the bin, due at due: a blob is in the bin before
	// its first byte is stored.
	Reserve(ctx context.Context, keys []string, due int64) error
	// Discard makes keys due at due, and puts those that left the bin back into
	// it: their writers gave up, and may have stored something since the janitor
	// forgot them. A key that a record refers to stays as it is.
	Discard(ctx context.Context, keys []string, due int64) error

	// AddPart takes the Part's key out of the bin and records it, if its Upload
	// is pending at now and holds, with this Part, at most bounds. What was added
	// beyond the declared bytes is held as well. A key that is no longer in the
	// bin is [ErrLostKey].
	AddPart(ctx context.Context, project string, p *Part, now int64, bounds Bounds) error
	// Parts returns a page of an Upload's Parts in the order they were added.
	Parts(ctx context.Context, project, uploadID string, p Page) ([]Part, error)

	// Complete makes the pending Upload's File out of the Parts, in their
	// order, and puts its other Parts into the bin.
	Complete(ctx context.Context, f *File, parts []Part, now, due int64) error
	// Cancel ends a pending Upload and puts its Parts into the bin.
	Cancel(ctx context.Context, project, id string, now, due int64) error

	// CreateFile takes the only Part's key out of the bin and records the File.
	CreateFile(ctx context.Context, f *File, p *Part) error
	// File returns a File that is neither deleted nor expired at now.
	File(ctx context.Context, project, id string, now int64) (*File, error)
	// Files returns a page of such Files in the order (created_at, sequence).
	Files(ctx context.Context, project string, p Page, now int64) ([]File, error)
	// FileParts returns the Parts of a File in their order.
	FileParts(ctx context.Context, project, fileID string) ([]Part, error)
	// DeleteFile deletes such a File, puts its Parts into the bin, and notes in
	// the audit log who did it.
	DeleteFile(ctx context.Context, by Caller, id string, now, due int64) error

	// Accounts returns what the caller's project holds and may hold, and the same
	// of the key, if there is one.
	Accounts(ctx context.Context, by Caller) ([]Account, error)

	// Expire ends at most limit Uploads and Files whose time was up at now, as of
	// that time, puts their Parts into the bin, and returns how many it ended.
	Expire(ctx context.Context, now, due int64, limit int) (int, error)
	// Purge forgets at most limit ended Uploads and deleted Files that ended
	// before before, unless a hook is yet to be told of them, and what the audit log
	// says of the time a year before that; it returns how many it forgot.
	Purge(ctx context.Context, before int64, limit int) (int, error)
	// Doom returns at most limit keys that are due at now, having marked them
	// so that no AddPart or CreateFile can take them out of the bin any more. They
	// are due again at again: until then nobody else is given them.
	// A key that a record refers to is never returned.
	Doom(ctx context.Context, now, again int64, limit int) ([]string, error)
	// Forget removes doomed keys, whose blobs are gone, from the bin: those that
	// were discarded meanwhile stay.
	Forget(ctx context.Context, keys []string) error

	// AllParts returns Parts of every project with a sequence above after.
	AllParts(ctx context.Context, after int64, limit int) ([]Part, error)
	// AllFiles returns Files of every project, neither deleted nor expired at
	// now, with a sequence above after.
	AllFiles(ctx context.Context, after, now int64, limit int) ([]File, error)
	// Orphans returns Parts whose Upload or File has no record.
	Orphans(ctx context.Context, limit int) ([]Part, error)
	// Recover begins after a process that is gone. Keys in the bin that are due
	// after horizon, its reservations, become due at due; and pending Uploads
	// created after now, which was a clock that has been set back since, begin
	// their life at now.
	Recover(ctx context.Context, now, due, horizon int64) error
	// Bin returns the keys in the bin after the key after, in order.
	Bin(ctx context.Context, after string, limit int) ([]BinEntry, error)
	// Miscounted returns the accounts that do not say what the records say.
	Miscounted(ctx context.Context) ([]Account, error)
	// Known says whether a key is in the bin, that of a Part, the marker, or that of a
	// blob which a migration brings.
	Known(ctx context.Context, key string) (bool, error)

	// Ping says whether the store answers.
	Ping(ctx context.Context) error
	Close() error
}

// Errors of the stores that the domain acts upon.
var (
	// ErrConflict is a lost compare-and-swap.
	ErrConflict = errors.New("the record was not in the state this step starts from")
	// ErrLostKey is a key that left the bin before its Part was recorded: it
	// took longer than the reservation lives, and its blob is being deleted.
	ErrLostKey = errors.New("the reservation of the blob ran out")
	// ErrTooMuch is an Upload that would exceed its Bounds.
	ErrTooMuch = errors.New("the upload holds too much already")
	// ErrUnavailable is a store that cannot take writes at present.
	ErrUnavailable = errors.New("the store is not available")
)

// Upload is the record of an Upload.
type Upload struct {
	Seq       int64
	ID        string
	Project   string
	Key       string // the id of the key that made it, "" without one
	Filename  string
	Purpose   string
	MimeType  string
	Bytes     int64
	Status    string // as stored: a pending Upload may be past its ExpiresAt
	CreatedAt int64
	ExpiresAt int64
	FileLife  int64  // seconds from CreatedAt on; 0 is for ever
	FileID    string // "" unless completed
}

// Part is the record of a Part, and of the bytes of a File made in one piece.
// Its ID is the key of its blob.
type Part struct {
	Seq       int64
	ID        string
	UploadID  string // "" for a File made in one piece
	FileID    string // "" until the Upload is completed
	Offset    int64  // in the File
	Bytes     int64
	Padding   int64 // bytes of its blob behind the Part: see Blobs.Put
	CRC32C    uint32
	Sums      []byte // CRC-32C of each 256 KiB, 4 bytes each, the highest first
	CreatedAt int64
}

// stored is how long the Part's blob is.
func (p *Part) stored() int64 { return p.Bytes + p.Padding }

// File is the record of a File.
type File struct {
	Seq       int64
	ID        string
	Project   string
	Key       string // that made its Upload, or it in one piece
	UploadID  string // "" for a File made in one piece
	Filename  string
	Purpose   string
	Bytes     int64
	CRC32C    uint32
	CreatedAt int64
	ExpiresAt int64 // 0 is never
	Parts     int   // how many Parts it consists of
}

// BinEntry is a key in the bin.
type BinEntry struct {
	Key    string
	Due    int64
	Doomed bool
}

// Page selects part of a list. After is the id of a record that exists or
// existed: a deleted File keeps its place; fs.ErrNotExist otherwise.
type Page struct {
	After   string
	Limit   int
	Desc    bool
	Purpose string // "" for all
}

// Bounds is the most that an Upload may hold.
type Bounds struct {
	Bytes int64
	Parts int
}
