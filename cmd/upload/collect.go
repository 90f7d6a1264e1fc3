package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// item is one thing to send.
type item struct {
	name string // as it was given; of a stream, the name that the file gets
	path string // "" for standard input
	size int64  // -1 for what tells its size only at its end
	err  error  // why it cannot be sent
}

const stdinName = "stdin"

// collect finds what is to be sent, in the order of the arguments. What cannot
// be sent is among it, with the reason.
func (c *sendCmd) collect(env *environment) (items []*item, err error) {
	for _, arg := range c.Files {
		if arg == "-" {
			items = append(items, &item{name: c.streamName(stdinName), size: -1})
		} else {
			found := c.find(arg)
			if len(found) == 0 && len(c.Files) > 1 {
				found = []*item{{name: arg, path: arg, err: errors.New("there are no files in it")}}
			}
			items = append(items, found...)
		}
	}
	if c.Filename != "" && len(items) > 1 {
		return nil, usagef("--filename is for one file, and there are %d", len(items))
	}
	if len(items) == 0 {
		return nil, usagef("there are no files in what was named")
	}
	given := map[string]bool{}
	for _, it := range items {
		key := "-"
		if it.path != "" {
			key = filepath.Clean(it.path)
		}
		if given[key] {
			return nil, usagef("%s is named twice", shown(it.name))
		}
		given[key] = true
	}
	return items, nil
}

func (c *sendCmd) streamName(name string) string {
	if c.Filename != "" {
		return c.Filename
	}
	return name
}

// find is what an argument stands for.
func (c *sendCmd) find(arg string) []*item {
	info, err := os.Stat(arg)
	switch {
	case err != nil:
		return []*item{{name: arg, path: arg, err: reason(err)}}
	case info.Mode().IsRegular():
		return []*item{{name: arg, path: arg, size: info.Size()}}
	case !info.IsDir():
		return []*item{{name: c.streamName(filepath.Base(arg)), path: arg, size: -1}} // a pipe, such as <(command)
	case !c.Recursive:
		return []*item{{name: arg, path: arg, err: errors.New("it is a directory: add --recursive to send what is in it")}}
	}
	return walk(arg)
}

// walk finds the regular files below dir, in the order of their names.
func walk(dir string) (items []*item) {
	add := func(path string, size int64, err error) {
		items = append(items, &item{name: path, path: path, size: size, err: err})
	}
	// With a slash it is the directory that a link leads to.
	err := filepath.WalkDir(dir+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			add(path, 0, reason(err))
			return nil // the others are sent all the same
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			add(path, 0, reason(err))
			return nil
		}
		add(path, info.Size(), nil)
		return nil
	})
	if err != nil {
		add(dir, 0, err)
	}
	return items
}

// reason is err without the path, which stands before it anyway.
func reason(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}
