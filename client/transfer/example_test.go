package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"uploadd/client"
	"uploadd/client/transfer"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/server"
	"uploadd/internal/uploads"
)

// Send a file. With OpenAI, the base URL is https://api.openai.com/v1.
func ExampleUploader_UploadFile() {
	baseURL, dir, stop := startServer()
	defer stop()
	path := filepath.Join(dir, "training.jsonl")
	if err := os.WriteFile(path, make([]byte, 3<<20), 0o600); err != nil {
		log.Fatal(err)
	}

	c, err := client.New(client.Config{BaseURL: baseURL, Key: os.Getenv("OPENAI_API_KEY")})
	if err != nil {
		log.Fatal(err)
	}
	u := &transfer.Uploader{
		Client:   c,
		PartSize: 1 << 20,
		Journal:  filepath.Join(dir, "journal"), // to go on with after a crash
		Progress: func(p transfer.Progress) {
			if p.Event == transfer.Completing {
				fmt.Printf("%d of %d Parts have arrived\n", p.Parts, p.PartsTotal)
			}
		},
	}
	file, err := u.UploadFile(context.Background(), path, transfer.Request{Purpose: "fine-tune"})
	var cut *transfer.Incomplete
	switch {
	case errors.As(err, &cut) && cut.Resumable:
		log.Fatalf("call it again to go on: %v", err)
	case errors.Is(err, transfer.ErrUnknownOutcome):
		log.Fatalf("look at the list of files: %v", err)
	case err != nil:
		log.Fatal(err)
	}
	fmt.Println(file.Filename, file.Bytes, file.Status)
	// Output:
	// 3 of 3 Parts have arrived
	// training.jsonl 3145728 processed
}

// Send what has no length, such as standard input.
func ExampleUploader_UploadStream() {
	baseURL, _, stop := startServer()
	defer stop()
	c, err := client.New(client.Config{BaseURL: baseURL})
	if err != nil {
		log.Fatal(err)
	}
	u := &transfer.Uploader{Client: c}
	file, err := u.UploadStream(context.Background(), strings.NewReader("hello, world\n"), transfer.Request{Filename: "hello.txt"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.Filename, file.Bytes)
	// Output: hello.txt 13
}

// startServer runs uploadd on a loopback address, with its data in dir.
func startServer() (baseURL, dir string, stop func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	records, err := meta.OpenSQLite(context.Background(), filepath.Join(dir, "uploadd.db"))
	if err != nil {
		log.Fatal(err)
	}
	blobs, err := blob.OpenDisk(filepath.Join(dir, "blobs"))
	if err != nil {
		log.Fatal(err)
	}
	all := uploads.New(uploads.Config{Meta: records, Blobs: blobs}).For("example")
	s := httptest.NewServer(server.New(server.Config{
		Authenticate: func(context.Context, server.Credentials) (server.Caller, error) {
			return server.Caller{API: all}, nil
		},
	}))
	return s.URL + "/v1", dir, func() {
		s.Close()
		if err := errors.Join(blobs.Close(), records.Close(), os.RemoveAll(dir)); err != nil {
			log.Fatal(err)
		}
	}
}
