package powercut

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// disk is a file in memory under a loop device. It logs what is written to it,
// and when it is told to flush.
type disk struct {
	fs.Inode
	mu    sync.Mutex
	bytes []byte
	log   []entry
	// logged is called after each entry, before the file system hears that it
	// was done; nothing is written meanwhile.
	logged func(at int, flush bool)
}

// entry is a write, or a flush if it has no data.
type entry struct {
	off  int64
	data []byte
}

func (e entry) flush() bool { return e.data == nil }

// serve shows the disk as a file, and returns its path. It ends with the test,
// after what was attached to it later.
func (d *disk) serve(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	root := &fs.Inode{}
	server, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, MaxWrite: 1 << 20},
		OnAdd: func(ctx context.Context) {
			root.AddChild("disk", root.NewPersistentInode(ctx, d, fs.StableAttr{Mode: syscall.S_IFREG}), true)
		},
	})
	if err != nil {
		t.Fatalf("writes are logged by way of /dev/fuse: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "disk")
}

func (d *disk) attr(out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o600, uint64(len(d.bytes))
	return fs.OK
}

func (d *disk) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return d.attr(out)
}

func (d *disk) Setattr(_ context.Context, _ fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return d.attr(out)
}

// Open asks for every write at once, none from a cache.
func (d *disk) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, fs.OK
}

func (d *disk) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if off >= int64(len(d.bytes)) {
		return fuse.ReadResultData(nil), fs.OK
	}
	return fuse.ReadResultData(dest[:copy(dest, d.bytes[off:])]), fs.OK
}

func (d *disk) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if off+int64(len(data)) > int64(len(d.bytes)) {
		return 0, syscall.ENOSPC
	}
	copy(d.bytes[off:], data)
	d.add(entry{off, append([]byte(nil), data...)})
	return uint32(len(data)), fs.OK
}

func (d *disk) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.add(entry{})
	return fs.OK
}

// Allocate refuses to punch holes, which the log has no word for.
func (d *disk) Allocate(context.Context, fs.FileHandle, uint64, uint64, uint32) syscall.Errno {
	return syscall.ENOTSUP
}

func (d *disk) add(e entry) {
	d.log = append(d.log, e)
	d.logged(len(d.log), e.flush())
}
