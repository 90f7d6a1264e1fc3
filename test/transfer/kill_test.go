// Package transfer kills processes that send a file, and has others go on.
package transfer

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/client/transfer"
	"uploadd/internal/openaifake"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

var kills = flag.Int("kills", 12, "how many processes are killed while they send, for each kind of server")

const partSize = 128 << 10

// Killed at random moments, the processes that send a file one after the other
// make one File of it, and it is whole.
func TestKilledSenders(t *testing.T) {
	t.Run("uploadd", func(t *testing.T) {
		s := program.Start(t, program.Options{})
		campaign(t, s.URL+"/v1", s.Client)
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		program.Check(t, s.Data)
	})
	t.Run("openai", func(t *testing.T) {
		s := openaifake.New(t, key)
		campaign(t, s.URL+"/v1", uploadstest.Must(client.New(client.Config{BaseURL: s.URL + "/v1", Key: key}))(t))
	})
}

// campaign kills senders until there were enough.
func campaign(t *testing.T, url string, a api.API) {
	dir, journal := t.TempDir(), t.TempDir()
	killed, resumed, files := 0, 0, 0
	for ; killed < *kills; files++ {
		data := uploadstest.Random(uint64(files), 20*partSize+files)
		path := filepath.Join(dir, fmt.Sprintf("%d.jsonl", files))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for {
			sender := begin(t, job{URL: url, Path: path, Journal: journal, PartSize: partSize, Parallel: 3})
			time.Sleep(time.Duration(rand.IntN(int(80 * time.Millisecond))))
			if !sender.kill() {
				sender.mustEnd(t)
				break
			}
			killed++
			if strings.Contains(sender.output.String(), "resumed") {
				resumed++
			}
			if finished(t, journal) && len(named(t, a, path)) > 0 {
				break // all was done, but for saying so
			}
		}
		there := named(t, a, path)
		if len(there) != 1 {
			t.Fatalf("there are %d Files of %s", len(there), path)
		}
		if got := uploadstest.Read(t, a, there[0].ID); !bytes.Equal(got, data) {
			t.Errorf("%s has %d other bytes than the %d that were sent", there[0].ID, len(got), len(data))
		}
		if !finished(t, journal) {
			t.Error("a journal is left")
		}
	}
	t.Logf("%d kills, of them %d while going on with what was there; %d files", killed, resumed, files)
}

// Of two processes that send the same file one says that it is busy.
func TestTwoSenders(t *testing.T) {
	s := openaifake.New(t, key)
	journal := t.TempDir()
	path := filepath.Join(t.TempDir(), "f")
	data := uploadstest.Random(1, 20*partSize)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	begun, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.Refuse = func(*http.Request, http.Header) *api.Error {
		once.Do(func() { close(begun) })
		<-release
		return nil
	}
	first := begin(t, job{URL: s.URL + "/v1", Path: path, Journal: journal})
	<-begun
	second := begin(t, job{URL: s.URL + "/v1", Path: path, Journal: journal})
	if code := second.end(); code != exitBusy {
		t.Errorf("the second ended with %d: %s", code, second.output.String())
	}
	close(release)
	first.mustEnd(t)
	if all := s.Contents(); len(all) != 1 || !bytes.Equal(all[0], data) {
		t.Errorf("%d Files, or other bytes", len(all))
	}
}

// finished says whether no journal has anything to go on with.
func finished(t *testing.T, journal string) bool {
	t.Helper()
	return len(uploadstest.Must(transfer.ListUnfinished(journal))(t)) == 0
}

func named(t *testing.T, a api.API, path string) (files []api.File) {
	t.Helper()
	for _, f := range uploadstest.Must(a.ListFiles(t.Context(), api.ListQuery{}))(t).Data {
		if f.Filename == filepath.Base(path) {
			files = append(files, f)
		}
	}
	return files
}
