package uploadstest

import (
	"fmt"
	"io"
	"strings"

	"uploadd/api"
)

// State is all that a project shows, without the ids that chance gave: what two
// implementations that were asked the same show alike.
func State(a api.API) (string, error) {
	var b strings.Builder
	asc := api.ListQuery{Order: "asc"}
	ups, err := a.ListUploads(background, asc)
	if err != nil {
		return "", err
	}
	for _, listed := range ups.Data {
		u, err := a.GetUpload(background, listed.ID)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "upload %s of %d bytes is %s, file %v\n", u.Filename, u.Bytes, u.Status, u.File != nil)
		parts, err := a.ListParts(background, u.ID, asc)
		if err != nil {
			return "", err
		}
		for _, p := range parts.Data {
			fmt.Fprintf(&b, "  part of %d bytes, %s\n", p.Bytes, p.CRC32C)
		}
	}
	files, err := a.ListFiles(background, asc)
	if err != nil {
		return "", err
	}
	for _, f := range files.Data {
		data, err := Download(a, f.ID)
		if err != nil {
			return "", fmt.Errorf("file %s: %w", f.ID, err)
		}
		fmt.Fprintf(&b, "file %s: %q\n", f.Filename, data)
	}
	return b.String(), nil
}

// Download reads a whole File.
func Download(a api.API, id string) ([]byte, error) {
	c, err := a.OpenFile(background, id)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return io.ReadAll(c)
}
