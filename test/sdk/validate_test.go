package sdk

import (
	"errors"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// The SDK shows which line is wrong, be it a File of one request or an Upload's.
func TestGoValidation(t *testing.T) {
	c := newGo(program.Start(t, program.Options{Flags: []string{"--validate=batch,fine-tune"}}).URL + "/v1/")
	const good = `{"messages":[{"role":"user","content":"a"}]}` + "\n"
	const bad = good + `{"messages":[{"content":"a"}]}` + "\n"
	const message = "Invalid file for purpose 'fine-tune': line 2: 'messages', message 1: 'role' is missing."

	file := func(text string) error {
		_, err := c.Files.New(t.Context(), openai.FileNewParams{
			File: openai.File(strings.NewReader(text), "f.jsonl", "text/jsonl"), Purpose: openai.FilePurposeFineTune})
		return err
	}
	wantRefused(t, file(bad), "file", message)
	if err := file(good); err != nil {
		t.Error(err)
	}

	u := uploadstest.Must(c.Uploads.New(t.Context(), openai.UploadNewParams{
		Filename: "f.jsonl", Purpose: openai.FilePurposeFineTune, Bytes: int64(len(bad)), MimeType: "text/jsonl"}))(t)
	add := func(text string) string {
		return uploadstest.Must(c.Uploads.Parts.New(t.Context(), u.ID, openai.UploadPartNewParams{Data: strings.NewReader(text)}))(t).ID
	}
	complete := func(ids ...string) error {
		_, err := c.Uploads.Complete(t.Context(), u.ID, openai.UploadCompleteParams{PartIDs: ids})
		return err
	}
	wantRefused(t, complete(add(bad[:50]), add(bad[50:])), "part_ids", message)
	if err := complete(add(good[:20]), add(good[20:]+strings.Repeat(" ", len(bad)-len(good)))); err != nil {
		t.Error(err)
	}
	if files := uploadstest.Must(c.Files.List(t.Context(), openai.FileListParams{}))(t); len(files.Data) != 2 {
		t.Errorf("there are %d files, want the two that are right", len(files.Data))
	}
}

func wantRefused(t *testing.T, err error, param, message string) {
	t.Helper()
	var e *openai.Error
	if !errors.As(err, &e) || e.StatusCode != 400 || e.Type != "invalid_request_error" || e.Code != "invalid_file_format" || e.Param != param || e.Message != message {
		t.Errorf("%v, want '%s' about %s", err, message, param)
	}
}
