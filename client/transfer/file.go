package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// fileSource is an open file as a Source.
func fileSource(f *os.File) (Source, error) {
	info, err := f.Stat()
	if err != nil {
		return Source{}, err
	}
	if !info.Mode().IsRegular() {
		return Source{}, &fs.PathError{Op: "upload", Path: f.Name(), Err: errors.New("not a regular file")}
	}
	path, err := filepath.Abs(f.Name())
	if err != nil {
		return Source{}, err
	}
	state := fileState(info)
	return Source{
		ReaderAt: f,
		Size:     info.Size(),
		Name:     f.Name(),
		Identity: path,
		state:    state,
		Changed: func() error {
			info, err := f.Stat()
			if err != nil {
				return &sourceError{err}
			}
			if fileState(info) != state {
				return ErrChanged
			}
			return nil
		},
	}, nil
}

func fileState(info fs.FileInfo) string {
	return fmt.Sprintf("%d bytes, %d ns, %s", info.Size(), info.ModTime().UnixNano(), fileID(info))
}

// spool copies r to a file without a name.
func spool(ctx context.Context, r io.Reader) (f *os.File, err error) {
	f, err = os.CreateTemp("", "upload-")
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" { // where an open file keeps its name
		err = os.Remove(f.Name())
	}
	if err == nil {
		_, err = io.CopyBuffer(struct{ io.Writer }{f}, &untilDone{ctx, r}, make([]byte, 256<<10))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// untilDone reads r until ctx ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u *untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p)
}

// mimeType goes by the extension, as OpenAI's examples do. The tables of the
// system do not know the one that most files here have.
func mimeType(filename string) string {
	ext := strings.ToLower(filepath.Ext(filename))
	if ext == ".jsonl" {
		return "text/jsonl"
	}
	if t, _, err := mime.ParseMediaType(mime.TypeByExtension(ext)); err == nil {
		return t
	}
	return "application/octet-stream"
}
