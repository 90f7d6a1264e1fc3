package uploads_test

import (
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
)

// The model that the domain is held to keeps the contract itself.
func TestModel(t *testing.T) {
	uploadstest.TestAPI(t, func(*testing.T) api.API { return &uploadstest.Model{Now: 1_800_000_000} })
}
