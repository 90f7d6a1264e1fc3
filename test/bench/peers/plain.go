package peers

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"uploadd/test/bench/load"
)

// What the program that calls Serve does, by the name of the variable that tells it.
const (
	plainDir = "BENCH_PLAIN_DIR"
	plainAt  = "BENCH_PLAIN_ADDRESS"
)

// Plain is what most servers in Go do with a form: mime/multipart, io.Copy, and here a
// flush. It has no records and no checksums.
func Plain() Kind {
	return Kind{Name: "mime/multipart", Flushes: true, Start: func(t testing.TB, dir string) *Server {
		return own(t, "mime/multipart", dir, dir)
	}}
}

// Discard reads bodies and lets go of them: the least that a server in Go can do.
func Discard() Kind {
	return Kind{Name: "discard", Flushes: true, Forgets: true, Start: func(t testing.TB, dir string) *Server {
		return own(t, "discard", dir, "")
	}}
}

// own runs this very program as a server.
func own(t testing.TB, name, dir, keepIn string) *Server {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	address := Free(t)
	s := run(t, name, dir, address, []string{plainDir + "=" + keepIn, plainAt + "=" + address}, self)
	s.Object = func(parts int, size int64) Object { return plainObject{} }
	return s
}

// Serve is what the process does that own started, and never returns in it. In others
// it does nothing.
func Serve() {
	address, ours := os.LookupEnv(plainAt)
	if !ours {
		return
	}
	dir := os.Getenv(plainDir)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /parts/{n}", func(w http.ResponseWriter, r *http.Request) {
		var err error
		if dir == "" {
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 256<<10))
		} else {
			err = keep(r, filepath.Join(dir, filepath.Base(r.PathValue("n"))))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("GET /parts/{n}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(dir, filepath.Base(r.PathValue("n"))))
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(address, mux))
	os.Exit(1)
}

// keep writes the form's first part to a file.
func keep(r *http.Request, path string) error {
	form, err := r.MultipartReader()
	if err != nil {
		return err
	}
	part, err := form.NextPart()
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, part)
	return errors.Join(err, f.Sync(), f.Close())
}

type plainObject struct{}

func (plainObject) Begin(*load.Conn) error { return nil }
func (plainObject) End(*load.Conn) error   { return nil }

func (plainObject) Part(c *load.Conn, i int, d load.Data) error {
	_, err := c.Do(form(fmt.Sprintf("/parts/%d", i), "data", d, ""))
	return err
}

func (plainObject) ReadPart(c *load.Conn, i int, into *load.Held) error {
	_, err := c.Do(load.Request{Method: "GET", Path: fmt.Sprintf("/parts/%d", i), Into: into})
	return err
}
