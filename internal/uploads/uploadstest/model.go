package uploadstest

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"uploadd/api"
)

// Model is the contract of api.API for one project as a program that is simple
// enough to be seen to be right: lists in memory, one step at a time, nothing
// stored. Suites hold the domain to it.
type Model struct {
	// Now is the present, in Unix seconds.
	Now int64
	// Adopt is the id that the next object gets; "" makes one up.
	Adopt string

	mu      sync.Mutex
	made    int
	uploads []*modelUpload // in the order they were made, as are parts and files
	files   []*modelFile
}

type modelUpload struct {
	api.Upload
	life  int64 // of the File, in seconds; 0 is for ever
	parts []modelPart
	added int64    // bytes of all Parts ever added
	named []string // the Parts it was completed with
	file  *modelFile
	ended int64 // when nothing was left of it but its record; 0 is not yet
}

type modelPart struct {
	api.PartInfo
	data string
}

type modelFile struct {
	api.File
	upload  *modelUpload
	data    string
	deleted int64
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	modelTTL        = 3600           // seconds that an Upload stays open
	modelRemembered = 30 * 24 * 3600 // seconds that the record of what ended stays
)

func (m *Model) id(shape string) string {
	if id := m.Adopt; id != "" {
		m.Adopt = ""
		return id
	}
	m.made++
	return fmt.Sprintf(shape, m.made)
}

func (m *Model) CreateUpload(_ context.Context, req api.CreateUploadRequest) (*api.Upload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if req.Bytes > api.MaxUpload {
		return nil, api.Errorf(api.ErrInvalid, "bytes", "%d is too much", req.Bytes)
	}
	u := &modelUpload{life: modelLife(req.Purpose, req.ExpiresAfter), Upload: api.Upload{
		ID: m.id("upload_%032x"), Object: "upload", Bytes: req.Bytes, CreatedAt: m.Now, Filename: req.Filename,
		Purpose: req.Purpose, Status: api.StatusPending, ExpiresAt: m.Now + modelTTL}}
	m.uploads = append(m.uploads, u)
	return m.show(u), nil
}

func modelLife(purpose string, e *api.ExpiresAfter) int64 {
	switch {
	case e != nil:
		return e.Seconds
	case purpose == "batch":
		return api.BatchFileLife
	}
	return 0
}

// show is the Upload as it is answered now.
func (m *Model) show(u *modelUpload) *api.Upload {
	w := u.Upload
	w.Status = m.status(u)
	if u.file != nil && m.lives(u.file) {
		f := u.file.File
		w.File = &f
	}
	return &w
}

func (m *Model) status(u *modelUpload) api.Status {
	if u.Status == api.StatusPending && m.Now >= u.ExpiresAt {
		return api.StatusExpired
	}
	return u.Status
}

func (m *Model) lives(f *modelFile) bool {
	return f.deleted == 0 && (f.ExpiresAt == nil || m.Now < *f.ExpiresAt)
}

// find returns the Upload. If pending it must be pending, or the error names
// its state.
func (m *Model) find(id string, pending bool) (*modelUpload, error) {
	for _, u := range m.uploads {
		if u.ID == id {
			if s := m.status(u); pending && s != api.StatusPending {
				return u, api.Errorf(api.ErrState, "upload_id", "Upload %s is %s", id, s)
			}
			return u, nil
		}
	}
	return nil, api.Errorf(api.ErrNotFound, "upload_id", "No such Upload object: %s", id)
}

func (m *Model) GetUpload(_ context.Context, id string) (*api.Upload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.find(id, false)
	if err != nil {
		return nil, err
	}
	return m.show(u), nil
}

func (m *Model) ListUploads(_ context.Context, q api.ListQuery) (*api.List[api.Upload], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return modelList(m.uploads, q, func(u *modelUpload) (api.Upload, bool) {
		w := m.show(u)
		w.File = nil
		return *w, q.Purpose == "" || q.Purpose == u.Purpose
	}, func(u *api.Upload) (int64, string) { return u.CreatedAt, u.ID })
}

