package uploadstest

import (
	"bytes"
	"cmp"
	"context"
	"hash/crc32"
	"io"
	"slices"

	"uploadd/api"
)

// file records a File of data; f says the rest of it.
func (m *Model) file(u *modelUpload, data string, f api.File, life int64) *modelFile {
	f.ID, f.Object, f.Status, f.Bytes = m.id("file-%022d"), "file", "processed", int64(len(data))
	if life != 0 {
		end := f.CreatedAt + life
		f.ExpiresAt = &end
	}
	made := &modelFile{File: f, upload: u, data: data}
	m.files = append(m.files, made)
	return made
}

func (m *Model) CreateFile(_ context.Context, data io.Reader, describe func() (api.CreateFileRequest, error)) (*api.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := io.ReadAll(data)
	if err != nil {
		return nil, err
	}
	if len(b) > api.MaxFile {
		return nil, api.Errorf(api.ErrTooLarge, "file", "The file is too large").WithCode(api.CodeFileTooLarge)
	}
	req, err := describe()
	if err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	f := m.file(nil, string(b), api.File{Filename: req.Filename, Purpose: req.Purpose, CreatedAt: m.Now},
		modelLife(req.Purpose, req.ExpiresAfter)).File
	return &f, nil
}

func (m *Model) ListFiles(_ context.Context, q api.ListQuery) (*api.List[api.File], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return modelList(m.files, q, func(f *modelFile) (api.File, bool) {
		return f.File, m.lives(f) && (q.Purpose == "" || q.Purpose == f.Purpose)
	}, func(f *api.File) (int64, string) { return f.CreatedAt, f.ID })
}

func (m *Model) findFile(id string) (*modelFile, error) {
	for _, f := range m.files {
		if f.ID == id && m.lives(f) {
			return f, nil
		}
	}
	return nil, api.Errorf(api.ErrNotFound, "id", "No such File object: %s", id)
}

func (m *Model) GetFile(_ context.Context, id string) (*api.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.findFile(id)
	if err != nil {
		return nil, err
	}
	w := f.File
	return &w, nil
}

func (m *Model) DeleteFile(_ context.Context, id string) (*api.DeletedFile, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.findFile(id)
	if err != nil {
		return nil, err
	}
	m.drop(f, m.Now)
	return &api.DeletedFile{Object: "file", Deleted: true, ID: id}, nil
}

func (m *Model) drop(f *modelFile, at int64) {
	f.deleted = at
	if f.upload != nil {
		f.upload.ended = at
	}
}

func (m *Model) OpenFile(_ context.Context, id string) (api.Content, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.findFile(id)
	if err != nil {
		return nil, err
	}
	return &modelContent{bytes.NewReader([]byte(f.data)), f}, nil
}

type modelContent struct {
	*bytes.Reader
	f *modelFile
}

func (c *modelContent) Close() error { return nil }

func (c *modelContent) File() *api.File { f := c.f.File; return &f }

func (c *modelContent) CRC32C() (uint32, bool) {
	return crc32.Checksum([]byte(c.f.data), castagnoli), true
}

// Usage counts what lives.
func (m *Model) Usage(context.Context) (*api.Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := &api.Usage{Object: "usage"}
	for _, f := range m.files {
		if m.lives(f) {
			u.Project.Files++
			u.Project.Bytes += f.Bytes
		}
	}
	for _, up := range m.uploads {
		if m.status(up) == api.StatusPending {
			u.Project.Uploads++
			u.Project.ReservedBytes += max(up.Bytes, up.added)
		}
	}
	return u, nil
}

// modelList is the page that q asks for. Of what is not shown, the place is
// kept: a walk may go on behind it.
func modelList[R, W any](records []R, q api.ListQuery, show func(R) (W, bool), at func(*W) (int64, string)) (*api.List[W], error) {
	if err := q.Normalize(); err != nil {
		return nil, err
	}
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b R) int {
		v, _ := show(a)
		w, _ := show(b)
		createdA, _ := at(&v)
		createdB, _ := at(&w)
		return cmp.Compare(createdA, createdB)
	})
	if q.Order == "desc" {
		slices.Reverse(records)
	}
	found := q.After == ""
	var data []W
	for _, r := range records {
		w, shown := show(r)
		if found && shown {
			data = append(data, w)
		}
		if _, id := at(&w); id == q.After {
			found = true
		}
	}
	if !found {
		return nil, api.Errorf(api.ErrInvalid, "after", "no object with id %s", q.After)
	}
	more := len(data) > q.Limit
	data = data[:min(len(data), q.Limit)]
	return api.NewList(data, more, func(w *W) string { _, id := at(w); return id }), nil
}
