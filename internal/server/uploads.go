package server

import (
	"io"
	"net/http"
	"net/url"
	"strconv"

	"uploadd/api"
)

// Bounds of JSON bodies, in bytes: far above what a request of each kind needs.
const (
	maxCreateBody   = 64 << 10
	maxCompleteBody = 4 << 20 // api.MaxPartIDs ids of 37 bytes, quoted, and room for spaces
)

func createUpload(a api.API, r *http.Request) (any, error) {
	o, err := decode(r, maxCreateBody)
	if err != nil {
		return nil, err
	}
	req := api.CreateUploadRequest{
		Filename: o.string("filename", required),
		Purpose:  o.string("purpose", required),
		Bytes:    o.integer("bytes", required),
		MimeType: o.string("mime_type", required),
	}
	if e := o.object("expires_after", optional); e != nil {
		req.ExpiresAfter = &api.ExpiresAfter{Anchor: e.string("anchor", required), Seconds: e.integer("seconds", required)}
		e.close()
	}
	if err := o.close(); err != nil {
		return nil, err
	}
	return a.CreateUpload(r.Context(), req)
}

func getUpload(a api.API, r *http.Request) (any, error) {
	return a.GetUpload(r.Context(), r.PathValue("id"))
}

func listUploads(a api.API, r *http.Request) (any, error) {
	q, err := listQuery(r)
	if err != nil {
		return nil, err
	}
	return a.ListUploads(r.Context(), q)
}

func addPart(a api.API, r *http.Request) (any, error) {
	f, err := newForm(r, "data")
	if err != nil {
		return nil, err
	}
	return a.AddPart(r.Context(), r.PathValue("id"), f)
}

func listParts(a api.API, r *http.Request) (any, error) {
	q, err := listQuery(r)
	if err != nil {
		return nil, err
	}
	return a.ListParts(r.Context(), r.PathValue("id"), q)
}

func completeUpload(a api.API, r *http.Request) (any, error) {
	o, err := decode(r, maxCompleteBody)
	if err != nil {
		return nil, err
	}
	req := api.CompleteUploadRequest{
		PartIDs: o.strings("part_ids", required),
		MD5:     o.string("md5", optional),
	}
	if err := o.close(); err != nil {
		return nil, err
	}
	return a.CompleteUpload(r.Context(), r.PathValue("id"), req)
}

// cancelUpload takes no body. The Python SDK announces JSON and sends none, so
// whatever little is there is read and not looked at.
func cancelUpload(a api.API, r *http.Request) (any, error) {
	if _, err := io.CopyN(io.Discard, r.Body, maxCreateBody); err != nil && err != io.EOF {
		return nil, err
	}
	return a.CancelUpload(r.Context(), r.PathValue("id"))
}

// listQuery reads the parameters that all lists share. A parameter given twice
// is refused; unknown ones are not looked at.
func listQuery(r *http.Request) (q api.ListQuery, err error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, api.Errorf(api.ErrInvalid, "", "The query of the URL is malformed: %s.", err)
	}
	for name, to := range map[string]*string{"after": &q.After, "order": &q.Order, "purpose": &q.Purpose} {
		if *to, err = only(values, name); err != nil {
			return q, err
		}
	}
	limit, err := only(values, "limit")
	if err != nil || !values.Has("limit") {
		return q, err
	}
	if q.Limit, err = strconv.Atoi(limit); err != nil || q.Limit < 1 {
		return q, api.Errorf(api.ErrInvalid, "limit",
			"Invalid value for 'limit': '%.20s'. Expected a whole number from 1 to %d.", limit, api.MaxListLimit)
	}
	return q, nil
}

func only(values url.Values, name string) (string, error) {
	if len(values[name]) > 1 {
		return "", api.Errorf(api.ErrInvalid, name, "The parameter '%s' is given %d times.", name, len(values[name]))
	}
	return values.Get(name), nil
}