func (m *Model) AddPart(_ context.Context, uploadID string, data io.Reader) (*api.Part, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.find(uploadID, true)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(data)
	switch n := int64(len(b)); {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, api.Errorf(api.ErrInvalid, "data", "The part is empty")
	case n > api.MaxPart:
		return nil, api.Errorf(api.ErrTooLarge, "data", "The part is too large").WithCode(api.CodePartTooLarge)
	case n > u.Bytes:
		return nil, api.Errorf(api.ErrInvalid, "data", "The part is larger than declared").WithCode(api.CodeSizeMismatch)
	}
	p := modelPart{data: string(b), PartInfo: api.PartInfo{
		Part:  api.Part{ID: m.id("part_%032x"), Object: "upload.part", CreatedAt: m.Now, UploadID: u.ID},
		Bytes: int64(len(b)), CRC32C: fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli))}}
	u.parts = append(u.parts, p)
	u.added += p.Bytes
	return &p.Part, nil
}

func (m *Model) ListParts(_ context.Context, uploadID string, q api.ListQuery) (*api.List[api.PartInfo], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.find(uploadID, false)
	if err != nil {
		return nil, err
	}
	parts := u.parts
	if shown := m.show(u); shown.Status != api.StatusPending && shown.File == nil {
		parts, q.After = nil, "" // nothing is left, nor a place in it
	}
	return modelList(parts, q, func(p modelPart) (api.PartInfo, bool) { return p.PartInfo, true },
		func(p *api.PartInfo) (int64, string) { return 0, p.ID }) // in the order they came, whatever the clock said
}

func (m *Model) CompleteUpload(_ context.Context, id string, req api.CompleteUploadRequest) (*api.Upload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum, err := hex.DecodeString(req.MD5)
	if err != nil || len(sum) != 0 && len(sum) != md5.Size {
		return nil, api.Errorf(api.ErrInvalid, "md5", "not an MD5")
	}
	u, err := m.find(id, true)
	if u == nil {
		return nil, err
	}
	if err != nil {
		if u.file != nil && m.lives(u.file) && slices.Equal(u.named, req.PartIDs) {
			return m.show(u), nil
		}
		return nil, err
	}
	kept, data, err := named(u, req.PartIDs)
	if err != nil {
		return nil, err
	}
	if got := md5.Sum([]byte(data)); len(sum) != 0 && !slices.Equal(sum, got[:]) {
		return nil, api.Errorf(api.ErrInvalid, "md5", "The MD5 is %x", got).WithCode(api.CodeMD5Mismatch)
	}
	u.parts, u.named, u.Status = kept, req.PartIDs, api.StatusCompleted
	u.file = m.file(u, data, api.File{Filename: u.Filename, Purpose: u.Purpose, CreatedAt: u.CreatedAt}, u.life)
	return m.show(u), nil
}

// named returns the Parts of u that ids name, in the order they came, and their
// bytes in the order of ids.
func named(u *modelUpload, ids []string) (kept []modelPart, data string, err error) {
	refuse := func(code, id string) error {
		return api.Errorf(api.ErrInvalid, "part_ids", "The parts do not fit: %s", id).WithCode(code)
	}
	for i, id := range ids {
		at := slices.IndexFunc(u.parts, func(p modelPart) bool { return p.ID == id })
		if at < 0 {
			return nil, "", refuse(api.CodeInvalidPart, id)
		}
		if slices.Contains(ids[:i], id) {
			return nil, "", refuse(api.CodeDuplicatePart, id)
		}
		data += u.parts[at].data
	}
	if int64(len(data)) != u.Bytes {
		return nil, "", refuse(api.CodeSizeMismatch, u.ID)
	}
	for _, p := range u.parts {
		if slices.Contains(ids, p.ID) {
			kept = append(kept, p)
		}
	}
	return kept, data, nil
}

func (m *Model) CancelUpload(_ context.Context, id string) (*api.Upload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.find(id, true)
	if u == nil || err != nil && u.Status != api.StatusCancelled {
		return nil, err
	}
	if err == nil {
		u.Status, u.parts, u.ended = api.StatusCancelled, nil, m.Now
	}
	return m.show(u), nil
}

// Clean is what the janitor does as far as anybody can see: it forgets what
// ended long ago, and notes what expired since it last came.
func (m *Model) Clean() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.uploads {
		if s := m.status(u); s != u.Status {
			u.Status, u.parts, u.ended = s, nil, u.ExpiresAt
		}
	}
	for _, f := range m.files {
		if f.deleted == 0 && !m.lives(f) {
			m.drop(f, *f.ExpiresAt)
		}
	}
	old := func(ended int64) bool { return ended != 0 && ended < m.Now-modelRemembered }
	m.uploads = slices.DeleteFunc(m.uploads, func(u *modelUpload) bool { return old(u.ended) })
	m.files = slices.DeleteFunc(m.files, func(f *modelFile) bool { return old(f.deleted) })
}
