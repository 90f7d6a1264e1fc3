package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"uploadd/client"
	"uploadd/client/transfer"
	"uploadd/test/program"
)

const (
	key = "sk-secret-0123456789"
	// exitBusy is what a sender ends with that finds another one at work.
	exitBusy = 3
)

// TestMain makes of this program the sender as well.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "send" {
		os.Exit(send(os.Args[2]))
	}
	program.Main(m)
}

// job is what a sender is told, as JSON.
type job struct {
	URL, Path, Journal string
	PartSize           int64
	Parallel           int
	NoMD5              bool
}

// send sends a file, and prints what happens.
func send(raw string) int {
	var j job
	if err := json.Unmarshal([]byte(raw), &j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c, err := client.New(client.Config{BaseURL: j.URL, Key: key})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	u := &transfer.Uploader{
		Client: c, PartSize: j.PartSize, Journal: j.Journal, Parallel: j.Parallel, NoMD5: j.NoMD5,
		Progress: func(p transfer.Progress) {
			if p.Event != transfer.Sent {
				fmt.Println(p.Event, p.Err)
			}
		},
	}
	_, err = u.UploadFile(context.Background(), j.Path, transfer.Request{Purpose: "fine-tune"})
	switch {
	case errors.Is(err, transfer.ErrBusy):
		return exitBusy
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// sender is a running process.
type sender struct {
	cmd    *exec.Cmd
	output strings.Builder
}

func begin(t testing.TB, j job, env ...string) *sender {
	t.Helper()
	raw, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	s := &sender{cmd: exec.Command(os.Args[0], "send", string(raw))}
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.kill() })
	return s
}

// kill says whether it was still at work.
func (s *sender) kill() bool {
	s.cmd.Process.Kill()
	return s.end() == -1
}

func (s *sender) end() int {
	if s.cmd.ProcessState == nil {
		s.cmd.Wait() // the code tells
	}
	return s.cmd.ProcessState.ExitCode()
}

func (s *sender) mustEnd(t testing.TB) {
	t.Helper()
	if code := s.end(); code != 0 {
		t.Fatalf("a sender ended with %d: %s", code, s.output.String())
	}
}
