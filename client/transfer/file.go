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

// spool copies r to a temporary file, and tells its size.
func spool(ctx context.Context, r io.Reader) (f *os.File, size int64, err error) {
	f, err = os.CreateTemp("", "upload-")
	if err != nil {
		return nil, 0, err
	}
	if !openKeepsName {
		err = os.Remove(f.Name())
	}
	if err == nil {
		size, err = copyUntilDone(ctx, f, r)
	}
	if err != nil {
		drop(f)
		return nil, 0, err
	}
	return f, size, nil
}

// openKeepsName is whether an open file cannot be without a name.
const openKeepsName = runtime.GOOS == "windows"

// drop closes what spool made, and it is gone.
func drop(f *os.File) {
	f.Close() // nothing is lost with it
	if openKeepsName {
		_ = os.Remove(f.Name())
	}
}

// copyUntilDone copies r to w. When ctx ends, a Read that goes on is left behind.
func copyUntilDone(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	type result struct {
		n   int64
		err error
	}
	copied := make(chan result, 1)
	go func() {
		n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 256<<10))
		copied <- result{n, err}
	}()
	select {
	case got := <-copied:
		return got.n, got.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
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
