package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"path/filepath"
	"strings"

	"uploadd/client"
	"uploadd/client/transfer"
)

// Fetch a File. What has arrived when it is cut off is gone on with by the next
// call with the same path.
func ExampleDownloader_DownloadFile() {
	baseURL, dir, stop := startServer()
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

	d := &transfer.Downloader{Client: c}
	path := filepath.Join(dir, "back.txt")
	checked, err := d.DownloadFile(context.Background(), file, path, false)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("held against the server's checksum:", checked)
	_, err = d.DownloadFile(context.Background(), file, path, false)
	fmt.Println("a second one is refused:", errors.Is(err, fs.ErrExist))

	var b bytes.Buffer
	if _, err := d.Download(context.Background(), file, &b); err != nil {
		log.Fatal(err)
	}
	fmt.Print(b.String())
	// Output:
	// held against the server's checksum: true
	// a second one is refused: true
	// hello, world
}
