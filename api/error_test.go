package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestErrorIs(t *testing.T) {
	state := fmt.Errorf("wrapped: %w", Errorf(ErrState, "upload_id", "Upload %s is %s.", "u", "completed"))
	for target, want := range map[*Error]bool{ErrState: true, ErrInvalid: true, ErrNotFound: false, ErrInternal: false} {
		if errors.Is(state, target) != want {
			t.Errorf("is %d %q: %v, want %v", target.Status, target.Code, !want, want)
		}
	}
	if errors.Is(Errorf(ErrInvalid, "", "x"), ErrState) {
		t.Error("every 400 is a conflict of state")
	}
	caused := Errorf(ErrUnavailable, "", "Not now.").Because(io.ErrUnexpectedEOF)
	if !errors.Is(caused, io.ErrUnexpectedEOF) || caused.Error() != "Not now." || caused.Type != TypeServer {
		t.Errorf("%+v", caused)
	}
}

func TestErrorJSON(t *testing.T) {
	for e, want := range map[*Error]string{
		Errorf(ErrNotFound, "id", "No <such> File"):        `{"message":"No <such> File","type":"invalid_request_error","param":"id","code":null}`,
		Errorf(ErrState, "", "x").WithCode(CodeInvalidKey): `{"message":"x","type":"invalid_request_error","param":null,"code":"invalid_api_key"}`,
	} {
		if got, err := e.MarshalJSON(); err != nil || string(got) != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
	if got, err := json.Marshal(&File{Object: "file", ID: "file-1"}); err != nil ||
		string(got) != `{"object":"file","id":"file-1","purpose":"","filename":"","bytes":0,"created_at":0,"expires_at":null,"status":"","status_details":null}` {
		t.Errorf("a file: %s, %v", got, err)
	}
	if got, err := json.Marshal(NewList([]File{}, false, func(f *File) string { return f.ID })); err != nil ||
		string(got) != `{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}` {
		t.Errorf("an empty list: %s, %v", got, err)
	}
}
