package openaifake

import (
	"net/http"
	"slices"
	"strconv"

	"uploadd/api"
)

func (s *Server) createFile(r *http.Request) (any, error) {
	data, values, err := form(r, "file")
	if err != nil {
		return nil, err
	}
	if values["purpose"] == "" || values["filename"] == "" {
		return nil, api.Errorf(api.ErrInvalid, "", "'purpose' and 'file' are required properties")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(api.File{Filename: values["filename"], Purpose: values["purpose"], CreatedAt: s.now()}, data), nil
}

// listFiles lists the newest first.
func (s *Server) listFiles(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	limit := api.MaxListLimit
	if n, err := strconv.Atoi(q.Get("limit")); err == nil {
		limit = n
	}
	all := slices.Clone(s.files)
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b *file) int { return int(b.CreatedAt - a.CreatedAt) })
	if q.Get("order") == "asc" {
		slices.Reverse(all)
	}
	page, begun, more := []api.File{}, q.Get("after") == "", false
	for _, f := range all {
		switch {
		case !begun:
			begun = f.ID == q.Get("after")
		case q.Get("purpose") != "" && q.Get("purpose") != f.Purpose:
		case len(page) == limit:
			more = true
		default:
			page = append(page, f.File)
		}
	}
	return api.NewList(page, more, func(f *api.File) string { return f.ID }), nil
}

func (s *Server) getFile(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(r)
	if err != nil {
		return nil, err
	}
	return f.File, nil
}

func (s *Server) find(r *http.Request) (*file, error) {
	i := slices.IndexFunc(s.files, func(f *file) bool { return f.ID == r.PathValue("id") })
	if i < 0 {
		return nil, api.Errorf(api.ErrNotFound, "id", "No such File object: %s", r.PathValue("id"))
	}
	return s.files[i], nil
}

func (s *Server) deleteFile(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(r)
	if err != nil {
		return nil, err
	}
	s.files = slices.DeleteFunc(s.files, func(other *file) bool { return other == f })
	return api.DeletedFile{Object: "file", Deleted: true, ID: f.ID}, nil
}

// content is for what the service made itself, and for batches.
func (s *Server) content(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(r)
	if err != nil {
		return nil, err
	}
	if f.Purpose != "batch" && f.Purpose != "fine-tune" {
		return nil, api.Errorf(api.ErrInvalid, "", "Not allowed to download files of purpose: %s", f.Purpose)
	}
	return f.data, nil
}
