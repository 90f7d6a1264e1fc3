package api

// Limits of the API description, in bytes and seconds. A server may set lower
// or higher ones; these are the defaults.
const (
	// MaxPart is the largest Part: "64 MB", which the Python SDK takes to be
	// 64*1024*1024 bytes of data, whatever the form around them adds.
	MaxPart = 64 << 20
	// MaxUpload is the largest Upload: "8 GB".
	MaxUpload = 8 << 30
	// MaxFile is the largest File of a single POST /v1/files: "512 MB".
	MaxFile = 512 << 20
	// MaxPartIDs bounds the Parts of one File. The description names no bound.
	MaxPartIDs = 50_000

	// MinFileLife and MaxFileLife bound expires_after.seconds.
	MinFileLife = 3600
	MaxFileLife = 2_592_000
	// BatchFileLife is how long a File of purpose "batch" lives unless
	// expires_after says otherwise: 30 days.
	BatchFileLife = 2_592_000

	// MaxListLimit bounds a page of a list, and is the default.
	MaxListLimit = 10_000
	// MaxFilename bounds a file name, in characters.
	MaxFilename = 255
)

// Status is the state of an Upload.
type Status string

const (
	StatusPending   Status = "pending"
	StatusCompleted Status = "completed"
	StatusCancelled Status = "cancelled"
	StatusExpired   Status = "expired"
)

// Purposes are the values of purpose that can be created, in the order in
// which OpenAI's own error message lists them.
var Purposes = []string{"fine-tune", "assistants", "batch", "user_data", "vision", "evals"}

// ExpiresAfter is FileExpirationAfter: when a File expires by itself.
type ExpiresAfter struct {
	Anchor  string `json:"anchor"`  // always "created_at"
	Seconds int64  `json:"seconds"` // MinFileLife to MaxFileLife
}

// CreateUploadRequest is the body of POST /v1/uploads.
type CreateUploadRequest struct {
	Filename     string        `json:"filename"`
	Purpose      string        `json:"purpose"`
	Bytes        int64         `json:"bytes"` // the size of the whole File, 0 to MaxUpload
	MimeType     string        `json:"mime_type"`
	ExpiresAfter *ExpiresAfter `json:"expires_after,omitempty"` // of the File, not of the Upload
}

// CompleteUploadRequest is the body of POST /v1/uploads/{upload_id}/complete.
type CompleteUploadRequest struct {
	PartIDs []string `json:"part_ids"`
	MD5     string   `json:"md5,omitempty"` // of the whole File: 32 hex digits
}

// CreateFileRequest holds the fields that accompany the bytes of POST /v1/files.
type CreateFileRequest struct {
	Filename     string
	Purpose      string
	ExpiresAfter *ExpiresAfter
}

// Upload is a File in the making. Times are Unix seconds.
type Upload struct {
	ID        string `json:"id"`     // "upload_" and 32 hex digits
	Object    string `json:"object"` // always "upload"
	Bytes     int64  `json:"bytes"`  // as declared at creation
	CreatedAt int64  `json:"created_at"`
	Filename  string `json:"filename"`
	Purpose   string `json:"purpose"`
	Status    Status `json:"status"`
	ExpiresAt int64  `json:"expires_at"` // of the Upload
	File      *File  `json:"file,omitempty"`
}

// Part is a chunk of an Upload's bytes.
type Part struct {
	ID        string `json:"id"`     // "part_" and 32 hex digits
	Object    string `json:"object"` // always "upload.part"
	CreatedAt int64  `json:"created_at"`
	UploadID  string `json:"upload_id"`
}

// PartInfo is a Part as GET /v1/uploads/{upload_id}/parts lists it (extension):
// with what a resuming client needs to recognise it.
type PartInfo struct {
	Part
	Bytes  int64  `json:"bytes"`
	CRC32C string `json:"crc32c"` // Castagnoli, 8 hex digits
}

// File is OpenAIFile. Its JSON has all nine keys, always: expires_at and
// status_details are null rather than absent.
type File struct {
	Object        string  `json:"object"` // always "file"
	ID            string  `json:"id"`     // "file-" and 22 letters and digits
	Purpose       string  `json:"purpose"`
	Filename      string  `json:"filename"`
	Bytes         int64   `json:"bytes"`
	CreatedAt     int64   `json:"created_at"` // of the Upload, for a File made by one
	ExpiresAt     *int64  `json:"expires_at"`
	Status        string  `json:"status"` // always "processed": SDKs wait for it
	StatusDetails *string `json:"status_details"`
}

// DeletedFile answers DELETE /v1/files/{file_id}.
type DeletedFile struct {
	Object  string `json:"object"` // always "file"
	Deleted bool   `json:"deleted"`
	ID      string `json:"id"`
}

// Usage answers GET /v1/usage (extension): what the caller's project holds and may
// hold, and what the caller's key does, if it has one.
type Usage struct {
	Object  string   `json:"object"` // always "usage"
	Project Account  `json:"project"`
	Key     *Account `json:"key"`
}

// Account is what a project or a key holds and may hold.
type Account struct {
	ID            string        `json:"id"`             // the project's name, or the key's id
	Bytes         int64         `json:"bytes"`          // of Files
	ReservedBytes int64         `json:"reserved_bytes"` // by pending Uploads: what they declared, and were sent beyond it
	Files         int64         `json:"files"`
	Uploads       int64         `json:"uploads"` // pending
	Limits        AccountLimits `json:"limits"`
}

// AccountLimits is the most an Account may hold; nil is no limit.
type AccountLimits struct {
	Bytes             *int64 `json:"bytes"` // with what is reserved
	Files             *int64 `json:"files"` // with those that pending Uploads become
	Uploads           *int64 `json:"uploads"`
	RequestsPerMinute *int64 `json:"requests_per_minute"`
}

// ListQuery selects a page of a list. The zero value asks for the first page
// of everything, newest first.
type ListQuery struct {
	After   string // the id of the last object of the page before
	Limit   int    // 1 to MaxListLimit; 0 means MaxListLimit
	Order   string // "asc" or "desc" by created_at; "" means "desc"
	Purpose string // only objects of this purpose
}

// List is a page of a list. FirstID and LastID are null when Data is empty.
type List[T any] struct {
	Object  string  `json:"object"` // always "list"
	Data    []T     `json:"data"`
	FirstID *string `json:"first_id"`
	LastID  *string `json:"last_id"`
	HasMore bool    `json:"has_more"`
}

// NewList makes the page out of data, whose ids id tells.
func NewList[T any](data []T, hasMore bool, id func(*T) string) *List[T] {
	l := &List[T]{Object: "list", Data: data, HasMore: hasMore}
	if len(data) == 0 {
		l.Data = []T{} // [] on the wire, not null
		return l
	}
	first, last := id(&data[0]), id(&data[len(data)-1])
	l.FirstID, l.LastID = &first, &last
	return l
}
