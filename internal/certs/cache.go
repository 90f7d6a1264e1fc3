package certs

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/crypto/acme/autocert"
)

// cache keeps keys and certificates in a directory. It differs from
// autocert.DirCache in that a loss of power leaves no empty file behind: one in
// the place of the account's key would have to be removed by hand.
type cache struct{ root *os.Root }

func openCache(dir string) (*cache, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &cache{root}, nil
}

// Get implements autocert.Cache. Part of name may come from a client, but it
// never leads out of the directory.
func (c *cache) Get(_ context.Context, name string) ([]byte, error) {
	data, err := c.root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, autocert.ErrCacheMiss
	}
	return data, err
}

// Put implements autocert.Cache: there is the old data or the new, whole.
func (c *cache) Put(_ context.Context, name string, data []byte) error {
	temporary := ".new-" + rand.Text()
	f, err := c.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = c.root.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(err, c.root.Remove(temporary))
	}
	return c.flush()
}

// Delete implements autocert.Cache.
func (c *cache) Delete(_ context.Context, name string) error {
	if err := c.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// flush flushes the names in the directory.
func (c *cache) flush() error {
	d, err := c.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
