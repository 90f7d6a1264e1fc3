package api

import "encoding/json"

// Event is the body of a webhook (extension). It has the shape of OpenAI's: its Data is
// what the event is about.
type Event struct {
	ID        string `json:"id"`     // "evt_" and 32 hex digits; the same each time that it is sent
	Object    string `json:"object"` // always "event"
	Type      string `json:"type"`   // "upload.completed", "upload.expired" or "file.deleted"
	CreatedAt int64  `json:"created_at"`
	Project   string `json:"project"`
	// Data is an Upload, with its File if it has one, or for "file.deleted" an EndedFile.
	Data json.RawMessage `json:"data"`
}

// EndedFile is a File that is there no more.
type EndedFile struct {
	File
	Reason string `json:"reason"` // "requested" if somebody deleted it, "expired" if its time was up
}
